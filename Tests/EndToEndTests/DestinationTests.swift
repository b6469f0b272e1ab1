import Foundation
import TestSupport
import Testing

/// Disks that are full, read-only or not there. They need root to be made.
@Suite("Trouble with the disk", .enabled(if: !RealTools.restics.isEmpty && geteuid() == 0), .serialized)
struct DestinationTests {
    /// A small file system in memory, unmounted when the value goes.
    private final class SmallDisk {
        let path: String

        init(_ folder: ScratchFolder, _ name: String, kibibytes: Int) async throws {
            path = folder[name]
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            guard mount("tmpfs", path, "tmpfs", 0, "size=\(kibibytes)k") == 0 else {
                throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EPERM)
            }
        }

        func remount(readOnly: Bool) throws {
            let flags = UInt(MS_REMOUNT) | (readOnly ? UInt(MS_RDONLY) : 0)
            guard mount("tmpfs", path, "tmpfs", flags, nil) == 0 else {
                throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EPERM)
            }
        }

        deinit { umount2(path, Int32(MNT_DETACH)) }
    }

    private func world(_ name: String, on disk: SmallDisk, _ world: World) throws {
        try world.program.writeProfile(
            """
            sources:
              documents: { files: "\(world.documents)" }
            repositories:
              local: { restic: "\(disk.path)/repository", password: env:RESTIC_PASSWORD }
            """)
    }

    private func noise(_ bytes: Int) -> Data {
        var generator = SystemRandomNumberGenerator()
        return Data((0..<bytes / 8).flatMap { _ in withUnsafeBytes(of: generator.next()) { Array($0) } })
    }

    /// Not with the oldest restic: about one time in twenty 0.14.0 itself comes to a standstill on a full disk.
    @Test(.timeLimit(.minutes(5)), arguments: RealTools.restics.suffix(1))
    func `a full disk fails the run, costs no earlier backup, and the next run works`(
        restic: RealTools.Restic
    ) async throws {
        let world = try World("full", restic: restic)
        let disk = try await SmallDisk(world.folder, "disk", kibibytes: 24 << 10)
        try self.world("full", on: disk, world)
        try await world.backUp()

        try world.folder.write(noise(40 << 20), to: "documents/large")
        let full = try await world.program.run("backup")
        #expect(full.code == 74, "\(full)")
        #expect(full.errors.contains("no room left at \(disk.path)/repository"), "\(full)")
        #expect(full.errors.contains("earlier backups are untouched"), "\(full)")
        let points = try await world.points()
        #expect(points.count == 1, "no restore point of the run that had no room")
        let restore = try await world.program.run("restore", "latest", "--to", world.folder["r"], "--yes")
        #expect(restore.code == 0, "\(restore)")

        try FileManager.default.removeItem(atPath: world.documents + "/large")
        let prune = try await world.program.run("backup", "prune")
        #expect(prune.code == 0, "what the full disk kept half of can be cleared: \(prune)")
        try await world.backUp()
        #expect(try await world.points().count == 2)
    }

    @Test(.timeLimit(.minutes(5)))
    func `a read-only disk is told apart, and restores still work from it`() async throws {
        let world = try World("readonly")
        let disk = try await SmallDisk(world.folder, "disk", kibibytes: 24 << 10)
        try self.world("readonly", on: disk, world)
        try await world.backUp()
        try disk.remount(readOnly: true)
        let backup = try await world.program.run("backup")
        #expect(backup.code == 74, "\(backup)")
        #expect(backup.errors.contains("is read-only"), "\(backup)")
        let list = try await world.program.run("backup", "list")
        #expect(list.code == 0, "\(list)")
        let restore = try await world.program.run("restore", "latest", "--to", world.folder["r"], "--yes")
        #expect(restore.code == 0, "\(restore)")
        try disk.remount(readOnly: false)
        try await world.backUp()
    }

    @Test(.timeLimit(.minutes(5)))
    func `a disk that must be mounted and is not stops the run before anything is written`() async throws {
        let world = try World("unmounted")
        try world.program.writeProfile(
            """
            sources:
              documents: { files: "\(world.documents)" }
            repositories:
              local:
                restic: "\(world.folder["disk"])/repository"
                password: env:RESTIC_PASSWORD
                must-be-mounted: "\(world.folder["disk"])"
            """)
        try FileManager.default.createDirectory(atPath: world.folder["disk"], withIntermediateDirectories: true)
        let unmounted = try await world.program.run("backup")
        #expect(unmounted.code == 10, "\(unmounted)")
        #expect(unmounted.errors.contains("mount"), "\(unmounted)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: world.folder["disk"]) == [])
        let disk = try await SmallDisk(world.folder, "disk", kibibytes: 24 << 10)
        try await world.backUp()
        #expect(FileManager.default.fileExists(atPath: disk.path + "/repository/config"))
    }

    @Test(.timeLimit(.minutes(5)))
    func `a repository on the disk that it backs up is refused where the profile says so`() async throws {
        let world = try World("same")
        try world.program.writeProfile(
            """
            sources:
              documents: { files: "\(world.documents)" }
            repositories:
              local:
                restic: "\(world.program.repository)"
                password: env:RESTIC_PASSWORD
                other-device-than-sources: true
            """)
        let result = try await world.program.run("backup")
        #expect(result.code == 1, "\(result)")
        #expect(result.errors.contains("is on the same disk as"), "\(result)")
        #expect(!FileManager.default.fileExists(atPath: world.program.repository))
    }

    @Test(.timeLimit(.minutes(5)))
    func `a source that must be mounted and is not becomes a gap, and the others are captured`() async throws {
        let world = try World("gap")
        let data = world.folder["data"]
        try world.folder.write("under the mount point\n", to: "data/stale.txt")
        try world.writeProfile(
            """
              documents: { files: "\(world.documents)" }
              data: { files: { paths: "\(data)", mounted: true } }
            """)
        let result = try await world.program.run("backup", "--json")
        #expect(result.code == 1, "\(result)")
        let record = try result.record()
        #expect(record.text("outcome") == "failed")
        #expect(record.objects("parts").map { $0.text("source") } == ["documents"])
        #expect(record.objects("gaps").map { $0.text("source") } == ["data"])
        let list = try await world.program.run("backup", "list")
        #expect(list.output.contains("documents") && list.output.contains("-data"), "\(list)")
    }
}
