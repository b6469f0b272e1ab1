import Foundation
import TestSupport
import Testing

@Suite("Mount", .enabled(if: !RealTools.restics.isEmpty))
struct MountTests {
    /// What it takes to mount anything here.
    static let canMount =
        access("/dev/fuse", R_OK | W_OK) == 0 && FileManager.default.isExecutableFile(atPath: "/usr/bin/fusermount")

    private func world(_ restic: RealTools.Restic? = RealTools.restics.last) throws -> World {
        let world = try World("mount", restic: restic)
        try QuickRepository.lay(at: world.program.repository)
        try world.writeDocumentsProfile()
        try FileManager.default.createDirectory(
            atPath: world.folder["mnt"], withIntermediateDirectories: true)
        return world
    }

    @Test(.enabled(if: canMount), arguments: RealTools.oldestAndNewest)
    func `a restore point is read as folders, until it is interrupted, and nothing stays mounted`(
        restic: RealTools.Restic
    ) async throws {
        let world = try world(restic)
        let first = try await world.backUp().text("run")
        try world.folder.write("changed\n", to: "documents/one.txt")
        try await world.backUp()
        let mounted = try world.program.start(["mount", first, "mnt", "--json"])
        #expect(try await mounted.wait { mounted.output.contains("mounted") }, "\(mounted.errors)")
        let event = try #require(try JSONText.lines(mounted.output).last)
        let path = try #require(event.objects("parts").first).text("path") + world.documents
        #expect(try String(contentsOfFile: path + "/one.txt", encoding: .utf8) == "one\n", "\(event)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: world.folder["mnt/ids"]).count == 4)
        #expect(!FileManager.default.createFile(atPath: path + "/new", contents: nil))
        let twice = try await world.program.run("mount", "mnt")
        #expect(twice.code == 64 && twice.errors.contains("is mounted at"), "\(twice)")
        // A prune would take away what is being read.
        let prune = try await world.program.run("backup", "prune")
        #expect(prune.code == 75 && prune.errors.contains("mounted at"), "\(prune)")
        mounted.signal(SIGINT)
        let ended = await mounted.result()
        #expect(ended.code == 0, "\(ended)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: world.folder["mnt"]).isEmpty)
        let locks = try FileManager.default.contentsOfDirectory(atPath: world.program.repository + "/locks")
        #expect(locks.isEmpty, "\(locks)")
    }

    @Test(.enabled(if: canMount)) func `what a killed one left is taken away by the next at the same folder`()
        async throws
    {
        let world = try world()
        try await world.backUp()
        for stop in [SIGKILL, SIGTERM] {
            let mounted = try world.program.start(["mount", "mnt"])
            #expect(try await mounted.wait { mounted.output.contains("IN") }, "\(mounted.errors)")
            mounted.signal(stop)
            _ = await mounted.result()
            // restic is told to end, and cannot say so to anybody.
            for _ in 0..<600 where try !Processes.mentioning(world.folder["home"]).isEmpty {
                try await Task.sleep(for: .milliseconds(50))
            }
            // Until then the kernel tells from memory that it is a folder.
            try await Task.sleep(for: .milliseconds(1500))
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: world.folder["mnt"]).isEmpty)
    }

    @Test(.enabled(if: canMount), arguments: RealTools.oldestAndNewest)
    func `a backup beside it does not capture all that was ever backed up`(restic: RealTools.Restic) async throws {
        let world = try world(restic)
        try await world.backUp()
        let inside = world.documents + "/mnt"
        try FileManager.default.createDirectory(atPath: inside, withIntermediateDirectories: true)
        let mounted = try world.program.start(["mount", inside])
        #expect(try await mounted.wait { mounted.output.contains("IN") }, "\(mounted.errors)")
        let second = try await world.backUp()
        #expect(second.texts("notices").contains { $0.contains("left out where a backup is mounted: \(inside)") })
        #expect(second.objects("parts").first?.number("files") == 2, "\(second)")
        mounted.signal(SIGINT)
        #expect(await mounted.result().code == 0)
    }

    @Test func `where nothing can be mounted, it says what is missing before anything is begun`() async throws {
        let world = try world()
        try world.folder.write("x", to: "full/x")
        for (words, code, said) in [
            (["mount"], Int32(64), "folder"), (["mount", "a", "b", "c"], 64, "folder"),
            (["mount", "nowhere"], 64, "is no folder"), (["mount", "full"], 64, "is not empty"),
        ] where Self.canMount || words.count != 2 {
            let result = try await world.program.run(words)
            #expect(result.code == code && result.errors.contains(said), "\(result)")
        }
        var bare = world.program
        bare.environment["PATH"] = world.folder["bin"]
        if access("/dev/fuse", R_OK | W_OK) == 0 {
            let result = try await bare.run("mount", "mnt")
            #expect(result.code == 69 && result.errors.contains("apt-get install fuse3"), "\(result)")
        }
        try world.program.writeProfile(
            """
            sources: { documents: { files: "\(world.documents)" } }
            repositories: { plain: { rsync: "\(world.folder["plain"])" } }
            """)
        try await world.backUp()
        let plain = try await world.program.run("mount", "mnt")
        #expect(plain.code == 0 && plain.output.contains("is in plain folders"), "\(plain)")
        #expect(plain.output.contains(world.folder["plain"]))
    }
}
