import Foundation

/// A whole small file read at once, with what the decision to trust it needs.
struct BoundedFile {
    var bytes: [UInt8]
    var owner: UInt32
    /// Permission bits.
    var mode: UInt32

    enum Problem: Error, Equatable {
        case missing
        case unreadable(String)
        case notAFile
        case tooLarge(limit: Int)

        var words: String {
            switch self {
            case .missing: "there is no such file"
            case .unreadable(let reason): "it cannot be read: \(reason)"
            case .notAFile: "it is no regular file"
            case .tooLarge(let limit): "it is larger than \(limit >> 10) KiB, which no such file needs to be"
            }
        }
    }

    /// Symbolic links are followed. Never waits: a named pipe or a device is refused, and not more than `limit` is read.
    static func read(_ path: String, limit: Int) throws(Problem) -> BoundedFile {
        let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else {
            let code = errno
            throw code == ENOENT || code == ENOTDIR ? .missing : .unreadable(String(cString: strerror(code)))
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .unreadable(String(cString: strerror(errno))) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notAFile }
        guard status.st_size <= limit else { throw .tooLarge(limit: limit) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = Foundation.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .unreadable(String(cString: strerror(errno))) }
            if count == 0 { break }
            bytes += buffer[..<count]
            guard bytes.count <= limit else { throw .tooLarge(limit: limit) }
        }
        return BoundedFile(bytes: bytes, owner: status.st_uid, mode: UInt32(status.st_mode) & 0o7777)
    }
}
