#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Hashes files of any size through one buffer, which is used again for the next file. Not for use by several threads at
/// once: make one for each.
package final class FileDigest {
    private let hash: SHA256
    private let buffer: UnsafeMutableRawBufferPointer

    package init(bufferSize: Int = 1 << 20) throws(DigestError) {
        hash = try SHA256()
        buffer = .allocate(byteCount: bufferSize, alignment: 4096)
    }

    deinit { buffer.deallocate() }

    /// Reads an open descriptor from where it stands to its end.
    /// - Parameter advancing: called with the number of bytes after each portion; returning false stops.
    /// - Throws: ``DigestError``.
    package func digest(
        ofDescriptor descriptor: Int32, advancing: (Int) -> Bool = { _ in true }
    ) throws(DigestError) -> SHA256Digest {
        try digest(ofDescriptor: descriptor) { (bytes: UnsafeRawBufferPointer) in advancing(bytes.count) }
    }

    /// - Parameter seeing: each portion; returning false stops.
    private func digest(
        ofDescriptor descriptor: Int32, seeing: (UnsafeRawBufferPointer) throws(DigestError) -> Bool
    ) throws(DigestError) -> SHA256Digest {
        do throws(DigestError) {
            while true {
                let count = read(descriptor, buffer.baseAddress, buffer.count)
                if count == 0 { return try hash.finish() }
                if count < 0 {
                    if errno == EINTR { continue }
                    throw DigestError.unreadable(code: errno, reason: String(cString: strerror(errno)))
                }
                let portion = UnsafeRawBufferPointer(rebasing: buffer[..<count])
                try hash.update(portion)
                guard try seeing(portion) else { throw DigestError.stopped }
            }
        } catch {
            // What was read of this file must not be in the digest of the next.
            _ = try hash.finish()
            throw error
        }
    }

    /// Opens and reads a file. A symbolic link is not followed, and a pipe or device does not hold us up.
    package func digest(
        ofFile path: String, advancing: (Int) -> Bool = { _ in true }
    ) throws(DigestError) -> SHA256Digest {
        try digest(ofFile: path) { (bytes: UnsafeRawBufferPointer) in advancing(bytes.count) }
    }

    /// - Parameter seeing: each portion; returning false stops.
    func digest(
        ofFile path: String, seeing: (UnsafeRawBufferPointer) throws(DigestError) -> Bool
    ) throws(DigestError) -> SHA256Digest {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw .unreadable(code: errno, reason: String(cString: strerror(errno)))
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw .unreadable(code: errno, reason: String(cString: strerror(errno)))
        }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .unreadable(code: 0, reason: "not a regular file") }
        return try digest(ofDescriptor: descriptor, seeing: seeing)
    }
}
