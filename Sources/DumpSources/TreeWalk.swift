import BackupModel
import Programs
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// One pass over the folders of a `files` source, by names and `lstat(2)`, without following links: how much there is, which
/// SQLite databases, and what had better be captured another way.
struct TreeWalk: Sendable {
    struct Database: Sendable, Equatable {
        var path: String
        var status: FileStatus
        /// It has a -wal, -shm or -journal beside it.
        var hasSideFiles: Bool
    }

    struct Findings: Sendable {
        /// Regular files, as repositories count them.
        var files: Int64 = 0
        var bytes: Int64 = 0
        /// False when the walk was stopped at its deadline, or a folder could not be read.
        var isComplete = true
        /// Excludes that have left out nothing so far.
        var unusedExcludes: [String] = []
        var databases: [Database] = []
        /// Databases whose names are not UTF-8, so that they cannot be handled one by one; repaired for display.
        var unnameableDatabases: [String] = []
        /// Folders that a running server writes to, in words.
        var serverFolders: [String] = []
        /// Files that are far larger than the room that they take, in words.
        var hollowFiles: [String] = []
    }

    private let roots: [String]
    private let patterns: [ExcludePattern]
    private let settings: FilesSettings
    private let isOver: @Sendable () -> Bool
    private let leftOut: Set<[UInt8]>
    private let ownFiles: Set<FileStatus.Identity>
    private var findings = Findings()
    private var patternUse: [Bool]
    private var looked = 0

    /// - Parameters:
    ///   - kept: is not gone into.
    ///   - isOver: asked now and then; the walk stops when it says yes.
    static func findings(
        in settings: FilesSettings, besides kept: KeptPlaces = .none,
        until isOver: @escaping @Sendable () -> Bool
    ) -> Findings {
        var walk = TreeWalk(settings, kept, isOver)
        for root in walk.roots { walk.visit(root: root) }
        walk.findings.unusedExcludes = zip(walk.patterns, walk.patternUse).filter { !$0.1 }.map(\.0.text)
        return walk.findings
    }

    private init(_ settings: FilesSettings, _ kept: KeptPlaces, _ isOver: @escaping @Sendable () -> Bool) {
        leftOut = Set(kept.paths.map { Array($0.utf8) })
        self.settings = settings
        self.isOver = isOver
        roots = settings.paths
        // One negated pattern can take back what any other leaves out.
        patterns =
            settings.excludes.contains { $0.hasPrefix("!") } ? [] : settings.excludes.compactMap(ExcludePattern.init)
        patternUse = patterns.map { _ in false }
        ownFiles = System.openFiles()
    }

    private struct Folder {
        var path: [UInt8]
        var components: [String]
        var device: UInt64
    }

    private mutating func visit(root: String) {
        guard let status = FileStatus.seen(root) else { return }
        let components = root.split(separator: "/").map(String.init)
        let bytes = Array(root.utf8)
        guard status.kind == .folder else {
            guard take(status) else { return }
            if status.size >= TreeWalk.largeHole { noteHollow(bytes, status) }
            if mayBeDatabase(status) { noteDatabase(bytes, status) }
            return
        }
        var pending = [Folder(path: bytes == [47] ? [] : bytes, components: components, device: status.identity.device)]
        while let folder = pending.popLast() {
            if settings.excludesCacheDirectories, isCache(folder) { continue }
            guard let entries = FolderEntries(folder.path.isEmpty ? [47] : folder.path) else {
                findings.isComplete = false
                continue
            }
            var markers: Set<ServerMarker> = []
            while let entry = entries.next() {
                looked += 1
                if looked % 256 == 0, isOver() {
                    findings.isComplete = false
                    return
                }
                if let marker = ServerMarker(entry) { markers.insert(marker) }
                let components = patterns.isEmpty ? [] : folder.components + [entry.name]
                guard !isExcluded(components), let status = entry.status else { continue }
                if !leftOut.isEmpty, leftOut.contains(entry.path(in: folder.path)) { continue }
                if status.kind == .folder {
                    if !settings.oneFileSystem || status.identity.device == folder.device {
                        pending.append(
                            Folder(path: entry.path(in: folder.path), components: components, device: folder.device))
                    }
                } else if take(status) {
                    let path = { entry.path(in: folder.path) }
                    if status.size >= TreeWalk.largeHole { noteHollow(path(), status) }
                    if mayBeDatabase(status) { noteDatabase(path(), status) }
                }
            }
            if entries.isCutShort { findings.isComplete = false }
            note(markers, in: folder)
        }
    }

    /// - Returns: false for what is not captured as a file.
    private mutating func take(_ status: FileStatus) -> Bool {
        if let limit = settings.excludesLargerThan, status.kind == .file, status.size > limit.bytes { return false }
        guard status.kind == .file else { return false }
        findings.files += 1
        findings.bytes += status.size
        return true
    }

    /// A database is made of whole pages, and the smallest page has 512 bytes: most files need not be opened.
    private func mayBeDatabase(_ status: FileStatus) -> Bool {
        settings.sqlite != .raw && status.size >= 512 && status.size % 512 == 0
    }

    private mutating func noteDatabase(_ path: [UInt8], _ status: FileStatus) {
        let hasSideFiles = { SQLiteCopier.sideFiles.contains { FileStatus.seen(path + Array($0.utf8)) != nil } }
        // Opening a file that we have open ourselves would drop our own locks on it.
        let isDatabase =
            ownFiles.contains(status.identity)
            ? hasSideFiles() : System.begins(path, with: SQLiteCopier.magic)
        guard isDatabase else { return }
        if let name = String(validating: path, as: UTF8.self) {
            findings.databases.append(Database(path: name, status: status, hasSideFiles: hasSideFiles()))
        } else {
            findings.unnameableDatabases.append(String(decoding: path, as: UTF8.self))
        }
    }

    /// Holes take no room and yet are read byte by byte, by restic and for a digest alike: some minutes for each of these.
    private static let largeHole: Int64 = 64 << 30

    private mutating func noteHollow(_ path: [UInt8], _ status: FileStatus) {
        guard findings.hollowFiles.count < 10, let room = FileStatus.allocatedBytes(path),
            status.size - room >= TreeWalk.largeHole
        else { return }
        findings.hollowFiles.append(
            "\(String(decoding: path, as: UTF8.self)) has \(ByteCount(status.size)), of which \(ByteCount(room)) "
                + "are on the disk: all of it is read, which takes long; leave it out with `exclude:` or `larger-than:`"
        )
    }

    private mutating func isExcluded(_ components: [String]) -> Bool {
        var result = false
        for (index, pattern) in patterns.enumerated() where pattern.matches(components) {
            patternUse[index] = true
            result = true
        }
        return result
    }

    /// - Source: https://bford.info/cachedir/
    private func isCache(_ folder: Folder) -> Bool {
        System.begins(
            folder.path + Array("/CACHEDIR.TAG".utf8), with: Array("Signature: 8a477f597d28d172789f06886806bc55".utf8))
    }

    private mutating func note(_ markers: Set<ServerMarker>, in folder: Folder) {
        guard !markers.isEmpty else { return }
        let path = String(decoding: folder.path, as: UTF8.self)
        if markers.isSuperset(of: [.postgresVersion, .postgresProcess]) {
            findings.serverFolders.append(
                "\(path) is the data folder of a running PostgreSQL: its files are no usable backup, use a `postgres` source"
            )
        }
        if markers.contains(.neo4jStore), markers.contains(.neo4jNodes) || markers.contains(.neo4jLock) {
            findings.serverFolders.append(
                "\(path) is a Neo4j store: its files are no usable backup while it runs, dump it with a `command` source"
            )
        }
    }
}

/// A walk that is so fresh that the next one would find the same: a run looks at its folders before anything begins, and
/// mostly captures them in the same second.
final class RecentWalk: Sendable {
    /// Nothing that matters can have changed less than it may while restic itself goes through the folders.
    private static let freshness = Duration.seconds(2)
    private let kept = Mutex<(findings: TreeWalk.Findings, begun: Duration)?>(nil)

    /// - Parameter begun: by the uptime.
    func keep(_ findings: TreeWalk.Findings, asOf begun: Duration) {
        kept.withLock { $0 = findings.isComplete ? (findings, begun) : nil }
    }

    /// Once, while it is fresh.
    func take(now: Duration) -> TreeWalk.Findings? {
        kept.withLock { kept in
            defer { kept = nil }
            guard let kept, now - kept.begun < RecentWalk.freshness else { return nil }
            return kept.findings
        }
    }
}

/// Files that give away the folder of a server.
private enum ServerMarker: String, CaseIterable {
    case postgresVersion = "PG_VERSION"
    case postgresProcess = "postmaster.pid"
    case neo4jStore = "neostore"
    case neo4jNodes = "neostore.nodestore.db"
    case neo4jLock = "database_lock"

    init?(_ entry: borrowing FolderEntries.Entry) {
        // Few names have such a length.
        guard let marker = ServerMarker.allCases.first(where: { entry.isNamed($0.rawValue) }) else { return nil }
        self = marker
    }
}
