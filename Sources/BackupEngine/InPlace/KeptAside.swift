package import BackupModel
import Foundation

/// What restores into place have put aside, and what may be done with it.
package struct KeptAside: Sendable {
    let engine: Engine
    package init(_ engine: Engine) { self.engine = engine }

    package struct Kept: Sendable {
        package var settlement: Settlement
        /// False while its restore has not been finished.
        package var isSettled: Bool
        var entry: JournalEntry
    }

    /// Newest first.
    package func all() throws(StoreError) -> [Kept] {
        try engine.journal.entries(profile: engine.profile.name).compactMap { entry in
            switch entry.action {
            case .keep(let settlement): Kept(settlement: settlement, isSettled: true, entry: entry)
            case .settle(let settlement) where engine.host.process(entry.process.pid) != entry.process:
                Kept(settlement: settlement, isSettled: false, entry: entry)
            case .settle, .endProcess, .removeFolder, .release, .dropDatabase: nil
            }
            // Runs of one second are told apart by chance.
        }.sorted { $0.settlement.began > $1.settlement.began }
    }

    /// - Parameter run: a run, or the beginning of its id; `nil` for the newest.
    package func find(_ run: String?) throws -> Kept {
        let all = try all()
        guard let first = all.first else {
            throw Failure(
                "nothing is kept aside: no restore into place can be undone",
                hint: "`holdfast restore RUN` restores another restore point", kind: .notFound)
        }
        guard let run else { return first }
        let found = all.filter { $0.settlement.run.rawValue.hasPrefix(run) }
        guard let kept = found.first, found.count == 1 else {
            throw Failure(
                found.isEmpty ? "run \(run) has nothing kept aside" : "\(run) fits \(found.count) runs",
                hint: "there is: " + all.map(\.settlement.run.rawValue).joined(separator: ", "), kind: .notFound)
        }
        return kept
    }

    /// A restore that began later than this one and was stopped before it was settled: who says "the last" may mean it.
    package func unsettledRestore(since kept: Kept) throws(StoreError) -> RunID? {
        let runs = try engine.store.runs(RunQuery(profile: engine.profile.name, operation: .restore, limit: 20))
        return runs.first { $0.started > kept.settlement.began && $0.outcome != .succeeded && $0.outcome != .skipped }?
            .id
    }

    /// Where something lies that was put aside below a place which another restore has put aside since.
    /// - Returns: `nil` where it does not lie there.
    func place(of aside: String, in kept: Kept) throws(Failure) -> String? {
        for case .path(let exchange) in kept.settlement.steps where aside.hasPrefix(exchange.place + "/") {
            let place = exchange.aside + aside.dropFirst(exchange.place.count)
            if try engine.host.entry(at: place) != nil { return place }
        }
        return nil
    }

    /// - Throws: where it went along with a folder that a later restore has put aside.
    func requireNotInside(_ aside: String, of kept: Kept) throws {
        for other in try all() where other.settlement.run != kept.settlement.run {
            guard let place = try place(of: aside, in: other) else { continue }
            throw Failure(
                "what was there before is at \(place) now: restore \(other.settlement.run) has put its folder aside",
                hint: "undo that one first: holdfast restore --undo \(other.settlement.run) -p \(engine.profile.name)")
        }
    }

    /// Removes what a restore has put aside.
    /// - Important: deletes it for good.
    /// - Returns: what was removed, for people.
    package func discard(_ kept: Kept) async throws -> [String] {
        guard kept.isSettled else {
            throw Failure(
                "the restore \(kept.settlement.run) is not finished", hint: "`holdfast recover` finishes it",
                kind: .usage)
        }
        for other in try all() where other.settlement.run != kept.settlement.run {
            for step in other.settlement.steps {
                guard case .path(let exchange) = step, let place = try place(of: exchange.aside, in: kept) else {
                    continue
                }
                throw Failure(
                    "\(place) is what restore \(other.settlement.run) put aside, and would be removed along",
                    hint:
                        "look at it; `holdfast restore --discard \(other.settlement.run) -p \(engine.profile.name)` forgets that restore, "
                        + "then this one can be discarded")
            }
        }
        var removed: [String] = []
        var folders: Set<String> = []
        for step in kept.settlement.steps {
            switch step {
            case .path(let exchange):
                for path in [exchange.aside] + exchange.sideFiles.map({ exchange.aside + $0 })
                where try engine.host.entry(at: path) != nil {
                    try engine.scratch.remove(path)
                    removed.append(path)
                }
                let folder = (exchange.aside as NSString).deletingLastPathComponent
                if (folder as NSString).lastPathComponent.hasPrefix(".holdfast-before-") { folders.insert(folder) }
            case .database(let renaming):
                guard engine.knowsSource(of: renaming.part) else {
                    removed.append(
                        "nothing of database \(renaming.aside), which is still on the server that source \(step.source) had: "
                            + "drop it there")
                    continue
                }
                let server = try await engine.server(of: renaming, for: kept.settlement.run)
                guard try await server.existing([renaming.aside]).contains(renaming.aside) else { continue }
                try await server.drop(renaming.aside)
                removed.append("database \(renaming.aside)")
            }
        }
        for folder in folders where try engine.host.names(in: folder).isEmpty { try engine.scratch.remove(folder) }
        try engine.journal.remove(kept.entry.id)
        return removed
    }
}
