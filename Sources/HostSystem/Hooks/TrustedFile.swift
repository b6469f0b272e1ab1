import BackupModel
import Foundation

/// A program's file that is open, and that nobody but root and the invoking user can have put there or can change.
///
/// The way to it is gone folder by folder, each opened below the one before and looked at as it was opened, links included:
/// what was looked at is what was opened, and what is executed later is this very file, whatever its name leads to by then.
final class TrustedFile: Sendable {
    /// Leads to the file and can be executed; on Linux it cannot be read from.
    let descriptor: Int32
    /// Without links.
    let path: String

    struct Refusal: Error {
        var place: String
        var reason: String
        var isMissing = false
        /// False where it is merely of no use.
        var isUnsafe = true
    }

    private init(_ descriptor: Int32, _ path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    deinit { close(descriptor) }

    /// - Parameters:
    ///   - path: absolute.
    ///   - isProgram: whether it has to be executable.
    static func open(_ path: String, isProgram: Bool = true) throws(Refusal) -> TrustedFile {
        var walk = try Walk(path)
        defer { walk.close() }
        while let name = walk.pending.popLast() {
            if let file = try walk.step(name) {
                let found = TrustedFile(file, walk.path(of: name))
                if isProgram { try requireExecutable(found) }
                return found
            }
        }
        throw Refusal(place: path, reason: "is a folder", isUnsafe: false)
    }

    /// Also the interpreter that its first line names is looked at.
    private static func requireExecutable(_ file: TrustedFile) throws(Refusal) {
        var facts = stat()
        guard fstat(file.descriptor, &facts) == 0, facts.st_mode & 0o111 != 0 else {
            throw Refusal(place: file.path, reason: "it is not executable (chmod +x)", isUnsafe: false)
        }
        guard let interpreter = file.interpreter else { return }
        guard interpreter.hasPrefix("/") else {
            throw Refusal(
                place: file.path, reason: "its first line names `\(interpreter)`, which is no absolute path",
                isUnsafe: false)
        }
        do throws(Refusal) {
            _ = try open(interpreter, isProgram: false)
        } catch {
            guard error.isMissing else { throw error }
            throw Refusal(place: file.path, reason: "its interpreter \(interpreter) is not there", isUnsafe: false)
        }
    }

    /// What stands behind `#!`.
    private var interpreter: String? {
        let reading = Foundation.open("/proc/self/fd/\(descriptor)", O_RDONLY | O_CLOEXEC)
        guard reading >= 0 else { return nil }
        defer { close(reading) }
        var start = [UInt8](repeating: 0, count: 256)
        let count = read(reading, &start, start.count)
        guard count > 2, start.starts(with: Array("#!".utf8)) else { return nil }
        let line = String(decoding: start[2..<count].prefix { $0 != 10 }, as: UTF8.self)
        return line.split(whereSeparator: { $0 == " " || $0 == "\t" }).first.map(String.init)
    }
}

/// A way through the file system, one name after the other, without trusting any of them.
private struct Walk {
    /// From the root to where we are.
    private var folders: [(descriptor: Int32, name: String)] = []
    /// Names still to go, the next one last.
    var pending: [String]
    private var links = 0

    /// As many as the kernel follows.
    private static let mostLinks = 40
    #if os(Linux)
        /// Opens what is there, a link too, and needs no right to read it.
        private static let looking: Int32 = 0o10_000_000 | O_NOFOLLOW | O_CLOEXEC
    #else
        private static let looking: Int32 = O_RDONLY | O_SYMLINK | O_CLOEXEC
    #endif

    init(_ path: String) throws(TrustedFile.Refusal) {
        pending = []
        add(path)
        try beginAtRoot()
    }

    private mutating func add(_ path: String) {
        pending += path.split(separator: "/").reversed().map(String.init).filter { $0 != "." }
    }

    private mutating func beginAtRoot() throws(TrustedFile.Refusal) {
        close()
        let root = Foundation.open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard root >= 0 else { throw .init(place: "/", reason: reason(errno), isUnsafe: false) }
        folders = [(root, "")]
        try check(root, "/", isFolder: true)
    }

    mutating func close() {
        for folder in folders { _ = Foundation.close(folder.descriptor) }
        folders = []
    }

    func path(of name: String) -> String { folders.map(\.name).joined(separator: "/") + "/" + name }

    /// Goes on by one name.
    /// - Returns: the descriptor of the file, when it is one.
    mutating func step(_ name: String) throws(TrustedFile.Refusal) -> Int32? {
        if name == ".." {
            if folders.count > 1 { _ = Foundation.close(folders.removeLast().descriptor) }
            return nil
        }
        let place = path(of: name)
        let found = openat(folders[folders.count - 1].descriptor, name, Walk.looking)
        guard found >= 0 else {
            throw .init(
                place: place, reason: reason(errno), isMissing: errno == ENOENT || errno == ENOTDIR, isUnsafe: false)
        }
        var keeps = false
        defer { if !keeps { _ = Foundation.close(found) } }
        var facts = stat()
        guard fstat(found, &facts) == 0 else { throw .init(place: place, reason: reason(errno), isUnsafe: false) }
        switch facts.st_mode & S_IFMT {
        case S_IFLNK:
            try checkOwner(facts, place)
            try follow(found, place)
            return nil
        case S_IFDIR:
            try check(found, place, isFolder: true)
            folders.append((found, name))
            keeps = true
            return nil
        case S_IFREG:
            guard pending.isEmpty else {
                throw .init(place: place, reason: "is no folder", isMissing: true, isUnsafe: false)
            }
            try check(found, place, isFolder: false)
            keeps = true
            return found
        default: throw .init(place: place, reason: "is no regular file", isUnsafe: false)
        }
    }

    private mutating func follow(_ link: Int32, _ place: String) throws(TrustedFile.Refusal) {
        links += 1
        guard links <= Walk.mostLinks else {
            throw .init(place: place, reason: "leads through too many links", isUnsafe: false)
        }
        var target = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlinkat(link, "", &target, target.count)
        guard count > 0 else { throw .init(place: place, reason: "is a link that cannot be followed", isUnsafe: false) }
        let text = String(decoding: target.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        if text.hasPrefix("/") { try beginAtRoot() }
        add(text)
    }

    private func checkOwner(_ facts: stat, _ place: String) throws(TrustedFile.Refusal) {
        guard facts.st_uid == 0 || facts.st_uid == geteuid() else {
            let owner = UserDatabase.user(id: facts.st_uid)?.name ?? String(facts.st_uid)
            throw .init(place: place, reason: "belongs to \(owner)")
        }
    }

    private func check(_ descriptor: Int32, _ place: String, isFolder: Bool) throws(TrustedFile.Refusal) {
        var facts = stat()
        guard fstat(descriptor, &facts) == 0 else { throw .init(place: place, reason: reason(errno), isUnsafe: false) }
        try checkOwner(facts, place)
        // In a sticky folder of root's everybody may add names, and nobody may exchange those of others.
        if isFolder, facts.st_mode & 0o1000 != 0, facts.st_uid == 0 { return }
        let mode = String(facts.st_mode & 0o7777, radix: 8)
        if facts.st_mode & 0o002 != 0 { throw .init(place: place, reason: "lets everybody write to it (mode \(mode))") }
        // An access list shows its widest entry here.
        if facts.st_mode & 0o020 != 0, facts.st_gid != 0 {
            throw .init(place: place, reason: "lets its group write to it (mode \(mode))")
        }
    }
}
