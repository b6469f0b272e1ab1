import BackupModel
import Foundation
import TestSupport
import Testing

@testable import HostSystem

@Suite struct `This machine` {
    let host = LocalHost()

    @Test func `has a name that a profile may override`() {
        #expect(!host.hostName.isEmpty)
        #expect(LocalHost(hostName: "web-1").hostName == "web-1")
    }

    @Test func `knows its boot, and itself as a process of it`() throws {
        #expect(host.bootID.utf8.count == 36)
        let bootTime = try #require(host.bootTime)
        #expect(bootTime < Date() && bootTime > Date(timeIntervalSince1970: 1_500_000_000))
        let ours = host.currentProcess()
        #expect(ours.pid == getpid() && ours.startTime > 0 && ours.bootID == host.bootID)
        #expect(host.process(getpid()) == ours)
        #expect(host.effectiveUserID == geteuid())
    }

    @Test func `knows a child until it is dead, reaped or not, and by the program it runs`() throws {
        let child = try TestProcess(["/bin/sleep", "60"])
        let identity = try #require(host.process(child.pid))
        #expect(identity.startTime >= host.currentProcess().startTime)
        #expect(host.executableName(of: child.pid) == "sleep")
        child.kill(SIGKILL)
        // Until it is reaped its number is still in the table.
        while host.process(child.pid) == identity { usleep(1000) }
        #expect(kill(child.pid, 0) == 0)
        child.wait()
        #expect(host.process(child.pid) != identity)
        #expect(host.process(-1) == nil)
    }

    @Test(arguments: ["sleep", "a) S 1 (b", "with blank", "new\nline)"])
    func `finds the start time behind a program name of any spelling`(_ name: String) {
        let rest = (3...52).map { $0 == 3 ? "S" : String($0) }.joined(separator: " ")
        #expect(Kernel.startTime(inStat: "123 (\(name)) \(rest)\n") == 22)
    }

    @Test func `finds no start time of a zombie, nor in anything else`() {
        let rest = (4...52).map(String.init).joined(separator: " ")
        #expect(Kernel.startTime(inStat: "123 (x) Z \(rest)") == nil)
        #expect(Kernel.startTime(inStat: "123 (x) S 1 2") == nil)
        #expect(Kernel.startTime(inStat: "") == nil)
    }

    @Test func `knows the program of a process although its file was replaced`() {
        #expect(Kernel.executableName(inLink: "/usr/bin/restic") == "restic")
        #expect(Kernel.executableName(inLink: "/usr/bin/restic (deleted)") == "restic")
    }

    @Test func `measures room and device at the nearest folder that exists`() throws {
        let folder = try ScratchFolder("room")
        let deep = folder["not/yet/there"]
        let room = try #require(host.room(at: deep))
        #expect(room.total > 0 && room.free <= room.total)
        #expect(host.room(at: folder.path)?.total == room.total)
        var facts = stat()
        #expect(stat(folder.path, &facts) == 0)
        #expect(host.device(of: deep) == UInt64(facts.st_dev))
        #expect(host.device(of: deep) == host.device(of: folder.path))
        #expect(host.device(of: "/proc") != host.device(of: "/"))
    }

    @Test func `knows the mount that a path lies on, also through a link`() throws {
        #expect(host.mount(containing: "/proc/self")?.fileSystem == "proc")
        let folder = try ScratchFolder("mount")
        try FileManager.default.createSymbolicLink(atPath: folder["link"], withDestinationPath: "/proc/sys")
        #expect(host.mount(containing: folder["link/kernel"])?.path.hasPrefix("/proc") == true)
        #expect(host.mount(containing: "/nowhere/at/all")?.path == "/")
    }

    @Test(.enabled(if: geteuid() == 0, "mounting needs root")) func `sees a mount come, and its room`() throws {
        let folder = try ScratchFolder("mount")
        let place = folder["a b\\c"]
        let mount = try TemporaryFileSystem(at: place, kibibytes: 256)
        defer { mount.unmount() }
        let found = try #require(host.mount(containing: place + "/file"))
        #expect(found.path == place)
        #expect(found.fileSystem == "tmpfs" && !found.isReadOnly)
        #expect(found.device == host.device(of: place))
        #expect(host.room(at: place)?.total == .kibibytes(256))
        try mount.remount(readOnly: true)
        #expect(host.mount(containing: place)?.isReadOnly == true)
    }

    @Test func `exchanges two names in one step, of whatever kind they are`() throws {
        let folder = try ScratchFolder("exchange")
        try folder.write("new", to: "new/file")
        try folder.write("old", to: "old")
        try #require(try host.exchange(folder["new"], folder["old"]), "this file system exchanges no names")
        #expect(try String(contentsOfFile: folder["new"], encoding: .utf8) == "old")
        #expect(try String(contentsOfFile: folder["old/file"], encoding: .utf8) == "new")
        #expect(throws: Failure.self) { try host.exchange(folder["new"], folder["nothing"]) }
    }

    @Test func `knows its users with their groups, and no others`() throws {
        let root = try #require(host.user(named: "root"))
        #expect(root.uid == 0 && root.gid == 0 && root.groups.contains(0) && root.home == "/root")
        #expect(host.user(named: "no-such-user-here") == nil)
        #expect(UserDatabase.user(id: 0)?.name == "root")
    }
}

@Suite struct `The mount table` {
    private let table = MountTable.parse(
        """
        21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
        30 21 0:25 / /mnt/a\\040b\\134c rw,nosuid master:3 propagate_from:2 - tmpfs tmpfs rw,size=64k
        31 21 259:300 / /mnt ro,relatime - xfs /dev/nvme rw
        32 21 0:26 / /backup rw - nfs4 server:/x ro,vers=4
        33 31 0:27 / /mnt rw - autofs systemd-1 rw
        garbage
        34 21 x:y / /bad rw - ext4 none rw
        """)

    @Test func `is read with its escapes, optional fields and device numbers`() {
        #expect(table.map(\.path) == ["/", "/mnt/a b\\c", "/mnt", "/backup", "/mnt"])
        #expect(table[0].device == 0x801)
        #expect(table[2].device == (259 << 8 | 300 & 0xff | (300 & ~0xff) << 12))
        #expect(table.map(\.isReadOnly) == [false, false, true, true, false])
    }

    @Test(arguments: [
        ("fuse restic", true), ("fuse restic:5020c07a34", true), ("fuse resticker", false), ("ext4 restic", false),
        ("fuse.rclone restic:", false), ("fuse.sshfs restic:/data", false), ("fuse /srv/holdfast-app/shown", false),
        ("fuse.bindfs holdfast-20261122T054624Z-4b153c/shown", true),
        ("fuse /srv/holdfast-20261122T054624Z-4b153c/data", false),
        ("fuse /var/lib/holdfast/scratch/holdfast-20261122T054624Z-4b153c/shown", true), ("fuse /home/me/shown", false),
    ])
    func `tells what shows a backup`(_ mount: String, _ showsBackup: Bool) throws {
        let line = "35 21 0:28 / /m ro - \(mount) ro"
        let mount = try #require(MountTable.parse(line).first)
        #expect(mount.showsBackup == showsBackup)
        let isUnpacked = showsBackup && !mount.source.hasPrefix("restic")
        #expect(mount.shownRun?.rawValue == (isUnpacked ? "20261122T054624Z-4b153c" : nil))
    }

    @Test func `answers with the longest mount, the last of equals, and whole names only`() {
        func fileSystem(_ path: String) -> String? { MountTable.mount(containing: path, in: table)?.fileSystem }
        #expect(fileSystem("/mnt/a b\\c/d") == "tmpfs")
        #expect(fileSystem("/mnt/a") == "autofs")
        #expect(fileSystem("/mnt") == "autofs")
        #expect(fileSystem("/mntx") == "ext4")
        #expect(fileSystem("/backup/x") == "nfs4")
    }
}

@Suite struct `The clock` {
    @Test func `goes on, by the wall and by itself, and a sleep can be cancelled`() async throws {
        let clock = SystemClock()
        let before = (clock.now, clock.uptime)
        try await clock.sleep(for: .milliseconds(20))
        #expect(clock.now > before.0)
        #expect(clock.uptime - before.1 >= .milliseconds(20))
        let sleeper = Task { try await clock.sleep(for: .seconds(60)) }
        sleeper.cancel()
        await #expect(throws: CancellationError.self) { try await sleeper.value }
    }

    @Test func `of a test stands still until it is moved`() async throws {
        let clock = TestClock()
        let start = clock.now
        let sleeper = Task { try await clock.sleep(for: .seconds(60)) }
        while clock.sleeperCount == 0 { await Task.yield() }
        clock.advance(by: .seconds(59))
        #expect(clock.sleeperCount == 1)
        clock.advance(by: .seconds(1))
        try await sleeper.value
        #expect(clock.now == start + 60 && clock.uptime == .seconds(60))
        clock.jump(to: start)
        #expect(clock.now == start && clock.uptime == .seconds(60))
        let cancelled = Task { try await clock.sleep(for: .seconds(60)) }
        cancelled.cancel()
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        #expect(clock.sleeperCount == 0)
    }
}

@Suite struct `The folders of state and cache` {
    private func folders(_ environment: [String: String], user: UInt32, state: String? = nil, cache: String? = nil)
        -> StateFolders
    {
        StateFolders.resolve(profileState: state, profileCache: cache, environment: environment, userID: user)
    }

    @Test func `lie below /var for root, whatever XDG says`() {
        let found = folders(["HOME": "/root", "XDG_STATE_HOME": "/x"], user: 0)
        #expect(found == StateFolders(state: "/var/lib/holdfast", cache: "/var/cache/holdfast"))
        #expect(found.scratch == "/var/lib/holdfast/scratch")
    }

    @Test func `lie at home for others, or where XDG says in whole paths`() {
        #expect(
            folders(["HOME": "/home/a"], user: 1000)
                == StateFolders(state: "/home/a/.local/state/holdfast", cache: "/home/a/.cache/holdfast"))
        #expect(
            folders(["HOME": "/home/a", "XDG_STATE_HOME": "/s/", "XDG_CACHE_HOME": "relative"], user: 1000)
                == StateFolders(state: "/s/holdfast", cache: "/home/a/.cache/holdfast"))
    }

    @Test func `follow the profile, and before it the environment`() {
        #expect(folders(["HOME": "/home/a"], user: 1000, state: "/p/state", cache: "/p/cache").state == "/p/state")
        let found = folders(
            ["HOLDFAST_STATE_DIR": "/e/state/", "HOLDFAST_CACHE_DIR": ""], user: 0, state: "/p/state", cache: "/p/cache"
        )
        #expect(found == StateFolders(state: "/e/state", cache: "/p/cache"))
        #expect(folders(["HOLDFAST_STATE_DIR": "here"], user: 0).state.hasSuffix("/here"))
        #expect(folders(["HOLDFAST_STATE_DIR": "here"], user: 0).state.hasPrefix("/"))
    }

    @Test func `are found without HOME by the user database`() {
        #expect(folders([:], user: 65_534).state.hasSuffix("/.local/state/holdfast"))
    }
}

@Suite struct `What a folder inherits` {
    @Test func `is taken away, so that what comes to be in it is ours alone`() throws {
        let folder = try ScratchFolder("inherited")
        let script = """
            import os, struct, sys
            entries = [(1, 7, -1), (2, 7, 65534), (4, 5, -1), (16, 7, -1), (32, 0, -1)]
            acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *entry) for entry in entries)
            os.setxattr(sys.argv[1], "system.posix_acl_default", acl)
            os.mkdir(sys.argv[1] + "/staging", 0o700)
            """
        func names(_ path: String) throws -> String {
            try python("import os, sys; print(*os.listxattr(sys.argv[1]))", path)
        }
        func python(_ script: String, _ path: String) throws -> String {
            let process = Process()
            let pipe = Pipe()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
            process.arguments = ["-c", script, path]
            process.standardOutput = pipe
            process.standardError = pipe
            try process.run()
            process.waitUntilExit()
            return String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        }
        let said = try python(script, folder.path)
        // Not every file system has them.
        if said.contains("not supported") { return }
        let staging = folder["staging"]
        #expect(try names(staging).contains("posix_acl_default"), "\(said)")
        LocalHost().disinherit(staging)
        try folder.write("secret", to: "staging/key", mode: 0o640)
        #expect(try !names(staging).contains("posix_acl") && !names(staging + "/key").contains("posix_acl"))
        #expect(try FileManager.default.attributesOfItem(atPath: staging)[.posixPermissions] as? Int == 0o700)
        LocalHost().disinherit(folder["nowhere"])
    }
}
