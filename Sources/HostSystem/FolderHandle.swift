import BackupModel
import Foundation

/// An open folder. What is done in it goes by the descriptor, so that nobody can swap the path for another meanwhile.
final class FolderHandle {
    let descriptor: Int32
    private let path: String

    /// - Parameter path: may itself be a link: where scratch folders go is the operator's choice.
    init(path: String) throws(ScratchError) {
        self.path = path
        descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw ScratchError(path: path, reason: reason(errno)) }
    }

    private init(descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Refuses a folder in which somebody else could rename what is ours.
    func checkIsSafe() throws(ScratchError) {
        var facts = stat()
        guard fstat(descriptor, &facts) == 0 else { throw ScratchError(path: path, reason: reason(errno)) }
        guard facts.st_uid == 0 || facts.st_uid == geteuid() else {
            throw ScratchError(path: path, reason: "it belongs to another user (\(facts.st_uid))")
        }
        guard facts.st_mode & 0o022 == 0 || facts.st_mode & 0o1000 != 0 else {
            throw ScratchError(path: path, reason: "others may write to it, and it is not sticky")
        }
    }

    /// As they are, for a name need not be valid UTF-8.
    func names() throws(ScratchError) -> [FileName] {
        // A descriptor of its own, for reading moves the position and closing the stream closes it.
        let copy = openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard copy >= 0 else { throw ScratchError(path: path, reason: reason(errno)) }
        guard let stream = fdopendir(copy) else {
            let cause = reason(errno)
            close(copy)
            throw ScratchError(path: path, reason: cause)
        }
        defer { closedir(stream) }
        var names: [FileName] = []
        errno = 0
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256, FileName.init(bytes:))
            }
            if name.text != ".", name.text != ".." { names.append(name) }
            errno = 0
        }
        guard errno == 0 else { throw ScratchError(path: path, reason: reason(errno)) }
        return names
    }

    /// True for a real folder, not a link to one, that belongs to us.
    func isOwnFolder(_ name: FileName) throws(ScratchError) -> Bool {
        var facts = stat()
        guard fstatat(descriptor, name.bytes, &facts, AT_SYMLINK_NOFOLLOW) == 0 else {
            if errno == ENOENT { return false }
            throw ScratchError(path: "\(path)/\(name.text)", reason: reason(errno))
        }
        return facts.st_mode & S_IFMT == S_IFDIR && facts.st_uid == geteuid()
    }

    /// Removes `name` and all below it, never through a symbolic link and never beyond this file system. What is gone
    /// already is no error.
    ///
    /// - Important: deletes without asking; the caller has checked the name.
    func removeTree(_ name: FileName) throws(ScratchError) {
        let place = "\(path)/\(name.text)"
        var facts = stat()
        var own = stat()
        guard fstatat(descriptor, name.bytes, &facts, AT_SYMLINK_NOFOLLOW) == 0 else {
            if errno == ENOENT { return }
            throw ScratchError(path: place, reason: reason(errno))
        }
        guard facts.st_mode & S_IFMT == S_IFDIR else { return try unlink(name, place, 0) }
        guard fstat(descriptor, &own) == 0, own.st_dev == facts.st_dev else {
            throw ScratchError(path: place, reason: "another file system is mounted there, so it is not removed")
        }
        if facts.st_mode & 0o700 != 0o700, facts.st_uid == geteuid() { try openUp(name, place) }
        let child = openat(descriptor, name.bytes, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard child >= 0 else {
            if errno == ENOENT { return }
            throw ScratchError(path: place, reason: reason(errno))
        }
        let folder = FolderHandle(descriptor: child, path: place)
        for entry in try folder.names() { try folder.removeTree(entry) }
        try unlink(name, place, AT_REMOVEDIR)
    }

    /// A tool may have left a folder that we may not enter.
    private func openUp(_ name: FileName, _ place: String) throws(ScratchError) {
        guard fchmodat(descriptor, name.bytes, 0o700, 0) == 0 || errno == ENOENT else {
            throw ScratchError(path: place, reason: reason(errno))
        }
    }

    private func unlink(_ name: FileName, _ place: String, _ flags: Int32) throws(ScratchError) {
        guard unlinkat(descriptor, name.bytes, flags) == 0 || errno == ENOENT else {
            throw ScratchError(path: place, reason: reason(errno))
        }
    }
}

/// The name of an entry of a folder, byte for byte.
struct FileName {
    /// With the NUL at its end.
    let bytes: [CChar]

    init(_ text: String) { bytes = Array(text.utf8CString) }
    init(bytes pointer: UnsafePointer<CChar>) {
        bytes = Array(UnsafeBufferPointer(start: pointer, count: strlen(pointer) + 1))
    }

    var text: String { String(decoding: bytes.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self) }
}
