package import BackupModel
import Foundation

/// Users and groups, by the system's own look-up (files, LDAP …).
package enum UserDatabase {
    package static func user(named name: String) -> UserIdentity? {
        entry { entry, buffer, size, found in getpwnam_r(name, entry, buffer, size, found) }
    }

    package static func user(id: UInt32) -> UserIdentity? {
        entry { entry, buffer, size, found in getpwuid_r(id, entry, buffer, size, found) }
    }

    /// The name of our effective user, or its number where it has no name.
    package static var currentUserName: String { user(id: geteuid())?.name ?? String(geteuid()) }

    private typealias Lookup = (
        UnsafeMutablePointer<passwd>, UnsafeMutablePointer<CChar>, Int,
        UnsafeMutablePointer<UnsafeMutablePointer<passwd>?>
    ) -> Int32

    private static func entry(_ lookUp: Lookup) -> UserIdentity? {
        var size = 1024
        while size <= 1 << 20 {
            var record = passwd()
            var found: UnsafeMutablePointer<passwd>?
            let buffer = UnsafeMutablePointer<CChar>.allocate(capacity: size)
            defer { buffer.deallocate() }
            let code = lookUp(&record, buffer, size, &found)
            if code == ERANGE {
                size *= 4
                continue
            }
            guard code == 0, found != nil else { return nil }
            let name = String(cString: record.pw_name)
            return UserIdentity(
                name: name, uid: record.pw_uid, gid: record.pw_gid, groups: groups(of: name, primary: record.pw_gid),
                home: String(cString: record.pw_dir))
        }
        return nil
    }

    private static func groups(of name: String, primary: gid_t) -> [UInt32] {
        var count: Int32 = 32
        while count <= 65_536 {
            var capacity = count
            #if os(Linux)
                var groups = [gid_t](repeating: 0, count: Int(count))
                let code = getgrouplist(name, primary, &groups, &capacity)
            #else
                var groups = [Int32](repeating: 0, count: Int(count))
                let code = getgrouplist(name, Int32(bitPattern: primary), &groups, &capacity)
            #endif
            if code >= 0 { return groups.prefix(Int(capacity)).map { UInt32(truncatingIfNeeded: $0) } }
            count = max(capacity, count * 2)
        }
        return [primary]
    }
}
