import Digests
import Foundation

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension FileDigest {
    /// Opens and reads a file whose name may be no UTF-8. A link is not followed, and nothing holds us up.
    /// - Returns: 64 hexadecimal digits.
    func hexadecimal(
        ofFile place: [UInt8], advancing: (Int) -> Bool = { _ in true }
    ) throws(DigestError) -> [UInt8] {
        let descriptor = (place + [0]).withUnsafeBytes {
            open(
                $0.assumingMemoryBound(to: CChar.self).baseAddress!, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        }
        guard descriptor >= 0 else { throw .unreadable(code: errno, reason: String(cString: strerror(errno))) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw .unreadable(code: errno, reason: String(cString: strerror(errno)))
        }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .unreadable(code: 0, reason: "not a regular file") }
        return Array(try digest(ofDescriptor: descriptor, advancing: advancing).description.utf8)
    }
}
