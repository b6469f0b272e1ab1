package import BackupModel
import Foundation

/// Keeps our memory, in which there are secrets, out of core dumps and other processes' reach.
package enum NoDump {
    /// Core dumps off, for us and, where wanted, our children, and on Linux no tracing by other processes of the same user.
    ///
    /// Children are not hindered: `execve(2)` makes them dumpable again, so they open inherited memory files through their own
    /// `/dev/fd`.
    /// - Source: PR_SET_DUMPABLE in prctl(2), man-pages 6.9.
    /// - Throws: ``Failure`` when the system refuses.
    /// - Parameter forChildren: false leaves the limit alone that programs inherit; on Linux ours are off without it.
    package static func apply(forChildren: Bool = true) throws(Failure) {
        if forChildren {
            var limit = rlimit(rlim_cur: 0, rlim_max: 0)
            #if os(Linux)
                let code = setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit)
            #else
                let code = setrlimit(RLIMIT_CORE, &limit)
            #endif
            guard code == 0 else { throw Failure("core dumps could not be switched off: \(reason(errno))") }
        }
        #if os(Linux)
            guard dumpable(set: false) == 0 else {
                throw Failure("other processes could not be kept from our memory: \(reason(errno))")
            }
        #endif
    }

    #if os(Linux)
        private typealias ProcessControl = @convention(c) (Int32, UInt, UInt, UInt, UInt) -> Int32
        private static let setDumpable: Int32 = 4
        private static let getDumpable: Int32 = 3

        /// `prctl` takes a variable list of arguments, which Swift does not call.
        private static let control: ProcessControl? = dlsym(nil, "prctl").map {
            // SAFETY: glibc's and musl's prctl read four further words whatever is asked; on x86-64 and AArch64 Linux words of a
            // variable list are passed in the same registers as named ones.
            unsafeBitCast($0, to: ProcessControl.self)
        }

        /// - Returns: 0, or -1 with `errno` set.
        @discardableResult
        static func dumpable(set value: Bool) -> Int32 {
            guard let control else {
                errno = ENOSYS
                return -1
            }
            return control(setDumpable, value ? 1 : 0, 0, 0, 0)
        }

        static var isDumpable: Bool { control?(getDumpable, 0, 0, 0, 0) != 0 }
    #endif
}
