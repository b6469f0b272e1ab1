import BackupModel
import Foundation
import Synchronization

/// Looks whether a restore point has what `--path` names, before anybody is asked to agree to a plan that cannot be carried out.
package struct ChosenPaths: Sendable {
    /// A path as it was asked for, and what stands for it in a snapshot.
    struct Wanted: Sendable {
        var part: ManifestPart
        var stored: String
        var asked: String
    }

    private let engine: Engine

    /// - Parameter engine: at the repository that is restored from.
    package init(_ engine: Engine) { self.engine = engine }

    /// - Throws: ``Failure`` naming the first path that is not there; what the repository throws.
    package func require(_ plan: InPlacePlan) async throws {
        guard !plan.options.paths.isEmpty else { return }
        try await require(
            plan.targets.flatMap { target in
                InPlacePlanner.paths(target.live).map {
                    Wanted(part: target.item.part, stored: $0.restored, asked: $0.live)
                }
            }, in: plan.point)
    }

    /// - Throws: as ``require(_:)-(InPlacePlan)``.
    package func require(_ plan: RestorePlan) async throws {
        try await require(
            plan.items.flatMap { item in
                item.include.map { Wanted(part: item.part, stored: $0, asked: $0) }
            }, in: plan.point)
    }

    private func require(_ wanted: [Wanted], in point: RestorePoint) async throws {
        var absent: [Wanted] = []
        var present: [Wanted] = []
        // A part that is one file is there as a whole, and a tree's own root is what it was made of.
        let files = Set(wanted.filter { !$0.part.isTree }.map(\.asked))
        for one in wanted
        where one.part.isTree && !one.part.roots.contains(one.stored) && !files.contains(one.asked) {
            if try await isThere(one) { present.append(one) } else { absent.append(one) }
        }
        guard let first = absent.first else { return }
        let others = present.filter { $0.asked == first.asked }.map(\.part.source.rawValue)
        let name = (first.asked as NSString).lastPathComponent.replacingOccurrences(of: "'", with: "'\\''")
        throw Failure(
            "restore point \(point.run) has nothing at \(first.asked) (source \(first.part.source))",
            hint: others.isEmpty
                ? "look for it in all restore points: holdfast find '\(name)' -p \(engine.profile.name)"
                : "source \(others[0]) has it: add --only \(others[0])", kind: .notFound)
    }

    private func isThere(_ wanted: Wanted) async throws -> Bool {
        let found = Mutex(false)
        let see: @Sendable (SnapshotEntry) -> Void = { entry in
            if ExactPath(entry.path) == ExactPath(wanted.stored) { found.withLock { $0 = true } }
        }
        let pattern = PathPattern(wanted.stored)
        if pattern.lastComponent.contains(where: { "*?[\\".contains($0) }) {
            // A search would take it for a pattern, and not find it.
            try await engine.primary.reader(for: wanted.part.snapshot).entries(see)
        } else {
            try await engine.primary.find(pattern, in: [wanted.part.snapshot]) { _, entry in see(entry) }
        }
        return found.withLock { $0 }
    }
}
