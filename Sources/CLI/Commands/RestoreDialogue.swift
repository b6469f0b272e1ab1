import BackupEngine
import BackupModel
import Foundation
import Synchronization

/// Leads somebody at a terminal from a list of restore points to a plan: which sources, which files, and where to.
struct RestoreDialogue {
    let engine: Engine
    let console: Console

    struct Choice {
        var only: [SourceName]?
        var paths: [String] = []
        /// `nil`: into place.
        var folder: String?
    }

    /// - Parameter point: as it was picked.
    /// - Throws: ``Failure`` when the input ends.
    func ask(_ point: RestorePoint, _ points: RestorePoints) async throws -> Choice {
        var choice = Choice()
        let sources = Array(Set(point.entries.map(\.part.source))).sorted()
        if sources.count > 1 { choice.only = try askSources(sources, point) }
        choice.paths = try await askFiles(point, points, choice.only)
        choice.folder = try askFolder()
        return choice
    }

    /// - Returns: `nil` for where it lives.
    private func askFolder() throws -> String? {
        while true {
            let answer = try Question.ask("Where to? Enter: where it lives. Or a folder to put it below:")
            if answer.isEmpty { return nil }
            // A word such as `yes` is no folder that anybody meant.
            if ["/", "~/", "./", "../"].contains(where: answer.hasPrefix) { return answer }
            console.print("a path that begins with / or ~/ or ./, or Ctrl-C")
        }
    }

    private func askSources(_ sources: [SourceName], _ point: RestorePoint) throws -> [SourceName]? {
        for (index, source) in sources.enumerated() {
            let parts = point.entries.map(\.part).filter { $0.source == source }
            let bytes = parts.reduce(ByteCount.zero) { $0 + $1.bytes }
            console.print("  \(index + 1)  \(source)  \(parts[0].sourceKind)  \(bytes)")
        }
        while true {
            let answer = try Question.ask("Which sources? Enter: all. Or numbers, as in 1 3:")
            if answer.isEmpty { return nil }
            if let chosen = Question.indices(answer, of: sources.count) { return chosen.map { sources[$0] } }
            console.print("numbers from 1 to \(sources.count), or Ctrl-C")
        }
    }

    private func askFiles(
        _ point: RestorePoint, _ points: RestorePoints, _ only: [SourceName]?
    ) async throws -> [String] {
        let trees = point.entries.map(\.part).filter { $0.isTree && (only?.contains($0.source) ?? true) }
        guard !trees.isEmpty else { return [] }
        var chosen: [String] = []
        while true {
            let answer = try Question.ask(
                chosen.isEmpty
                    ? "All of it? Enter: yes. Or a part of a name to look for, a /folder/ to look into, `since 2026-11-20`:"
                    : "More? Enter: no. Or a part of a name, a /folder/, days:")
            if answer.isEmpty { return chosen }
            guard let query = FileQuery(answer) else {
                console.print("days are written as in: invoice since 2026-11-20 until 2026-11-21")
                continue
            }
            let found = try await matches(query, trees)
            guard !found.isEmpty else {
                console.print("nothing like that in it")
                continue
            }
            for (index, entry) in found.prefix(40).enumerated() {
                let size = entry.type == .file ? "\(ByteCount(entry.size))" : entry.type.rawValue
                let modified = String(entry.modified.prefix(16)).replacingOccurrences(of: "T", with: " ")
                console.print("  \(index + 1)  \(modified)  \(size)  \(Console.harmlessName(entry.path))")
            }
            if found.count > 40 { console.print("  … and \(found.count - 40) more: say more of the name") }
            let numbers = try Question.ask("Which? Numbers, or Enter to look for something else:")
            if let indices = Question.indices(numbers, of: min(40, found.count)) {
                chosen += indices.map { found[$0].path }.filter { !chosen.contains($0) }
                for path in chosen { console.print("  chosen: \(Console.harmlessName(path))") }
            }
        }
    }

    private func matches(_ query: FileQuery, _ trees: [ManifestPart]) async throws -> [SnapshotEntry] {
        let found = Found()
        for tree in trees {
            try await engine.primary.find(query.pattern, in: [tree.snapshot]) { _, entry in
                if query.matches(entry) { found.add(entry) }
            }
        }
        // Restore points of earlier versions may hold what restores have put aside since it was there.
        let kept = try KeptAside(engine).paths()
        return found.all.filter { entry in !kept.contains { entry.path == $0 || entry.path.hasPrefix($0 + "/") } }
            .sorted { $0.path < $1.path }
    }
}

/// Entries as they come in.
private final class Found: Sendable {
    private let entries = Mutex<[SnapshotEntry]>([])
    func add(_ entry: SnapshotEntry) { entries.withLock { $0.append(entry) } }
    var all: [SnapshotEntry] { entries.withLock { $0 } }
}
