import Foundation
import TestSupport
import Testing

/// A replica for credentials that can put and nothing else.
@Suite("Mirrors", .enabled(if: !RealTools.restics.isEmpty && S3Server.isAvailable))
struct MirrorTests {
    private func timetiles(
        _ restic: RealTools.Restic, _ server: S3Server, access: String = "write-only", _ more: String = "",
        isNew: Bool = false
    ) throws -> World {
        let world = try World("mirror", restic: restic, isNew: isNew)
        try world.layRepository()
        try world.program.writeProfile(
            """
            sources:
              uploads: { files: "\(world.documents)" }
            repositories:
              local: { restic: "\(world.program.repository)", password: env:RESTIC_PASSWORD }
              offsite:
                restic: "\(server.repository("timetiles"))"
                password: env:RESTIC_PASSWORD
                follows: local
                feed: on-request
                access: \(access)
                by: mirror
                environment:
                  AWS_ACCESS_KEY_ID: env:AWS_ACCESS_KEY_ID
                  AWS_SECRET_ACCESS_KEY: env:AWS_SECRET_ACCESS_KEY
                  AWS_DEFAULT_REGION: us-east-1
            \(more)
            """, named: "timetiles")
        var program = world.program
        program.environment.merge(server.credential(.writeOnly).environment) { $1 }
        return World(program: program)
    }

    private func change(_ world: World, _ number: Int) throws {
        try world.folder.write("generation \(number)\n", to: "documents/one.txt")
        var random = SeededGenerator(seed: UInt64(number))
        let lines = (0..<20_000).map { _ in String(random.next(), radix: 16) + "\n" }
        try world.folder.write(lines.joined(), to: "documents/large-\(number % 3).txt")
    }

    /// A file with a credential that may read.
    private func reader(_ world: World, _ server: S3Server) throws -> String {
        let words = server.credential(.readOnly).environment.map { "\($0)=\($1)\n" }.joined()
        return try world.folder.write(words, to: "reader.env", mode: 0o600)
    }

    @Test(.timeLimit(.minutes(8)), arguments: RealTools.oldestAndNewest)
    func `ten rounds of backup, forget and prune leave a repository that restic accepts, and only PUT was asked`(
        restic: RealTools.Restic
    ) async throws {
        let server = try S3Server()
        let world = try timetiles(restic, server, "retention: { last: 2 }")
        for number in 1...10 {
            try change(world, number)
            let run = try await world.program.run("backup", "--offsite", "--strict")
            #expect(run.code == 0, "\(run)")
        }
        let own = server.credential(.writeOnly).id
        let asked = try server.requests().filter { $0.credential == own }
        #expect(!asked.isEmpty && asked.allSatisfy { $0.method == "PUT" && $0.status == 200 }, "\(asked)")
        #expect(Set(asked.map(\.key)).count == asked.count, "something was sent twice")

        // A reading credential looks at it.
        let credentials = try reader(world, server)
        let list = try await world.program.run(
            "backup", "list", "--offsite", "--credentials", credentials, "--json")
        let points = try list.document().objects("points")
        #expect(list.code == 0 && points.count >= 2, "\(list)")
        let check = try await world.program.runTool(
            restic.path, "--repo", server.repository("timetiles"), "--no-cache", "--no-lock", "check", "--read-data",
            environment: server.credential(.full).environment)
        #expect(check.code == 0, "\(check)")
        let restored = try await world.program.run(
            "restore", "latest", "--offsite", "--credentials", credentials, "--to", world.folder["back"], "--yes")
        #expect(restored.code == 0, "\(restored)")
        #expect(try await world.differences(world.documents, world.folder["back/uploads"] + world.documents) == "")
        #expect(try server.complaints() == "")
    }

    @Test(.timeLimit(.minutes(5)))
    func `the table of the write-only offsite holds`() async throws {
        let server = try S3Server()
        let world = try timetiles(try #require(RealTools.restics.last), server)
        try change(world, 1)
        #expect(try await world.program.run("backup", "--offsite", "--strict").code == 0)
        let list = try await world.program.run("backup", "list", "--offsite")
        #expect(list.code == 0 && list.errors.contains("cannot list"), "\(list)")
        #expect(list.output.contains("local+offsite"), "\(list)")
        let prune = try await world.program.run("backup", "prune")
        #expect(prune.code == 0 && prune.errors.contains("offsite: skipped"), "\(prune)")
        let tested = try await world.program.run("backup", "verify", "--offsite")
        #expect(tested.code == 0 && tested.output.contains("were sent and acknowledged"), "\(tested)")
        #expect(tested.errors.contains("nothing that is stored at offsite was read"), "\(tested)")
        let restore = try await world.program.run("restore", "latest", "--offsite", "--to", world.folder["x"], "--yes")
        #expect(restore.code == 77 && restore.errors.contains("--credentials"), "\(restore)")
        try server.set(faults: [.init(.reply(code: "AccessDenied", status: 403), method: "PUT")])
        try change(world, 2)
        let failed = try await world.program.run("backup", "--offsite")
        #expect(failed.code == 0 && failed.errors.contains("AccessDenied"), "\(failed)")
        #expect(failed.output.contains("degraded"), "\(failed)")
        let behind = try await world.program.run("backup", "verify", "--offsite", "--json")
        let words = try #require(try behind.lines().last { $0["event"] as? String == "acknowledged" })
        #expect(behind.code == 5 && words.number("files") > words.number("acknowledged"), "\(behind)")
        try server.set(faults: [])
        #expect(try await world.program.run("backup", "--offsite", "--strict").code == 0)
        let secret = server.credential(.writeOnly).secret
        let found = try await world.program.runTool("grep", "-r", "-l", secret, world.program.state)
        #expect(found.output == "", "\(found)")
    }

    @Test(.timeLimit(.minutes(5)))
    func `what feeds a mirror is pruned so that little is packed anew`() async throws {
        let restic = try #require(RealTools.restics.last)
        let world = try World("mirror-prune", restic: restic)
        try world.layRepository()
        try QuickRepository.copy.lay(at: world.folder["config/nas-copy"])
        let said = world.folder["said"]
        try world.program.writeTool("restic", "echo \"$@\" >> '\(said)'\nexec '\(restic.path)' \"$@\"")
        func prunes(by method: String) async throws -> [String] {
            try world.program.writeProfile(
                """
                sources: { documents: { files: "\(world.documents)" } }
                repositories:
                  local: { restic: "\(world.program.repository)", password: env:RESTIC_PASSWORD }
                  nas: { restic: "nas-\(method)", password: env:RESTIC_PASSWORD, follows: local, by: \(method) }
                retention: { last: 1 }
                """)
            for _ in 1...2 {
                let run = try await world.program.run("backup")
                #expect(run.code == 0, "\(run)")
            }
            let lines = try String(contentsOfFile: said, encoding: .utf8).split(separator: "\n").map(String.init)
            try world.folder.write("", to: "said")
            return lines.filter { $0.contains(" \(world.program.repository) ") && $0.contains(" prune") }
        }
        let mirrored = try await prunes(by: "mirror")
        #expect(!mirrored.isEmpty && mirrored.allSatisfy { $0.contains("--max-unused unlimited") }, "\(mirrored)")
        let copied = try await prunes(by: "copy")
        #expect(!copied.isEmpty && copied.allSatisfy { !$0.contains("--max-unused") }, "\(copied)")
    }

    @Test(.timeLimit(.minutes(5)))
    func `a prune by hand in the middle of a pass leaves a mirror that is whole`() async throws {
        let server = try S3Server()
        let restic = try #require(RealTools.restics.last)
        let world = try timetiles(restic, server)
        for number in 1...3 {
            try change(world, number)
            #expect(try await world.program.run("backup").code == 0)
        }
        try server.set(faults: [.init(.delay(.milliseconds(1500)), method: "PUT")])
        try change(world, 4)
        let running = try world.program.start(["backup", "--offsite"])
        func hasBegun() throws -> Bool { try server.requests().contains { $0.key.contains("/keys/") } }
        while running.isRunning, try !hasBegun() { try await Task.sleep(for: .milliseconds(10)) }
        // With everything packed anew, so that nothing of what was listed is left.
        let pruned = try await world.program.runTool(
            restic.path, "--repo", world.program.repository, "forget", "--keep-last", "1", "--prune", "--max-unused",
            "0")
        #expect(pruned.code == 0, "\(pruned)")
        #expect(try server.requests().allSatisfy { !$0.key.contains("/snapshots/") }, "the pass was over already")
        let hit = await running.result()
        #expect(hit.code == 0, "\(hit)")
        try server.set(faults: [])
        func check() async throws {
            let check = try await world.program.runTool(
                restic.path, "--repo", server.repository("timetiles"), "--no-cache", "--no-lock", "check",
                "--read-data", environment: server.credential(.full).environment)
            #expect(check.code == 0, "\(check)")
        }
        if !hit.output.contains("degraded") { try await check() }
        let next = try await world.program.run("backup", "--offsite", "--strict")
        #expect(next.code == 0, "\(next)")
        try await check()
        let restored = try await world.program.run(
            "restore", "latest", "--offsite", "--credentials", try reader(world, server), "--to",
            world.folder["back"], "--yes")
        #expect(restored.code == 0, "\(restored)")
        #expect(try await world.differences(world.documents, world.folder["back/uploads"] + world.documents) == "")
    }

    @Test(.timeLimit(.minutes(5)))
    func `where curl is too old to sign, aws puts a mirror, and curl is not asked`() async throws {
        let server = try S3Server()
        let restic = try #require(RealTools.restics.last)
        let world = try timetiles(restic, server)
        let old = """
            #!/bin/sh
            [ "$2" = --version ] && echo 'curl 7.74.0 (x86_64-pc-linux-gnu)' && exit 0
            : > "${0%/*}/asked"
            """
        try world.folder.write(old, to: "old/curl", mode: 0o755)
        let path = world.program.environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"
        for number in 1...2 {
            try change(world, number)
            let run = try await world.program.run(
                "backup", "--offsite", "--strict", environment: ["PATH": world.folder["old"] + ":" + path])
            #expect(run.code == 0, "\(run)")
        }
        #expect(try server.requests().allSatisfy { $0.action == "put" })
        let check = try await world.program.runTool(
            restic.path, "--repo", server.repository("timetiles"), "--no-cache", "--no-lock", "check", "--read-data",
            environment: server.credential(.full).environment)
        #expect(check.code == 0, "\(check)")

        // Without either nothing is sent.
        for program in [restic.path, "/usr/bin/sqlite3"] {
            try FileManager.default.createSymbolicLink(
                atPath: world.folder["old/" + (program as NSString).lastPathComponent], withDestinationPath: program)
        }
        let none = try await world.program.run(
            "backup", "--offsite", "--strict", environment: ["PATH": world.folder["old"]])
        #expect(none.code == 4 && none.errors.contains("7.75, or the program aws"), "\(none)")
        #expect(!FileManager.default.fileExists(atPath: world.folder["old/asked"]))
    }

    @Test(.timeLimit(.minutes(5)))
    func `losing the ledger costs one more upload, and a kill in the middle costs nothing`() async throws {
        let server = try S3Server()
        let restic = try #require(RealTools.restics.last)
        let world = try timetiles(restic, server)
        for number in 1...3 {
            try change(world, number)
            #expect(try await world.program.run("backup").code == 0)
        }
        try server.set(faults: [.init(.delay(.milliseconds(300)), method: "PUT")])
        try change(world, 4)
        let running = try world.program.start(["backup", "--offsite"])
        for _ in 0..<2000 where try server.requests().count < 3 && running.isRunning {
            try await Task.sleep(for: .milliseconds(10))
        }
        running.signal(SIGKILL)
        _ = await running.result()
        try server.set(faults: [])
        let again = try await world.program.run("backup", "--offsite", "--strict")
        #expect(again.code == 0, "\(again)")
        for name in ["history.sqlite", "history.sqlite-wal", "history.sqlite-shm", "history.db"] {
            try? FileManager.default.removeItem(atPath: world.program.state + "/" + name)
        }
        let lost = try await world.program.run("backup", "--offsite", "--strict")
        #expect(lost.code == 0, "\(lost)")
        let check = try await world.program.runTool(
            restic.path, "--repo", server.repository("timetiles"), "--no-cache", "--no-lock", "check", "--read-data",
            environment: server.credential(.full).environment)
        #expect(check.code == 0, "\(check)")
    }

    @Test(.timeLimit(.minutes(5)))
    func `another host's mirror in the same place is left whole`() async throws {
        let server = try S3Server()
        let restic = try #require(RealTools.restics.last)
        let (one, other) = (try timetiles(restic, server), try timetiles(restic, server, isNew: true))
        let nas = one.folder["nas"]
        func mirrorToFolder(_ world: World) throws {
            try world.program.writeProfile(
                """
                sources: { documents: { files: "\(world.documents)" } }
                repositories:
                  local: { restic: "\(world.program.repository)", password: env:RESTIC_PASSWORD }
                  nas: { restic: "\(nas)", password: env:RESTIC_PASSWORD, follows: local, by: mirror }
                """, named: "timetiles")
        }
        // What may only put cannot compare, and says so.
        #expect(try await one.program.run("backup", "--offsite", "--strict").code == 0)
        let second = try await one.program.run("backup", "--offsite", "--strict")
        #expect(second.code == 0 && !second.errors.contains("cannot compare"), "\(second)")
        let untold = try await other.program.run("backup", "--offsite", "--strict")
        #expect(untold.errors.contains("another host puts its own there"), "\(untold)")

        try mirrorToFolder(one)
        #expect(try await one.program.run("backup", "--strict").code == 0)
        let before = try FileManager.default.subpathsOfDirectory(atPath: nas).sorted()
        try mirrorToFolder(other)
        for _ in 1...2 {
            let refused = try await other.program.run("backup", "--strict")
            #expect(refused.code == 4 && refused.errors.contains("the mirror of another repository"), "\(refused)")
        }
        #expect(try FileManager.default.subpathsOfDirectory(atPath: nas).sorted() == before)
        // Its own it knows again, also without the ledger.
        for name in try FileManager.default.contentsOfDirectory(atPath: one.program.state)
        where name.hasPrefix("history") {
            try FileManager.default.removeItem(atPath: one.program.state + "/" + name)
        }
        let again = try await one.program.run("backup", "--strict")
        #expect(again.code == 0 && !again.errors.contains("cannot compare"), "\(again)")
        let check = try await one.program.runTool(
            restic.path, "--repo", nas, "--no-cache", "--no-lock", "check", "--read-data")
        #expect(check.code == 0, "\(check)")
    }

    @Test(.timeLimit(.minutes(5)))
    func `a file that is damaged here is not sent, and is named`() async throws {
        let server = try S3Server()
        let world = try timetiles(try #require(RealTools.restics.last), server)
        try change(world, 1)
        #expect(try await world.program.run("backup").code == 0)
        let data = world.program.repository + "/data"
        let pack = try #require(
            try FileManager.default.subpathsOfDirectory(atPath: data).first {
                ($0 as NSString).lastPathComponent.count == 64
            })
        let handle = try #require(FileHandle(forUpdatingAtPath: "\(data)/\(pack)"))
        try handle.seek(toOffset: 10)
        try handle.write(contentsOf: Data([0xff, 0xfe, 0xfd]))
        try handle.close()
        let run = try await world.program.run("backup", "--offsite")
        #expect(run.code == 0 && run.output.contains("degraded"), "\(run)")
        #expect(run.errors.contains("data/\(pack)") && run.errors.contains("not sent"), "\(run)")
        let keys = try server.keys()
        #expect(keys.allSatisfy { !$0.hasSuffix(pack) && !$0.contains("/snapshots/") }, "\(keys)")
    }

    @Test(.timeLimit(.minutes(5)))
    func `a folder is mirrored as well, and a second machine restores from it`() async throws {
        let world = try World("mirror-folder")
        try world.layRepository()
        try world.program.writeProfile(
            """
            sources: { documents: { files: "\(world.documents)" } }
            repositories:
              local: { restic: "\(world.program.repository)", password: env:RESTIC_PASSWORD }
              nas: { restic: nas, password: env:RESTIC_PASSWORD, follows: local, by: mirror }
            """)
        for number in 1...2 {
            try change(world, number)
            let run = try await world.program.run("backup", "--strict")
            #expect(run.code == 0, "\(run)")
        }
        try FileManager.default.removeItem(atPath: world.program.repository)
        try FileManager.default.removeItem(atPath: world.program.state)
        let restored = try await world.program.run(
            "restore", "latest", "--offsite", "--to", world.folder["back"], "--yes")
        #expect(restored.code == 0, "\(restored)")
        #expect(try await world.differences(world.documents, world.folder["back/documents"] + world.documents) == "")
    }
}
