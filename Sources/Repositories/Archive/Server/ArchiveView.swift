import BackupModel
import Foundation
import Programs
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What is seen of archives on a server: a private folder with the small files that are there, the repository's own and the
/// manifests, and the sizes of all others. An archive that is to be opened is brought into it, encrypted as it is.
final class ArchiveView: Sendable {
    struct Seen: Sendable {
        var hasHeader: Bool
        /// Sizes of the files of each run.
        var runs: [String: [String: Int64]]
        /// What else is there, directly.
        var others: [String]

        /// Names of manifests of a run.
        func manifests(of run: String) -> [String] { (runs[run] ?? [:]).keys.filter { $0.hasSuffix(".json") }.sorted() }
    }

    let folder: String
    private let target: ArchiveTarget
    private let services: Services
    private let opened = AskedOnce<any ArchiveStore>()
    private let seen = Mutex(AskedOnce<Seen>())
    /// How many read each file that was brought here.
    private let brought = Mutex<[String: Int]>([:])

    /// - Parameter parent: private; what killed processes left in it goes.
    init(of target: ArchiveTarget, in parent: String, _ services: Services) {
        self.target = target
        self.services = services
        folder = "\(parent)/\(getpid())-\(String(UInt32.random(in: .min ... .max), radix: 16))"
        ArchiveView.sweep(parent)
    }

    deinit { ArchiveView.discard(folder) }

    /// Folders bear the number of the process that they belong to. One that cannot be removed only takes room.
    private static func sweep(_ parent: String) {
        // Where the folder cannot be read nothing is swept, and that only takes room.
        for name in (try? SystemFolder.names(in: parent)) ?? [] {
            guard let process = name.split(separator: "-").first.flatMap({ pid_t($0) }), process != getpid(),
                kill(process, 0) != 0, errno == ESRCH
            else { continue }
            discard("\(parent)/\(name)")
        }
    }

    private static func discard(_ path: String) {
        do { try FileManager.default.removeItem(atPath: path) } catch { return }
    }

    func store() async throws(RepositoryError) -> any ArchiveStore {
        try await opened.value { () throws(RepositoryError) in
            try await self.target.server.store(at: self.target.location)
        }
    }

    /// - Parameter afresh: asks once more.
    func look(afresh: Bool = false) async throws(RepositoryError) -> Seen {
        let asking = seen.withLock { seen in
            if afresh { seen = AskedOnce() }
            return seen
        }
        return try await asking.value { () throws(RepositoryError) in try await self.fetchAll() }
    }

    /// Whether the repository's own file is there, which is brought here. Asks for nothing else where it is.
    func hasHeader() async throws(RepositoryError) -> Bool {
        let path = "\(folder)/\(ArchiveHeader.fileName)"
        if access(path, F_OK) == 0 { return true }
        try make(folder)
        do throws(RepositoryError) {
            try await store().fetch([ArchiveHeader.fileName], into: folder)
            return true
        } catch {
            guard case .damaged = error else { throw error }
            return try await look().hasHeader
        }
    }

    private func fetchAll() async throws(RepositoryError) -> Seen {
        let store = try await store()
        let sizes = try await store.sizes()
        var seen = Seen(hasHeader: sizes[ArchiveHeader.fileName] != nil, runs: [:], others: [])
        for (path, size) in sizes {
            let words = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
            if words.count == 2, RunNames.isStamp(words[0]) {
                seen.runs[words[0], default: [:]][words[1]] = size
            } else if path != ArchiveHeader.fileName {
                seen.others.append(path)
            }
        }
        ArchiveView.discard(folder)
        try make(folder)
        var wanted = seen.hasHeader ? [ArchiveHeader.fileName] : []
        for run in seen.runs.keys.sorted() {
            // One that is no name of ours, or far too large, is found when its run is looked at.
            let manifests = seen.manifests(of: run).filter(ArchiveRuns.isPlain)
            guard !manifests.isEmpty else { continue }
            try make("\(folder)/\(run)")
            wanted += manifests.map { "\(run)/\($0)" }.filter { sizes[$0] ?? 0 <= Int64(ArchiveRuns.limit) }
        }
        try await store.fetch(wanted, into: folder)
        for path in wanted where try size(of: path) != sizes[path] {
            throw .unreachable(
                location: target.location.text, detail: "\(path) did not come whole, or was changed meanwhile")
        }
        return seen
    }

    private func make(_ path: String) throws(RepositoryError) {
        do throws(SystemFailure) { try SystemFolder.makePrivate(path) } catch {
            throw .unsupported("the folder \(error.path) cannot be made: \(error.reason)")
        }
    }

    private func size(of path: String) throws(RepositoryError) -> Int64? {
        do throws(SystemFailure) { return try SystemFolder.status("\(folder)/\(path)")?.size } catch {
            throw .unsupported("\(error.path) cannot be looked at: \(error.reason)")
        }
    }

    // MARK: - Whole archives

    /// Brings an archive here; ``release(_:)`` removes it again.
    /// - Parameter path: `run/name`.
    func bring(_ path: String, bytes: Int64) async throws(RepositoryError) {
        let isHere = brought.withLock { brought in
            guard let count = brought[path] else { return false }
            brought[path] = count + 1
            return true
        }
        if isHere { return }
        if let free = services.host.room(at: folder)?.free, free.bytes < bytes {
            throw .full(
                location: folder, detail: "\(path) has \(ByteCount(bytes)) and is brought here before it is opened",
                free: free)
        }
        do throws(RepositoryError) {
            try await store().fetch([path], into: folder)
        } catch {
            unlink("\(folder)/\(path)")
            throw error
        }
        brought.withLock { $0[path, default: 0] += 1 }
    }

    func release(_ path: String) {
        brought.withLock { brought in
            guard let count = brought[path] else { return }
            brought[path] = count > 1 ? count - 1 : nil
            if count == 1 { unlink("\(folder)/\(path)") }
        }
    }
}
