package import BackupModel
import Foundation

/// Locks by `flock(2)` on files that are never removed.
///
/// Locks on repositories must meet, whoever runs: they lie in the first of a fixed list of folders that every user may
/// write to, so that all users of the host come to the same file. Anybody may open it, which lets anybody hold it too: on a
/// host with hostile users that costs waiting, never data. Locks on profiles lie in the state folder.
///
/// What stands inside the file is for people; only `flock` decides.
package struct FileLocks: LockService {
    /// Shared by all users, in order of preference. `/run/lock` and `/dev/shm` come before `/tmp` because a service with a
    /// private `/tmp` would meet nobody there.
    package static let sharedFolders = ["/run/lock", "/var/lock", "/dev/shm", "/tmp"]

    /// Even without waiting a lock is tried this long: somebody who only looks who holds it has it for an instant.
    static let grace = Duration.milliseconds(250)

    private let stateFolder: String
    private let sharedFolder: String?
    private let host: any HostFacts
    private let clock: any HostClock
    private let user: String

    /// - Parameter sharedFolder: for tests; otherwise chosen from ``sharedFolders``.
    package init(
        stateFolder: String, host: any HostFacts, clock: any HostClock, user: String = UserDatabase.currentUserName,
        sharedFolder: String? = nil
    ) {
        self.stateFolder = stateFolder
        self.host = host
        self.clock = clock
        self.user = user
        self.sharedFolder = sharedFolder ?? FileLocks.sharedFolders.first(where: FileLocks.isOpenToAll)
    }

    package func acquire(_ key: LockKey, mode: LockMode, purpose: String, wait: Duration)
        async throws(LockError) -> any HeldLock
    {
        let path = try path(for: key)
        if case .profile = key { try prepareProfileFolder(key) }
        let deadline = clock.uptime + max(wait, FileLocks.grace)
        var pause = Duration.milliseconds(20)
        while true {
            if Task.isCancelled { throw .cancelled }
            let file = try open(path, for: key)
            if let held = try file.lock(mode, key: key) {
                let holder = LockHolder(process: host.currentProcess(), user: user, since: clock.now, purpose: purpose)
                return FileLock(file: held, holder: holder)
            }
            let holder = file.readHolder()
            let rest = deadline - clock.uptime
            guard rest > .zero else { throw .held(key, by: holder) }
            do { try await clock.sleep(for: min(pause, rest)) } catch { throw .cancelled }
            pause = min(pause * 2, .milliseconds(500))
        }
    }

    package func holder(of key: LockKey) -> LockHolder? {
        // Who asks wants a name for a message; that there is no such lock, or that it cannot be opened, acquiring it says.
        guard let path = try? path(for: key), let file = try? LockFile(existing: path), file.isHeld else { return nil }
        return file.readHolder()
    }

    private func path(for key: LockKey) throws(LockError) -> String {
        switch key {
        case .profile(let name):
            guard ProfileName.isValid(name.rawValue) else { throw .unavailable(key, reason: "it is no valid name") }
            return "\(stateFolder)/locks/profile-\(name).lock"
        case .repository(let location):
            guard let sharedFolder else {
                let folders = FileLocks.sharedFolders.joined(separator: ", ")
                throw .unavailable(key, reason: "none of \(folders) is a sticky folder that all users may write to")
            }
            return "\(sharedFolder)/holdfast-repository-\(LockName.digest(location)).lock"
        }
    }

    private func open(_ path: String, for key: LockKey) throws(LockError) -> LockFile {
        let isShared = if case .repository = key { true } else { false }
        do {
            return try LockFile(at: path, mode: isShared ? 0o666 : 0o600)
        } catch {
            throw .unavailable(key, reason: error.reason)
        }
    }

    private func prepareProfileFolder(_ key: LockKey) throws(LockError) {
        do {
            try PrivateFolder.make(stateFolder + "/locks")
        } catch {
            throw .unavailable(key, reason: "\(error.path): \(error.reason)")
        }
    }

    private static func isOpenToAll(_ path: String) -> Bool {
        var facts = stat()
        return stat(path, &facts) == 0 && facts.st_mode & S_IFMT == S_IFDIR && facts.st_uid == 0
            && facts.st_mode & 0o1777 == 0o1777
    }
}

/// A short name for a location.
enum LockName {
    /// FNV-1a, 64 bits: two repositories that came to share a lock would wait for each other and nothing else.
    static func digest(_ text: String) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in text.utf8 {
            hash ^= UInt64(byte)
            hash &*= 0x100_0000_01b3
        }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
