import Digests

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A part of a file.
struct FileSection {
    private let path: String
    private let offset: Int64
    private let length: Int64

    init(_ path: String, _ offset: Int64, _ length: Int64) {
        self.path = path
        self.offset = offset
        self.length = length
    }

    /// - Returns: 64 hexadecimal digits; `nil` where the file ends before.
    func digest() throws(SystemFailure) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard file >= 0, lseek(file, off_t(offset), SEEK_SET) >= 0 else { throw .last(path) }
        defer { close(file) }
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        var left = length
        do throws(DigestError) {
            let hash = try SHA256()
            while left > 0 {
                let count = read(file, &buffer, Int(min(left, Int64(buffer.count))))
                guard count >= 0 else { throw DigestError.unreadable(code: errno, reason: "") }
                if count == 0 { return nil }
                let failure: DigestError? = buffer.withUnsafeBytes { bytes in
                    do throws(DigestError) {
                        try hash.update(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
                        return nil
                    } catch {
                        return error
                    }
                }
                if let failure { throw failure }
                left -= Int64(count)
            }
            return try hash.finish().description
        } catch {
            if case .unreadable(let code, _) = error { throw SystemFailure(code: code, path: path) }
            throw SystemFailure(code: ENOMEM, path: path)
        }
    }
}
