import Foundation
import TestSupport
import Testing

/// What the program says and does when its repository is not as it should be. Each trouble has its own exit code, and none
/// of them costs a backup that was there before.
@Suite("Trouble with the repository", .enabled(if: !RealTools.restics.isEmpty))
struct RepositoryTroubleTests {
    @Test(.timeLimit(.minutes(5)), arguments: RealTools.oldestAndNewest)
    func `a wrong password is told apart, and nothing is stored with it`(restic: RealTools.Restic) async throws {
        let world = try World("password", restic: restic)
        try world.writeDocumentsProfile()
        try await world.backUp()
        let wrong = ["RESTIC_PASSWORD": "wrong"]
        let backup = try await world.program.run("backup", environment: wrong)
        #expect(backup.code == 12, "\(backup)")
        #expect(backup.errors.contains("the password does not open the repository"), "\(backup)")
        #expect(backup.errors.contains("→ correct `password:`"), "\(backup)")
        #expect(backup.errorLines.count == 1, "\(backup)")
        let verify = try await world.program.run("backup", "verify", environment: wrong)
        #expect(verify.code == 12, "\(verify)")
        let restore = try await world.program.run(
            "restore", "latest", "--to", world.folder["r"], "--yes", environment: wrong)
        #expect(restore.code == 12, "\(restore)")
        #expect(!FileManager.default.fileExists(atPath: world.folder["r/documents"]))
        try await world.backUp()
        #expect(try await world.points().count == 2)
    }

    @Test(.timeLimit(.minutes(5)))
    func `a repository that has gone is missed, and never made anew beside the pin`() async throws {
        let world = try World("gone")
        try world.writeDocumentsProfile()
        try await world.backUp()
        let files = FileManager.default
        try files.moveItem(atPath: world.program.repository, toPath: world.folder["elsewhere"])
        for arguments in [
            ["backup"], ["backup", "list"], ["backup", "verify"],
            ["restore", "latest", "--to", world.folder["r"], "--yes"],
            ["doctor"], ["repository", "accept-id"], ["backup", "prune"],
        ] {
            let result = try await world.program.run(arguments)
            #expect(result.code == 10, "\(result)")
            #expect(result.said.contains("there is no repository at \(world.program.repository)"), "\(result)")
            #expect(!files.fileExists(atPath: world.program.repository), "\(result)")
        }
        // An unmounted disk leaves its empty mount point.
        try files.createDirectory(atPath: world.program.repository, withIntermediateDirectories: false)
        #expect(try await world.program.run("backup").code == 10)
        #expect(try files.contentsOfDirectory(atPath: world.program.repository) == [])

        try files.removeItem(atPath: world.program.repository)
        try files.moveItem(atPath: world.folder["elsewhere"], toPath: world.program.repository)
        try await world.backUp()
        #expect(try await world.points().count == 2)
    }

    @Test(.timeLimit(.minutes(5)))
    func `a folder that holds something else is no place for a repository`() async throws {
        let world = try World("occupied", isNew: true)
        try world.writeDocumentsProfile()
        try world.folder.write("mine\n", to: "repository/letter.txt")
        let result = try await world.program.run("backup")
        #expect(result.code == 1, "\(result)")
        #expect(result.errors.contains("is no repository and is not empty"), "\(result)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: world.program.repository) == ["letter.txt"])
    }

    @Test(.timeLimit(.minutes(5)), arguments: RealTools.oldestAndNewest)
    func `another repository with the same password is refused until somebody accepts it`(
        restic: RealTools.Restic
    ) async throws {
        let world = try World("replaced", restic: restic)
        try world.writeDocumentsProfile()
        try await world.backUp()
        let files = FileManager.default
        try files.moveItem(atPath: world.program.repository, toPath: world.folder["real"])
        let made = try await world.program.runTool("restic", "init", "--repo", world.program.repository)
        try #require(made.code == 0, "\(made)")
        for arguments in [
            ["backup"], ["backup", "list"], ["backup", "prune"],
            ["restore", "latest", "--to", world.folder["r"], "--yes"],
            ["doctor"], ["repository", "list"],
        ] {
            let result = try await world.program.run(arguments)
            #expect(result.code == 65, "\(result)")
            #expect(result.said.contains("is another one") || result.said.contains("NOT the pinned one"), "\(result)")
        }
        #expect(try files.contentsOfDirectory(atPath: world.program.repository + "/snapshots") == [])
        let accepted = try await world.program.run("repository", "accept-id")
        #expect(accepted.code == 0 && accepted.output.contains("pinned"), "\(accepted)")
        try await world.backUp()
        #expect(try await world.points().count == 1, "the points of the other repository are not shown as this one's")
    }

    @Test(.timeLimit(.minutes(5)))
    func `a key that somebody added is refused until it is accepted`() async throws {
        let world = try World("key")
        try world.writeDocumentsProfile()
        try await world.backUp()
        try world.folder.write("another password\n", to: "new-password")
        let added = try await world.program.runTool(
            "restic", "key", "add", "--new-password-file", world.folder["new-password"], "--repo",
            world.program.repository)
        try #require(added.code == 0, "\(added)")
        let refused = try await world.program.run("backup")
        #expect(refused.code == 65, "\(refused)")
        #expect(refused.errors.contains("the keys of the repository"), "\(refused)")
        #expect(refused.errors.contains("holdfast repository accept-id"), "\(refused)")
        #expect(try await world.program.run("repository", "accept-id").code == 0)
        try await world.backUp()
    }

    @Test(.timeLimit(.minutes(5)), arguments: RealTools.oldestAndNewest)
    func `a live lock of another program is named with its holder, and left alone`(restic: RealTools.Restic)
        async throws
    {
        let world = try World("locked", restic: restic)
        try world.writeDocumentsProfile()
        // Enough for the check to read that it cannot be over between two looks.
        let random = try #require(FileHandle(forReadingAtPath: "/dev/urandom"))
        try world.folder.write(try #require(try random.read(upToCount: 40 << 20)), to: "documents/noise")
        try await world.backUp()
        // A check takes an exclusive lock; stopped, it keeps it.
        let holder = try world.program.startTool(
            [
                "restic", "check", "--read-data", "--no-cache", "--repo", world.program.repository,
            ])
        defer { holder.signal(SIGKILL) }
        let locks = world.program.repository + "/locks"
        // It goes on a little at a time, so that it is found with its lock however busy the machine is.
        var isLocked = false
        for _ in 0..<5000 where !isLocked && holder.isRunning {
            holder.signal(SIGCONT)
            usleep(3000)
            holder.signal(SIGSTOP)
            usleep(300)
            // While it is being written it has another name.
            isLocked = try FileManager.default.contentsOfDirectory(atPath: locks).contains { $0.count == 64 }
        }
        try #require(isLocked, "\(holder.errors)")
        let result = try await world.program.run("backup")
        #expect(result.code == 11, "\(result)")
        #expect(result.errors.contains("exclusively by process \(holder.pid) of "), "\(result)")
        let unlock = try await world.program.run("repository", "unlock")
        #expect(
            unlock.code == 0 && unlock.output.contains("left: locked exclusively by process \(holder.pid)"), "\(unlock)"
        )
        let listed = try await world.program.run("repository", "list")
        #expect(listed.output.contains("locked exclusively by process \(holder.pid)"), "\(listed)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: locks).count == 1, "nobody took its lock away")

        holder.signal(SIGKILL)
        _ = await holder.result()
        let next = try await world.program.run("backup")
        #expect(next.code == 0 && next.errors.contains("removed the lock of process \(holder.pid)"), "\(next)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: locks) == [])
    }

    @Test(.timeLimit(.minutes(5)))
    func `damage is found by the checks, named, and told by exit code 65`() async throws {
        let world = try World("damage")
        try world.folder.write(Data((0..<300_000).map { _ in UInt8.random(in: 0...255) }), to: "documents/noise")
        try world.writeDocumentsProfile()
        try await world.backUp()
        let packs = try await world.program.runTool("sh", "-c", "ls -S \(world.program.repository)/data/*/*")
        let pack = try #require(packs.output.split(separator: "\n").first.map(String.init))
        let file = try #require(FileHandle(forUpdatingAtPath: pack))
        try file.seek(toOffset: 100_000)
        let byte = try #require(try file.read(upToCount: 1)).map { $0 ^ 1 }
        try file.seek(toOffset: 100_000)
        try file.write(contentsOf: Data(byte))
        try file.close()

        #expect(try await world.program.run("backup", "verify").code == 0, "the structure is as it was")
        let scrub = try await world.program.run("backup", "verify", "--scrub", environment: ["RESTIC_PASSWORD": ""])
        #expect(scrub.code == 65, "\(scrub)")
        #expect(scrub.said.contains((pack as NSString).lastPathComponent), "\(scrub)")
        var codes: [Int32] = []
        for _ in 1...2 { codes.append(try await world.program.run("backup", "verify", "--data", "50%").code) }
        #expect(codes.contains(65), "two halves are the whole: \(codes)")
        let restore = try await world.program.run("restore", "latest", "--to", world.folder["r"], "--yes")
        #expect(restore.code != 0, "\(restore)")
        #expect(
            !FileManager.default.fileExists(atPath: world.folder["r/documents"]),
            "what is not whole is not put in place")
        let failed = try await world.program.run("history", "--operation", "verify", "--outcome", "failed", "--json")
            .document()
        let kinds = failed.objects("runs").flatMap { $0.objects("failures") }.map { $0.text("kind") }
        #expect(kinds.count == 2 && Set(kinds) == ["damaged"], "\(kinds)")
    }
}
