import BackupModel

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
    }

    private let roots: [String]
    private let patterns: [ExcludePattern]
    private let settings: FilesSettings
    private let isOver: @Sendable () -> Bool
    private let ownFiles: Set<FileStatus.Identity>
    private var findings = Findings()
    private var patternUse: [Bool]

    /// - Parameter isOver: asked now and then; the walk stops when it says yes.
    static func findings(in settings: FilesSettings, until isOver: @escaping @Sendable () -> Bool) -> Findings {
        var walk = TreeWalk(settings, isOver)
        for root in walk.roots { walk.visit(root: root) }
        walk.findings.unusedExcludes = zip(walk.patterns, walk.patternUse).filter { !$0.1 }.map(\.0.text)
        return walk.findings
    }

    private init(_ settings: FilesSettings, _ isOver: @escaping @Sendable () -> Bool) {
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
            return take(bytes, status) { SQLiteCopier.sideFiles.contains { FileStatus.seen(root + $0) != nil } }
        }
        var pending = [Folder(path: bytes == [47] ? [] : bytes, components: components, device: status.identity.device)]
        var looked = 0
        while let folder = pending.popLast() {
            guard let names = TreeWalk.names(in: folder.path.isEmpty ? [47] : folder.path) else {
                findings.isComplete = false
                continue
            }
            if settings.excludesCacheDirectories, isCache(folder, names) { continue }
            noteServers(folder, names)
            for name in names {
                looked += 1
                if looked % 256 == 0, isOver() {
                    findings.isComplete = false
                    return
                }
                let path = folder.path + [47] + name
                let components = patterns.isEmpty ? [] : folder.components + [String(decoding: name, as: UTF8.self)]
                guard !isExcluded(components), let status = FileStatus.seen(path) else { continue }
                if status.kind == .folder {
                    if !settings.oneFileSystem || status.identity.device == folder.device {
                        pending.append(Folder(path: path, components: components, device: folder.device))
                    }
                } else {
                    take(path, status) { SQLiteCopier.sideFiles.contains { names.contains(name + Array($0.utf8)) } }
                }
            }
        }
    }

    private mutating func take(_ path: [UInt8], _ status: FileStatus, hasSideFiles: () -> Bool) {
        if let limit = settings.excludesLargerThan, status.kind == .file, status.size > limit.bytes { return }
        guard status.kind == .file else { return }
        findings.files += 1
        findings.bytes += status.size
        guard settings.sqlite != .raw, status.size >= 512, status.size % 512 == 0 else { return }
        let name = String(validating: path, as: UTF8.self)
        // Opening a file that we have open ourselves would drop our own locks on it.
        let isDatabase =
            ownFiles.contains(status.identity)
            ? hasSideFiles() : System.begins(path, with: SQLiteCopier.magic)
        guard isDatabase else { return }
        if let name {
            findings.databases.append(Database(path: name, status: status, hasSideFiles: hasSideFiles()))
        } else {
            findings.unnameableDatabases.append(String(decoding: path, as: UTF8.self))
        }
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
    private func isCache(_ folder: Folder, _ names: Set<[UInt8]>) -> Bool {
        let tag = Array("CACHEDIR.TAG".utf8)
        return names.contains(tag)
            && System.begins(folder.path + [47] + tag, with: Array("Signature: 8a477f597d28d172789f06886806bc55".utf8))
    }

    private mutating func noteServers(_ folder: Folder, _ names: Set<[UInt8]>) {
        let has = { (name: String) in names.contains(Array(name.utf8)) }
        let path = String(decoding: folder.path, as: UTF8.self)
        if has("PG_VERSION"), has("postmaster.pid") {
            findings.serverFolders.append(
                "\(path) is the data folder of a running PostgreSQL: its files are no usable backup, use a `postgres` source"
            )
        }
        if has("neostore"), has("neostore.nodestore.db") || has("database_lock") {
            findings.serverFolders.append(
                "\(path) is a Neo4j store: its files are no usable backup while it runs, dump it with a `command` source"
            )
        }
    }

    /// `nil` when the folder cannot be read.
    private static func names(in path: [UInt8]) -> Set<[UInt8]>? {
        let stream = (path + [0]).withUnsafeBytes { opendir($0.assumingMemoryBound(to: CChar.self).baseAddress!) }
        guard let stream else { return nil }
        defer { closedir(stream) }
        var names: Set<[UInt8]> = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            if name != [46], name != [46, 46] { names.insert(name) }
        }
        return names
    }
}
