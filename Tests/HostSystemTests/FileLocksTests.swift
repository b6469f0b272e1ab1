import BackupModel
import Foundation
import TestSupport
import Testing

@testable import HostSystem

/// Stands still, and does something whenever somebody sleeps by it.
private struct HookedClock: HostClock {
    let whenSlept: @Sendable () -> Void
    var now: Date { Date(timeIntervalSince1970: 0) }
    var uptime: Duration { .zero }
    func sleep(for duration: Duration) async throws { whenSlept() }
}

@Suite struct `A lock` {
    let folder: ScratchFolder
    let locks: FileLocks
    let key = LockKey.repository(location: "/backups/restic-repo")
    private let profile = LockKey.profile(ProfileName(unchecked: "timetiles"))

    init() throws {
        folder = try ScratchFolder("locks")
        try FileManager.default.createDirectory(atPath: folder["shared"], withIntermediateDirectories: true)
        locks = FileLocks(
            stateFolder: folder["state"], host: LocalHost(), clock: SystemClock(), user: "tester",
            sharedFolder: folder["shared"])
    }

    private func take(_ key: LockKey, _ mode: LockMode = .exclusive, wait: Duration = .zero) async throws
        -> any HeldLock
    {
        try await locks.acquire(key, mode: mode, purpose: "backup", wait: wait)
    }

    private var lockPath: String {
        folder["shared/holdfast-repository-\(LockName.digest("/backups/restic-repo")).lock"]
    }

    private func expectHeld(_ key: LockKey, _ mode: LockMode) async throws -> LockHolder? {
        let error = try await #require(throws: LockError.self) { _ = try await take(key, mode) }
        guard case .held(key, let holder) = error else { throw Failure("\(error)") }
        return holder
    }

    @Test func `keeps others out until it is released, and says who has it`() async throws {
        #expect(locks.holder(of: key) == nil)
        let lock = try await take(key)
        let holder = try #require(try await expectHeld(key, .exclusive))
        #expect(holder.process == LocalHost().currentProcess())
        #expect(holder.user == "tester" && holder.purpose == "backup")
        #expect(abs(holder.since.timeIntervalSinceNow) < 60)
        lock.update(purpose: "prune")
        #expect(locks.holder(of: key)?.purpose == "prune")
        _ = try await expectHeld(key, .shared)
        lock.release()
        lock.release()
        #expect(locks.holder(of: key) == nil)
        try await take(key).release()
    }

    @Test func `is shared by those who ask for sharing, against those who do not`() async throws {
        let first = try await take(key, .shared)
        let second = try await take(key, .shared)
        _ = try await expectHeld(key, .exclusive)
        second.release()
        #expect(locks.holder(of: key) != nil)
        _ = try await expectHeld(key, .exclusive)
        first.release()
        #expect(locks.holder(of: key) == nil)
    }

    @Test func `of one thing is none of another's`() async throws {
        let held = try await take(key)
        let other = try await take(.repository(location: "/backups/other"))
        let ofProfile = try await take(profile)
        _ = try await expectHeld(profile, .exclusive)
        for lock in [held, other, ofProfile] { lock.release() }
    }

    @Test func `is gone when its holder forgets it`() async throws {
        do { _ = try await take(key) }
        #expect(locks.holder(of: key) == nil)
    }

    @Test func `is waited for`() async throws {
        let held = try await take(key)
        let waiter = Task { try await take(key, wait: .seconds(20)) }
        try await Task.sleep(for: .milliseconds(400))
        held.release()
        try await waiter.value.release()
    }

    @Test func `is waited for only as long as was said`() async throws {
        let held = try await take(key)
        let clock = TestClock(movesBySleeping: true)
        let patient = FileLocks(
            stateFolder: folder["state"], host: FakeHost(), clock: clock, user: "x", sharedFolder: folder["shared"])
        await #expect(throws: LockError.self) {
            _ = try await patient.acquire(key, mode: .shared, purpose: "", wait: .seconds(90))
        }
        #expect(clock.uptime == .seconds(90))
        #expect(clock.sleeps.allSatisfy { $0 <= .milliseconds(500) })
        held.release()
    }

    @Test func `stops being waited for when the task is cancelled`() async throws {
        let held = try await take(key)
        let waiter = Task { try await take(key, wait: .seconds(60)) }
        try await Task.sleep(for: .milliseconds(50))
        waiter.cancel()
        let error = try await #require(throws: LockError.self) { _ = try await waiter.value }
        guard case .cancelled = error else { throw Failure("\(error)") }
        held.release()
    }

    @Test func `is not missed, even without waiting, for somebody who only looks who holds it`() async throws {
        let looking = try await take(key)
        let clock = HookedClock { looking.release() }
        let other = FileLocks(
            stateFolder: folder["state"], host: FakeHost(), clock: clock, user: "x", sharedFolder: folder["shared"])
        try await other.acquire(key, mode: .exclusive, purpose: "", wait: .zero).release()
    }

    @Test func `is one lock for two processes, and dies with the other one`() async throws {
        try await take(key).release()
        // flock(1) replaces itself, so that the process we kill is the one that holds the lock.
        let other = try TestProcess(["/usr/bin/flock", "--no-fork", "--exclusive", lockPath, "sleep", "60"])
        while locks.holder(of: key) == nil { try await Task.sleep(for: .milliseconds(5)) }
        let holder = try await expectHeld(key, .shared)
        #expect(holder?.user == "unknown", "what stands in the file is cleared when a lock is given back")
        other.kill(SIGKILL)
        other.wait()
        try await take(key).release()
    }

    @Test func `does not pass to a child that outlives us`() async throws {
        let held = try await take(key)
        let child = try TestProcess(["/bin/sleep", "60"])
        held.release()
        let again = try await take(key)
        let links = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(child.pid)/fd").compactMap {
            try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(child.pid)/fd/\($0)")
        }
        #expect(!links.contains(lockPath))
        again.release()
    }

    @Test func `leaves its file, open to all users for a repository and to us alone for a profile`() async throws {
        try await take(key).release()
        try await take(profile).release()
        var facts = stat()
        #expect(lstat(lockPath, &facts) == 0 && facts.st_mode & 0o777 == 0o666)
        #expect(lstat(folder["state/locks/profile-timetiles.lock"], &facts) == 0 && facts.st_mode & 0o777 == 0o600)
        #expect(lstat(folder["state/locks"], &facts) == 0 && facts.st_mode & 0o777 == 0o700)
    }

    @Test(arguments: ["symlink", "fifo", "folder", "hard link"])
    func `is refused when something was planted in its place`(_ trick: String) async throws {
        try folder.write("precious", to: "victim")
        switch trick {
        case "symlink": symlink(folder["victim"], lockPath)
        case "fifo": mkfifo(lockPath, 0o666)
        case "folder": mkdir(lockPath, 0o777)
        default: link(folder["victim"], lockPath)
        }
        let error = try await #require(throws: LockError.self) { _ = try await take(key) }
        guard case .unavailable(key, let reason) = error else { throw Failure("\(error)") }
        #expect(reason.contains(lockPath))
        #expect(try String(contentsOfFile: folder["victim"], encoding: .utf8) == "precious")
    }

    @Test func `shows what others wrote into it only when it is harmless`() async throws {
        let lock = try await take(key)
        lock.update(purpose: "evil \u{1B}[2J\u{202E}\n" + String(repeating: "x", count: 1000))
        let purpose = try #require(locks.holder(of: key)?.purpose)
        #expect(purpose.hasPrefix("evil [2Jxxx") && purpose.count == 200)
        try folder.write("{\"garbage", to: "elsewhere")
        try "{\"garbage".write(toFile: lockPath, atomically: false, encoding: .utf8)
        #expect(locks.holder(of: key)?.purpose == "unknown")
        lock.release()
    }

    @Test func `is taken anew when its file was swept away`() async throws {
        let lost = try await take(key)
        unlink(lockPath)
        let again = try await take(key)
        _ = try await expectHeld(key, .exclusive)
        lost.release()
        again.release()
    }

    @Test func `on a file that was swept away before it was taken is none`() throws {
        let file = try LockFile(at: lockPath, mode: 0o666)
        unlink(lockPath)
        let newer = try LockFile(at: lockPath, mode: 0o666)
        #expect(try file.lock(.exclusive, key: key) == nil)
        #expect(try newer.lock(.exclusive, key: key) === newer)
    }

    @Test(.enabled(if: geteuid() == 0, "becoming another user needs root"))
    func `of a repository meets the lock of any other user`() async throws {
        chmod(folder.path, 0o755)
        chmod(folder["shared"], 0o1777)
        let theirs = try TestProcess([
            "/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/flock", "--no-fork",
            "--exclusive", lockPath, "sleep", "60",
        ])
        while locks.holder(of: key) == nil { try await Task.sleep(for: .milliseconds(5)) }
        _ = try await expectHeld(key, .exclusive)
        theirs.kill(SIGKILL)
        theirs.wait()
        try await take(key).release()
    }

    @Test func `of a repository lies at one place for all users of this host`() async throws {
        let location = "/holdfast-test/\(UUID().uuidString)"
        let path = FileLocks.sharedFolders.map { "\($0)/holdfast-repository-\(LockName.digest(location)).lock" }
        defer { for path in path { unlink(path) } }
        let real = FileLocks(stateFolder: folder["state"], host: LocalHost(), clock: SystemClock())
        try await real.acquire(.repository(location: location), mode: .shared, purpose: "test", wait: .zero).release()
        #expect(path.contains { access($0, F_OK) == 0 })
    }
}
