package import BackupModel
import Foundation
import Programs

extension ResticRepository {
    package func locks() async throws(RepositoryError) -> [RepositoryLock] {
        try await ResticLocks(access: access).all()
    }

    package func clearDeadLocks() async throws(RepositoryError) -> [RepositoryLock] {
        try await ResticLocks(access: access).clearDead()
    }

    /// - Important: a lock in use that is removed lets a prune delete what a backup is relying on.
    package func removeLocks(_ ids: [String]) async throws(RepositoryError) {
        try await ResticLocks(access: access).remove(ids)
    }
}

/// restic's own locks in a repository.
struct ResticLocks: Sendable {
    let access: ResticAccess

    func all() async throws(RepositoryError) -> [RepositoryLock] {
        let ids = try await lockIDs()
        guard !ids.isEmpty else { return [] }
        let restic = try await access.restic()
        var locks: [RepositoryLock] = []
        for id in ids {
            let result = try await access.attempt(restic.catLock(id))
            if result.didItsWork, let lock = ResticListing.lock(result.output.head + result.output.tail, id: id) {
                locks.append(lock)
            } else if try await lockIDs().contains(id) {
                throw access.failure(of: result)
            }
            // Otherwise its owner has given it back, or renewed it, in the meantime.
        }
        return locks
    }

    private func lockIDs() async throws(RepositoryError) -> [String] {
        // Locks are not mirrored, and nobody takes any there: a folder has not even a place for them.
        if access.settings.isMirror { return [] }
        if let folder = access.folder { return try folder.lockIDs() }
        return ResticListing.ids(try await access.run(try await access.restic().list(.locks)).output.text)
    }

    func clearDead() async throws(RepositoryError) -> [RepositoryLock] {
        let all = try await all()
        let dead = all.filter(isDead)
        guard !dead.isEmpty else { return [] }
        if let folder = access.folder {
            for lock in dead { try folder.removeLock(lock.id) }
            return dead
        }
        // restic itself cannot remove one lock, and signals the process that a lock names: whoever that is by now.
        let host = access.services.host
        guard dead.count == all.count, dead.allSatisfy({ host.process($0.pid) == nil }) else { return [] }
        _ = try await access.run(try await access.restic().unlock(all: false))
        let remaining = Set(try await lockIDs())
        return dead.filter { !remaining.contains($0.id) }
    }

    /// True only with proof. restic names the machine by its own name, renews a lock every five minutes, and records neither
    /// the boot nor the start of its process, so the owner is dead when: no process has its number, or the one that has is no
    /// restic, or began after the lock was made, or the machine has.
    private func isDead(_ lock: RepositoryLock) -> Bool {
        let host = access.services.host
        guard lock.host == SystemFolder.hostName(), !lock.host.isEmpty, lock.pid > 0 else { return false }
        // Clocks of file systems and processes may differ by a little.
        let tolerance = 2.0
        if let boot = host.bootTime, lock.time.addingTimeInterval(tolerance) < boot { return true }
        guard let process = host.process(lock.pid) else { return true }
        if let boot = host.bootTime {
            let began = boot.addingTimeInterval(Double(process.startTime) / ticksPerSecond)
            if began > lock.time.addingTimeInterval(tolerance) { return true }
        }
        guard let program = host.executableName(of: lock.pid) else { return false }
        let own = (access.settings.program as NSString).lastPathComponent
        return !program.contains("restic") && !program.hasPrefix(own)
    }

    private var ticksPerSecond: Double { Double(max(1, sysconf(Int32(_SC_CLK_TCK)))) }

    func remove(_ ids: [String]) async throws(RepositoryError) {
        if let folder = access.folder {
            let present = try folder.lockIDs()
            var meant: [String] = []
            for id in ids {
                let matches = present.filter { $0.hasPrefix(id) }
                guard !id.isEmpty, matches.count == 1 else { throw .notFound(what: "lock \(id)") }
                meant += matches
            }
            for id in meant { try folder.removeLock(id) }
            return
        }
        let present = try await lockIDs()
        guard present.allSatisfy({ lock in ids.contains { !$0.isEmpty && lock.hasPrefix($0) } }) else {
            throw .unsupported(
                "restic cannot remove single locks from \(access.location); name all \(present.count) of them")
        }
        _ = try await access.run(try await access.restic().unlock(all: true))
        if let left = try await lockIDs().first(where: present.contains) {
            throw .denied(location: access.location, detail: "lock \(left.prefix(8)) is still there")
        }
    }
}
