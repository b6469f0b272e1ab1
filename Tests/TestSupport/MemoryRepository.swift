package import BackupModel
import Foundation
import Synchronization

/// A repository in memory that does as it is told: every call can fail, evidence can be wrong, forgetting can lie.
package final class MemoryRepository: Repository {
    package enum Call: String, Sendable, CaseIterable {
        case inspect, create, store, storeManifest, snapshots, forget, prune, verify, scrub, read, locks,
            clearDeadLocks,
            toolVersion
    }

    package enum Forgetting: Sendable {
        case honest
        /// Nothing goes, and it says so.
        case refused
        /// Nothing goes, and it says nothing of that.
        case silent
    }

    package struct Script: Sendable {
        package var failures: [Call: RepositoryError] = [:]
        /// By source; only parts.
        package var storeFailures: [SourceName: RepositoryError] = [:]
        package var forgetting = Forgetting.honest
        /// `nil` for one that is not there yet.
        package var identity: RepositoryIdentity?
        package var occupiedBy: String?
        package var showsFiles = true
        package var isChangedByUsAlone = false
        package var deadLocks: [RepositoryLock] = []
        package var verify = VerifyReport(isSound: true)
        package var scrub = ScrubReport(files: 3, bytes: 300)
        package var keys: (any RepositoryKeys)?
        package var pruneSays = ["freed 1 MiB"]
        /// By snapshot; others have just the file of their part.
        package var entries: [SnapshotID: [String]] = [:]
        package init() {}
    }

    private struct State {
        var script = Script()
        var snapshots: [Snapshot] = []
        var contents: [SnapshotID: [UInt8]] = [:]
        var calls: [String] = []
        var starts = 0
        var count = 0
        var depths: [VerifyDepth] = []
        var before: @Sendable (Call) async -> Void = { _ in }
    }

    package let spec: RepositorySpec
    package let location: String
    private let clock: any HostClock
    private let state = Mutex(State())

    package static let identity = RepositoryIdentity(
        id: String(repeating: "1d", count: 32), formatVersion: 2, keyIDs: ["aaaa"], configDigest: "digest")

    package init(
        _ name: String = "local", following follow: FollowSpec? = nil, clock: any HostClock,
        location: String = "/backups/home",
        entry: ConfigValue = ConfigValue(.map([]), at: SourceLocation(file: "", line: 1, column: 1))
    ) {
        self.clock = clock
        self.location = location
        spec = RepositorySpec(name: RepositoryName(unchecked: name), kind: "memory", entry: entry, follow: follow)
    }

    // MARK: - For tests

    package func change(_ body: @Sendable (inout Script) -> Void) { state.withLock { body(&$0.script) } }
    /// Called before every call does anything.
    package func before(_ body: @escaping @Sendable (Call) async -> Void) { state.withLock { $0.before = body } }
    /// `store db/db.sql`, `forget 2`, in order.
    package var calls: [String] { state.withLock { $0.calls } }
    package func forgetCalls() { state.withLock { $0.calls = [] } }
    package var contents: [Snapshot] { state.withLock { $0.snapshots } }
    package var depths: [VerifyDepth] { state.withLock { $0.depths } }
    package var toolStarts: Int { state.withLock { $0.starts } }

    package func add(_ snapshot: Snapshot) { state.withLock { $0.snapshots.append(snapshot) } }
    package func remove(_ id: SnapshotID) { state.withLock { state in state.snapshots.removeAll { $0.id == id } } }
    package func replaceContent(of id: SnapshotID, with bytes: [UInt8]) { state.withLock { $0.contents[id] = bytes } }
    package func content(of id: SnapshotID) -> [UInt8]? { state.withLock { $0.contents[id] } }

    // MARK: - The port

    package var isChangedByUsAlone: Bool { state.withLock { $0.script.isChangedByUsAlone } }

    package var keys: (any RepositoryKeys)? { state.withLock { $0.script.keys } }

    package func inspect(pin: RepositoryPin?) async throws(RepositoryError) -> RepositoryState {
        try await called(.inspect)
        return state.withLock { state in
            if let occupant = state.script.occupiedBy { return .occupied(by: occupant) }
            guard let identity = state.script.identity else { return .absent }
            if pin?.identity != identity { state.starts += 1 }
            return .present(identity)
        }
    }

    package func create() async throws(RepositoryError) -> RepositoryIdentity {
        try await called(.create, starts: 1)
        state.withLock { $0.script.identity = MemoryRepository.identity }
        return MemoryRepository.identity
    }

    package func store(
        _ part: CapturedPart, as stamp: SnapshotStamp, progress: @escaping @Sendable (TransferProgress) -> Void
    ) async throws(RepositoryError) -> StoredPart {
        let isManifest = stamp.content == .manifest
        try await called(isManifest ? .storeManifest : .store, "\(stamp.source?.rawValue ?? "")\(part.path)", starts: 1)
        if let source = stamp.source, let failure = state.withLock({ $0.script.storeFailures[source] }) {
            throw failure
        }
        if Task.isCancelled { throw .cancelled }
        let bytes: [UInt8]
        var content = part.content
        if case .sealed(let inside, _) = content { content = inside }
        switch content {
        case .file(let path):
            guard let data = FileManager.default.contents(atPath: path) else { throw .sourceUnreadable(detail: path) }
            bytes = Array(data)
        case .stream(let command): bytes = Array(command.displayed.utf8)
        case .files(let selection): bytes = Array(selection.roots.joined(separator: "\n").utf8)
        case .sealed: throw .unsupported("sealed twice")
        }
        progress(TransferProgress(bytes: ByteCount(Int64(bytes.count))))
        let now = clock.now
        return state.withLock { state in
            state.count += 1
            let id = SnapshotID(rawValue: MemoryRepository.digits(state.count))
            state.snapshots.append(
                Snapshot(
                    id: id, time: now, host: stamp.host, user: "root", paths: [part.path.rawValue], tags: stamp.tags))
            state.contents[id] = bytes
            var stored = StoredPart(
                snapshot: id, time: now, bytes: ByteCount(Int64(bytes.count)), files: 1,
                usage: ["memory": ResourceUsage(wall: .seconds(1))])
            if case .sealed = part.content { stored.inside = SealedContent(bytes: stored.bytes, files: 1) }
            return stored
        }
    }

    private static func digits(_ number: Int) -> String {
        let digits = String(0xb000 + number, radix: 16)
        return digits + String(repeating: "0", count: 64 - digits.count)
    }

    package func snapshotIDsOnDisk() throws(RepositoryError) -> Set<SnapshotID>? {
        state.withLock { $0.script.showsFiles ? Set($0.snapshots.map(\.id)) : nil }
    }

    package func snapshots() async throws(RepositoryError) -> [Snapshot] {
        try await called(.snapshots, starts: 1)
        return contents
    }

    package func forget(_ ids: [SnapshotID]) async throws(RepositoryError) -> ForgetReport {
        try await called(.forget, "\(ids.count)", starts: 1)
        return state.withLock { state in
            switch state.script.forgetting {
            case .honest:
                state.snapshots.removeAll { ids.contains($0.id) }
                return ForgetReport(removed: ids, remaining: [])
            case .refused: return ForgetReport(removed: [], remaining: ids)
            case .silent: return ForgetReport(removed: [], remaining: [])
            }
        }
    }

    package func prune(dryRun: Bool) async throws(RepositoryError) -> [String] {
        try await called(.prune, dryRun ? "dry" : nil, starts: 1)
        return state.withLock { $0.script.pruneSays }
    }

    package func verify(_ depth: VerifyDepth, progress: @escaping @Sendable (TransferProgress) -> Void)
        async throws(RepositoryError) -> VerifyReport
    {
        try await called(.verify, starts: 1)
        return state.withLock {
            $0.depths.append(depth)
            return $0.script.verify
        }
    }

    package func scrub(progress: @escaping @Sendable (TransferProgress) -> Void) async throws(RepositoryError)
        -> ScrubReport
    {
        try await called(.scrub)
        return state.withLock { $0.script.scrub }
    }

    package func byHand(_ part: ManifestPart) async throws(RepositoryError) -> ManualRestore {
        ManualRestore(programs: ["true"], keys: [], lines: ["true \(part.snapshot)"])
    }

    package func reader(for snapshot: SnapshotID) -> any PartReader { Reader(repository: self, snapshot: snapshot) }

    package func locks() async throws(RepositoryError) -> [RepositoryLock] {
        try await called(.locks)
        return []
    }

    package func clearDeadLocks() async throws(RepositoryError) -> [RepositoryLock] {
        try await called(.clearDeadLocks)
        return state.withLock { state in
            defer { state.script.deadLocks = [] }
            return state.script.deadLocks
        }
    }

    package func removeLocks(_ ids: [String]) async throws(RepositoryError) {}

    package func toolVersion() async throws(RepositoryError) -> String {
        try await called(.toolVersion)
        return "memory 1.0"
    }

    private func called(_ call: Call, _ what: String? = nil, starts: Int = 0) async throws(RepositoryError) {
        let before = state.withLock { state in
            state.calls.append(call.rawValue + (what.map { " \($0)" } ?? ""))
            state.starts += starts
            return state.before
        }
        await before(call)
        if let failure = state.withLock({ $0.script.failures[call] }) { throw failure }
    }

    private struct Reader: PartReader {
        let repository: MemoryRepository
        let snapshot: SnapshotID

        func dump(path: PartPath) async throws(RepositoryError) -> [ToolCommand] {
            [ToolCommand("cat", [path.rawValue])]
        }

        func content(of path: PartPath, limit: ByteCount) async throws(RepositoryError) -> [UInt8] {
            try await repository.called(.read, path.rawValue, starts: 1)
            guard let bytes = repository.content(of: snapshot) else { throw .notFound(what: "\(path) in \(snapshot)") }
            return bytes
        }

        func extract(
            include: [String], into directory: String, exact: Bool,
            progress: @escaping @Sendable (TransferProgress) -> Void
        ) async throws(RepositoryError) -> ExtractReport { ExtractReport(files: 0, bytes: 0) }

        func entries(_ body: @escaping @Sendable (SnapshotEntry) -> Void) async throws(RepositoryError) {
            try await repository.called(.read, "entries", starts: 1)
            let paths = repository.state.withLock { state in
                state.script.entries[snapshot] ?? state.snapshots.first { $0.id == snapshot }?.paths ?? []
            }
            for path in paths { body(SnapshotEntry(path: path, type: .file, size: 1, modified: "")) }
        }
    }
}
