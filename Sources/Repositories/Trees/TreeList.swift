import BackupModel
import Digests
import Programs

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Reads records from a part of a list of digests, one after the other.
final class TreeListReader {
    private let path: String
    private let descriptor: Int32
    private var left: Int64
    private var buffer: [UInt8] = []
    private var start = 0
    private var parser = SumLines.Parser()
    /// What stands before every name, and is left out.
    private let prefix: [UInt8]

    /// - Parameters:
    ///   - path: absolute.
    ///   - name: of the tree, which stands before every name in the list.
    init(_ path: String, offset: Int64, length: Int64, of name: String) throws(SystemFailure) {
        self.path = path
        prefix = Array(name.utf8) + [47]
        left = length
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard descriptor >= 0, lseek(descriptor, off_t(offset), SEEK_SET) == off_t(offset) else { throw .last(path) }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// - Throws: also where it is no such list, as `EINVAL`.
    func next() throws(SystemFailure) -> SumLines.Record? {
        while let line = try line() {
            let record: SumLines.Record?
            do throws(SumLines.Malformed) { record = try parser.add(line) } catch { throw malformed }
            guard let record else { continue }
            guard record.path.count > prefix.count, record.path.starts(with: prefix) else { throw malformed }
            let path = Array(record.path.dropFirst(prefix.count))
            // Names lead nowhere else, whoever wrote them.
            guard !path.split(separator: 47, omittingEmptySubsequences: false).contains(where: TreeListReader.isStep)
            else { throw malformed }
            return switch record {
            case .folder: .folder(path: path)
            case .link(_, let target): .link(path: path, target: target)
            case .file(_, let size, let digest): .file(path: path, size: size, digest: digest)
            }
        }
        guard parser.isBetween else { throw malformed }
        return nil
    }

    private static func isStep(_ name: ArraySlice<UInt8>) -> Bool {
        name.isEmpty || name.elementsEqual([46]) || name.elementsEqual([46, 46])
    }

    private var malformed: SystemFailure { SystemFailure(code: EINVAL, path: path) }

    private func line() throws(SystemFailure) -> ArraySlice<UInt8>? {
        var searched = start
        while true {
            if let end = buffer[searched...].firstIndex(of: 10) {
                defer { start = end + 1 }
                return buffer[start..<end]
            }
            searched = buffer.count
            guard left > 0 else {
                guard start == buffer.count else { throw malformed }
                return nil
            }
            searched -= start
            buffer.removeFirst(start)
            start = 0
            try fill()
        }
    }

    private func fill() throws(SystemFailure) {
        var portion = [UInt8](repeating: 0, count: Int(min(left, 1 << 18)))
        let count = read(descriptor, &portion, portion.count)
        guard count > 0 else { throw count < 0 ? .last(path) : malformed }
        buffer += portion[..<count]
        left -= Int64(count)
    }
}

/// Writes the list of a tree that has been copied. What is a hard link to a file of an earlier tree has that one's digest, which
/// is taken over: only what is new is read.
struct TreeListWriter {
    struct Tally: Codable, Sendable, Equatable {
        var entries: Int64 = 0
        /// Regular files, each once, however many names it has.
        var files: Int64 = 0
        var bytes: Int64 = 0
        /// What the tree takes beyond the earlier ones.
        var addedBytes: Int64 = 0
        /// Files that were hashed.
        var hashed: Int64 = 0
    }

    struct Previous {
        /// Absolute.
        var tree: String
        var list: TreeListReader
    }

    var tally = Tally()
    /// What is in the tree and cannot be read back; capped at 100.
    private(set) var unreadable: [UnreadableItem] = []
    private(set) var unreadableCount = 0

    private let name: [UInt8]
    private let previous: Previous?
    private var upcoming: SumLines.Record?
    private let hash: FileDigest
    private let file: Int32
    private let path: String
    private var buffer: [UInt8] = []
    /// Digests of files with several names, by their inode.
    private var known: [UInt64: [UInt8]] = [:]
    private var seen: Set<UInt64> = []

    /// - Parameters:
    ///   - tree: absolute.
    ///   - name: stands before every name in the list.
    ///   - path: of the list, which is made or replaced.
    static func write(
        _ tree: String, as name: String, previous: Previous?, to path: String, stop: Blocking.Stop
    ) throws(SystemFailure) -> TreeListWriter {
        var writer = try TreeListWriter(name, previous, path)
        defer { close(writer.file) }
        var cursor = try TreeCursor(tree)
        writer.upcoming = try previous?.list.next()
        while let entry = cursor.next() {
            if stop.isWanted { throw SystemFailure(code: ECANCELED, path: tree) }
            try writer.add(entry, at: cursor.place(of: entry.path), stop)
        }
        try writer.flush()
        return writer
    }

    private init(_ name: String, _ previous: Previous?, _ path: String) throws(SystemFailure) {
        self.name = Array(name.utf8) + [47]
        self.previous = previous
        self.path = path
        do throws(DigestError) { hash = try FileDigest() } catch { throw SystemFailure(code: ENOMEM, path: path) }
        file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { throw .last(path) }
    }

    private mutating func add(_ entry: TreeCursor.Entry, at place: [UInt8], _ stop: Blocking.Stop) throws(SystemFailure)
    {
        tally.entries += 1
        if let failure = entry.failure { note(place, String(cString: strerror(failure))) }
        let name = name + entry.path
        if entry.isFolder {
            try put(.folder(path: name))
        } else if entry.isLink {
            guard let target = TreeCursor.target(of: place) else { throw .last(String(decoding: place, as: UTF8.self)) }
            try put(.link(path: name, target: target))
        } else if entry.isFile {
            let isFirst = entry.status.st_nlink == 1 || seen.insert(entry.inode).inserted
            let size = Int64(entry.status.st_size)
            guard let digest = try digest(of: entry, at: place, stop) else { return }
            if isFirst {
                tally.files += 1
                tally.bytes += size
            }
            try put(.file(path: name, size: size, digest: digest))
        }
    }

    private mutating func digest(
        of entry: TreeCursor.Entry, at place: [UInt8], _ stop: Blocking.Stop
    ) throws(SystemFailure) -> [UInt8]? {
        let hasSeveralNames = entry.status.st_nlink > 1
        if hasSeveralNames, let digest = known[entry.inode] { return digest }
        if hasSeveralNames, let digest = try earlier(entry) { return digest }
        do throws(DigestError) {
            let digest = try hash.hexadecimal(ofFile: place) { _ in !stop.isWanted }
            tally.hashed += 1
            tally.addedBytes += Int64(entry.status.st_blocks) * 512
            if hasSeveralNames { known[entry.inode] = digest }
            return digest
        } catch {
            guard case .unreadable(let code, let reason) = error, code == EACCES || code == EPERM else {
                if case .unreadable(let code, _) = error {
                    throw SystemFailure(code: code, path: String(decoding: place, as: UTF8.self))
                }
                throw SystemFailure(
                    code: error == .stopped ? ECANCELED : ENOMEM, path: String(decoding: place, as: UTF8.self))
            }
            note(place, "it was copied, and cannot be read back: \(reason)")
            return nil
        }
    }

    /// The recorded digest of the same file in the earlier tree.
    private mutating func earlier(_ entry: TreeCursor.Entry) throws(SystemFailure) -> [UInt8]? {
        guard let previous else { return nil }
        while let record = upcoming, SumLines.precedes(record.path, entry.path) { upcoming = try previous.list.next() }
        guard case .file(entry.path, Int64(entry.status.st_size), let digest)? = upcoming else { return nil }
        var status = stat()
        guard SelectionWalk.look(Array(previous.tree.utf8) + [47] + entry.path, &status) == 0,
            UInt64(status.st_ino) == entry.inode, status.st_dev == entry.status.st_dev
        else { return nil }
        return digest
    }

    private mutating func note(_ place: [UInt8], _ reason: String) {
        unreadableCount += 1
        guard unreadable.count < 100 else { return }
        unreadable.append(UnreadableItem(path: String(decoding: place, as: UTF8.self), reason: reason))
    }

    private mutating func put(_ record: SumLines.Record) throws(SystemFailure) {
        buffer += SumLines.text(record)
        if buffer.count >= 1 << 16 { try flush() }
    }

    private mutating func flush() throws(SystemFailure) {
        var done = 0
        while done < buffer.count {
            let count = buffer.withUnsafeBytes { Self.write(file, $0.baseAddress! + done, $0.count - done) }
            guard count >= 0 else { throw .last(path) }
            done += count
        }
        buffer.removeAll(keepingCapacity: true)
    }

    private static func write(_ file: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int {
        #if canImport(Glibc)
            Glibc.write(file, bytes, count)
        #else
            Darwin.write(file, bytes, count)
        #endif
    }
}
