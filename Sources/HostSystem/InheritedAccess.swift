import Foundation

/// Who may do what with all that comes to be in a folder, where the one above says so by a default ACL.
enum InheritedAccess {
    /// Takes it away from a folder of ours, and what the folder itself got by it. Where there is none, nothing happens.
    /// - Source: acl(5), "OBJECT CREATION AND DEFAULT ACLs"; the names of the attributes are the kernel's (`XATTR_NAME_POSIX_ACL_DEFAULT`).
    static func remove(from folder: String) {
        #if os(Linux)
            guard let removexattr else { return }
            // What is not there cannot be removed, and need not.
            for name in ["system.posix_acl_default", "system.posix_acl_access"] { _ = removexattr(folder, name) }
            chmod(folder, 0o700)
        #endif
    }

    #if os(Linux)
        private typealias Remove = @convention(c) (UnsafePointer<CChar>, UnsafePointer<CChar>) -> Int32

        /// Of the C library, whose header Swift does not see.
        private static let removexattr: Remove? = dlsym(nil, "removexattr").map {
            // SAFETY: the type is that of the function's declaration.
            unsafeBitCast($0, to: Remove.self)
        }
    #endif
}
