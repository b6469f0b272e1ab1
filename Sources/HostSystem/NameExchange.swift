package import BackupModel
import Foundation

/// Lets two names of one file system trade places in one step, so that nobody ever finds either of them missing.
enum NameExchange {
    /// - Returns: false where the system or the file system cannot do that; then nothing has changed.
    /// - Throws: ``Failure`` with the system's words.
    static func exchange(_ path: String, _ other: String) throws(Failure) -> Bool {
        #if os(Linux)
            guard let rename = renameat2 else { return false }
            let result = rename(AT_FDCWD, path, AT_FDCWD, other, exchangeFlag)
        #elseif canImport(Darwin)
            let result = renamex_np(path, other, UInt32(RENAME_SWAP))
        #else
            let result: Int32 = -1
            errno = ENOSYS
        #endif
        guard result != 0 else { return true }
        let code = errno
        if [EINVAL, ENOSYS, EOPNOTSUPP, ENOTSUP].contains(code) { return false }
        throw Failure("\(path) and \(other) cannot be exchanged: \(reason(code))")
    }

    /// Gives what is at `path` the name `target`, and never takes the place of anything.
    /// - Returns: false with `errno` set.
    static func rename(_ path: String, to target: String) -> Bool {
        #if os(Linux)
            if let rename = renameat2 {
                if rename(AT_FDCWD, path, AT_FDCWD, target, noReplaceFlag) == 0 { return true }
                guard [EINVAL, ENOSYS, EOPNOTSUPP, ENOTSUP].contains(errno) else { return false }
            }
        #elseif canImport(Darwin)
            if renamex_np(path, target, UInt32(RENAME_EXCL)) == 0 { return true }
            guard [EINVAL, ENOSYS, ENOTSUP].contains(errno) else { return false }
        #endif
        // Nobody but us makes names like those of ours.
        var facts = stat()
        guard lstat(target, &facts) != 0 else {
            errno = EEXIST
            return false
        }
        return Foundation.rename(path, target) == 0
    }

    #if os(Linux)
        private typealias Rename =
            @convention(c) (Int32, UnsafePointer<CChar>, Int32, UnsafePointer<CChar>, UInt32) -> Int32

        /// `RENAME_EXCHANGE`; EINVAL where the file system does not know it.
        /// - Source: rename(2), man-pages 6.9.
        private static let exchangeFlag: UInt32 = 1 << 1
        /// `RENAME_NOREPLACE`, likewise.
        private static let noReplaceFlag: UInt32 = 1

        /// The C library has it since glibc 2.28 and musl 1.2.5, and its header keeps it from Swift.
        private static let renameat2: Rename? = dlsym(nil, "renameat2").map {
            // SAFETY: the type is that of the function's declaration.
            unsafeBitCast($0, to: Rename.self)
        }
    #endif
}

extension LocalHost {
    package func exchange(_ path: String, _ other: String) throws(Failure) -> Bool {
        guard try NameExchange.exchange(path, other) else { return false }
        LocalHost.flushFolder(of: path)
        LocalHost.flushFolder(of: other)
        return true
    }
}
