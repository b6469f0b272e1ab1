import BackupModel
import Programs

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The entries of a selection of files, by name, in a fixed order: what tar and rsync are told to write. Follows no link. Leaves out what
/// a restore would refuse: sockets, pipes and devices.
struct SelectionWalk {
    struct Findings: Sendable {
        /// The folder that names are relative to: that of the one root, or the nearest above all of them.
        var base: String
        var count: Int64 = 0
        var unreadable: [UnreadableItem] = []
        var unreadableCount = 0
        /// Sockets, pipes and devices.
        var specials = 0
    }

    private let selection: FileSelection
    private let patterns: [ExcludePattern]
    private let excluded: Set<[UInt8]>
    private let own: Identity?
    private let list: NameList
    private var findings: Findings
    private var looked = 0

    private struct Identity: Equatable {
        var device: UInt64
        var inode: UInt64
        init(_ status: stat) {
            device = UInt64(status.st_dev)
            inode = UInt64(status.st_ino)
        }
    }

    /// - Parameters:
    ///   - repository: our own folder, which never goes into itself.
    ///   - list: is given the names, folders before what is in them.
    /// - Throws: ``RepositoryError/unsupported(_:)`` for patterns that cannot be judged; ``RepositoryError/cancelled``.
    static func findings(in selection: FileSelection, besides repository: String, into list: NameList)
        throws(RepositoryError) -> Findings
    {
        var patterns: [ExcludePattern] = []
        for text in selection.excludes {
            guard let pattern = ExcludePattern(text) else {
                throw .unsupported(
                    "the exclude `\(text)` cannot be used here: negation, `[!…]` and `\\` are restic's alone"
                )
            }
            patterns.append(pattern)
        }
        var walk = SelectionWalk(selection, patterns, besides: repository, into: list)
        for root in selection.roots.sorted() { try walk.visit(root) }
        try list.finish()
        return walk.findings
    }

    private init(
        _ selection: FileSelection, _ patterns: [ExcludePattern], besides repository: String, into list: NameList
    ) {
        self.selection = selection
        self.list = list
        self.patterns = patterns
        excluded = Set(selection.excludedPaths.map { Array($0.utf8) })
        var status = stat()
        own = stat(repository, &status) == 0 ? Identity(status) : nil
        findings = Findings(base: SelectionWalk.base(of: selection.roots))
    }

    /// - Parameter roots: absolute.
    static func base(of roots: [String]) -> String {
        let parents = roots.map { $0.split(separator: "/").dropLast() }
        guard var common = parents.first else { return "/" }
        for parent in parents.dropFirst() {
            common = common.prefix(zip(common, parent).prefix { $0 == $1 }.count)
        }
        return "/" + common.joined(separator: "/")
    }

    // MARK: - Folders

    private struct Folder {
        var path: [UInt8]
        var components: [String]
        var device: UInt64
        /// What is still to be looked at.
        var names: ArraySlice<[UInt8]>
    }

    private mutating func visit(_ root: String) throws(RepositoryError) {
        let components = root.split(separator: "/").map(String.init)
        let path = Array(components.map { "/" + $0 }.joined().utf8)
        var status = stat()
        guard lstat(root, &status) == 0 else { return note(path, errno) }
        add(path.isEmpty ? [47] : path, status)
        guard SelectionWalk.isFolder(status) else { return }
        // A stack of our own: paths may be deep. All of a folder comes before what is beside it, for tar gives a folder its
        // time when it sees the first entry that is not in it.
        var stack: [Folder] = []
        if let folder = opened(path, components, status) { stack.append(folder) }
        while !stack.isEmpty {
            guard let name = stack[stack.count - 1].names.popFirst() else {
                stack.removeLast()
                continue
            }
            if let folder = try take(name, in: stack[stack.count - 1]) { stack.append(folder) }
        }
    }

    private mutating func opened(_ path: [UInt8], _ components: [String], _ status: stat) -> Folder? {
        guard var names = SelectionWalk.names(in: path) else {
            note(path, errno)
            return nil
        }
        if selection.excludesCacheDirectories, SelectionWalk.isCache(path) {
            names = names.filter { $0 == Array("CACHEDIR.TAG".utf8) }
        }
        return Folder(path: path, components: components, device: UInt64(status.st_dev), names: names[...])
    }

    /// - Returns: a folder that is to be looked into.
    private mutating func take(_ name: [UInt8], in folder: Folder) throws(RepositoryError) -> Folder? {
        looked += 1
        if looked % 1024 == 0, Task.isCancelled { throw .cancelled }
        let path = folder.path + [47] + name
        if excluded.contains(path) { return nil }
        let components = folder.components + [String(decoding: name, as: UTF8.self)]
        if patterns.contains(where: { $0.matches(components) }) { return nil }
        var status = stat()
        guard SelectionWalk.look(path, &status) == 0 else {
            // Gone since the folder was read, or not to be seen.
            note(path, errno)
            return nil
        }
        if let limit = selection.excludesLargerThan, SelectionWalk.isFile(status), status.st_size > limit.bytes {
            return nil
        }
        let isFolder = SelectionWalk.isFolder(status)
        if isFolder, Identity(status) == own { return nil }
        add(path, status)
        guard isFolder, !selection.oneFileSystem || UInt64(status.st_dev) == folder.device else { return nil }
        return opened(path, components, status)
    }

    private mutating func add(_ path: [UInt8], _ status: stat) {
        switch mode_t(status.st_mode) & mode_t(S_IFMT) {
        case mode_t(S_IFREG), mode_t(S_IFDIR), mode_t(S_IFLNK): break
        default:
            findings.specials += 1
            return
        }
        let base = Array(findings.base.utf8)
        let start = base == [47] ? 1 : base.count + 1
        list.append(path.count > start ? path[start...] : [46])
        findings.count += 1
    }

    private mutating func note(_ path: [UInt8], _ code: Int32) {
        findings.unreadableCount += 1
        guard findings.unreadable.count < 100 else { return }
        findings.unreadable.append(
            UnreadableItem(path: String(decoding: path, as: UTF8.self), reason: String(cString: strerror(code))))
    }

    // MARK: - System calls

    static func isFolder(_ status: stat) -> Bool { mode_t(status.st_mode) & mode_t(S_IFMT) == mode_t(S_IFDIR) }
    static func isFile(_ status: stat) -> Bool { mode_t(status.st_mode) & mode_t(S_IFMT) == mode_t(S_IFREG) }

    static func look(_ path: [UInt8], _ status: inout stat) -> Int32 {
        (path + [0]).withUnsafeBytes { lstat($0.assumingMemoryBound(to: CChar.self).baseAddress!, &status) }
    }

    /// Sorted by their bytes; `nil` with `errno` where the folder cannot be read to its end.
    static func names(in path: [UInt8]) -> [[UInt8]]? {
        let descriptor = ((path.isEmpty ? [47] : path) + [0]).withUnsafeBytes {
            open(
                $0.assumingMemoryBound(to: CChar.self).baseAddress!, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
        }
        guard descriptor >= 0 else { return nil }
        guard let stream = fdopendir(descriptor) else {
            close(descriptor)
            return nil
        }
        defer {
            let code = errno
            closedir(stream)
            errno = code
        }
        var names: [[UInt8]] = []
        let offset = MemoryLayout<dirent>.offset(of: \.d_name) ?? 0
        while true {
            errno = 0
            guard let entry = readdir(stream) else { break }
            // SAFETY: the name lies in the entry, ends in a zero byte, and stays until the next readdir(3) of this stream.
            let name = UnsafeRawPointer(entry).advanced(by: offset)
            let length = strlen(name.assumingMemoryBound(to: CChar.self))
            let bytes = Array(UnsafeRawBufferPointer(start: name, count: length))
            if bytes != [46], bytes != [46, 46] { names.append(bytes) }
        }
        guard errno == 0 else { return nil }
        return names.sorted { $0.lexicographicallyPrecedes($1) }
    }

    /// - Source: https://bford.info/cachedir/
    private static func isCache(_ folder: [UInt8]) -> Bool {
        let signature = Array("Signature: 8a477f597d28d172789f06886806bc55".utf8)
        let descriptor = (folder + Array("/CACHEDIR.TAG".utf8) + [0]).withUnsafeBytes {
            open(
                $0.assumingMemoryBound(to: CChar.self).baseAddress!, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        }
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: signature.count)
        return read(descriptor, &bytes, bytes.count) == bytes.count && bytes == signature
    }
}
