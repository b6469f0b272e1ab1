import Foundation
import TestSupport
import Testing

@Suite("Passwords of repositories", .enabled(if: !RealTools.restics.isEmpty))
struct KeyRotationTests {
    private static let oldest = RealTools.oldestAndNewest[0]

    private func world(
        _ restic: RealTools.Restic?, password: String = "file:PW", _ more: String = "", access: String = "full"
    ) throws -> World {
        let world = try World("keys", restic: restic)
        try QuickRepository.lay(at: world.program.repository)
        try world.folder.write("correct horse\n", to: "pw")
        let reference = password.replacingOccurrences(of: "PW", with: world.folder["pw"])
        try world.program.writeProfile(
            """
            sources: { documents: { files: "\(world.documents)" } }
            repositories:
              local: { restic: "\(world.program.repository)", password: "\(reference)", access: \(access) }
            \(more)
            """)
        return world
    }

    /// Whether the password in a file opens the repository, by restic's own word.
    private func opens(_ world: World, _ file: String) async throws -> Bool {
        try await world.program.runTool(
            "restic", "--repo", world.program.repository, "--no-cache", "--no-lock", "--password-file", file, "cat",
            "config"
        ).code == 0
    }

    @Test(arguments: RealTools.oldestAndNewest)
    func `a new password takes the old one's place, and the old one opens nothing any more`(
        restic: RealTools.Restic
    ) async throws {
        let world = try world(restic)
        let (program, file) = (world.program, world.folder["pw"])
        try await world.backUp()
        let rotated = try await program.run("key", "rotate", "local", "--yes")
        #expect(
            rotated.code == 0 && rotated.output.contains("the old password opens nothing there any more"), "\(rotated)")
        #expect(rotated.output.contains("the repository's own key is the same"))
        #expect(try String(contentsOfFile: file + ".previous", encoding: .utf8) == "correct horse\n")
        let new = try String(contentsOfFile: file, encoding: .utf8)
        #expect(new != "correct horse\n" && !rotated.said.contains(new.dropLast()))
        #expect(try await opens(world, file))
        #expect(try await !opens(world, file + ".previous"))
        // The keys are pinned: the next backup finds nothing odd.
        try await world.backUp()
        let listed = try await program.run("key", "list", "--json").document().objects("passwords")
        let keys = try #require(listed.first).objects("keys")
        #expect(keys.count == 1 && keys[0]["inUse"] as? Bool == true && keys[0]["pinned"] as? Bool == true, "\(keys)")
    }

    @Test func `a further password opens it beside the one in use, which refuses to be taken twice`() async throws {
        let world = try world(RealTools.restics.last)
        let safe = world.folder["safe"]
        let added = try await world.program.run("key", "add", "--password-file", safe, "--label", "safe")
        #expect(added.code == 0 && added.output.contains("opens it too"), "\(added)")
        #expect(try await opens(world, safe))
        #expect(try await opens(world, world.folder["pw"]))
        let listed = try await world.program.run("key", "list")
        #expect(listed.output.contains("local: 2 passwords") && listed.output.contains("made by safe@"), "\(listed)")
        let same = try await world.program.run("key", "add", "--password-file", world.folder["pw"])
        #expect(same.code == 64 && same.errors.contains("is the one that it has"), "\(same)")
        try await world.backUp()
        for (words, said) in [
            (["key", "rotate", "nowhere", "--finish"], "has no repository nowhere"),
            (["key", "rotate", "local", "--finish"], "no change of password has begun"),
            (["key", "rotate", "local"], "give --yes when no terminal is attached"),
            (["key", "add", "--password-file", safe, "--label", "a,b"], "cannot be a label"),
        ] {
            let refused = try await world.program.run(words)
            #expect(refused.code == 64 && refused.errors.contains(said), "\(refused)")
        }
    }

    /// Stopped wherever it may be, a password that is kept opens the repository, and the same command ends the work.
    @Test func `killed at any step, it is finished by the same command`() async throws {
        let world = try world(RealTools.restics.last)
        let (program, file) = (world.program, world.folder["pw"])
        try await world.backUp()
        for moment in ["keyAdded", "keyPinned", "passwordReplaced"] {
            let killed = try await program.run(
                "key", "rotate", "local", "--yes", environment: ["HOLDFAST_FAILPOINT": "\(moment):kill"])
            #expect(killed.code == -SIGKILL, "\(killed)")
            #expect(try await opens(world, file), "\(moment)")
            let backup = try await program.run("backup")
            // An unknown key is refused, and what is to be done said; one that is known is no trouble.
            #expect(backup.code == (moment == "keyAdded" ? 65 : 0), "\(moment): \(backup)")
            #expect(backup.errors.contains("key rotate"), "\(moment): \(backup)")
        }
        let finished = try await program.run("key", "rotate", "local", "--yes")
        #expect(finished.code == 0, "\(finished)")
        #expect(try await opens(world, file))
        let keys = try FileManager.default.contentsOfDirectory(atPath: program.repository + "/keys")
        #expect(keys.count == 1, "one rotation, however often it was begun: \(keys)")
        #expect(try String(contentsOfFile: file + ".previous", encoding: .utf8) == "correct horse\n")
        #expect(!FileManager.default.fileExists(atPath: file + ".new"))
    }

    /// restic removes no key while anybody's lock is there, also that of a process that was killed.
    @Test func `a lock that a killed process left does not stand in the way`() async throws {
        let world = try world(RealTools.restics.last)
        let (program, file) = (world.program, world.folder["pw"])
        try await world.backUp()
        let holder = try program.startTool([
            "bash", "-c",
            "exec restic --repo \"$0\" --no-cache --password-file \"$1\" backup --stdin < <(exec sleep 60)",
            program.repository,
            file,
        ])
        let locks = program.repository + "/locks"
        #expect(try await holder.wait { try !FileManager.default.contentsOfDirectory(atPath: locks).isEmpty })
        let alive = try await program.run("key", "rotate", "local", "--yes")
        #expect(alive.code == 11, "\(alive)")
        holder.signal(SIGKILL)
        _ = await holder.result()
        let rotated = try await program.run("key", "rotate", "local", "--yes")
        #expect(rotated.code == 0 && rotated.errors.contains("removed the lock of process"), "\(rotated)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: locks).isEmpty)
        #expect(try await opens(world, file))
    }

    @Test func `where the password is not in a file, the operator puts it in its place between two steps`() async throws
    {
        let world = try world(RealTools.restics.last, password: "env:RESTIC_PASSWORD")
        let (program, file) = (world.program, world.folder["new-password"])
        let refused = try await program.run("key", "rotate", "local", "--yes")
        #expect(refused.code == 64 && refused.errors.contains("--new-password-file"), "\(refused)")
        let begun = try await program.run("key", "rotate", "local", "--yes", "--new-password-file", file)
        #expect(begun.code == 0 && begun.output.contains("key rotate local --finish"), "\(begun)")
        let early = try await program.run("key", "rotate", "local", "--finish")
        #expect(early.code != 0 && early.errors.contains("is still the old one"), "\(early)")
        try await world.backUp()
        let new = try String(contentsOfFile: file, encoding: .utf8).trimmingCharacters(in: .newlines)
        let finished = try await program.run(
            "key", "rotate", "local", "--finish", environment: ["RESTIC_PASSWORD": new])
        #expect(finished.code == 0 && finished.output.contains("is gone"), "\(finished)")
        let old = try await program.run("backup")
        #expect(old.code == 12, "\(old)")
        #expect(try await program.run("backup", environment: ["RESTIC_PASSWORD": new]).code == 0)
    }

    @Test func `where our credential removes nothing, the old key stays and that is said`() async throws {
        let world = try world(RealTools.restics.last, access: "append-only")
        let rotated = try await world.program.run("key", "rotate", "local", "--yes")
        #expect(rotated.code == 0 && rotated.output.contains("THE OLD KEY 00603187 STAYS"), "\(rotated)")
        #expect(try await opens(world, world.folder["pw.previous"]))
        try await world.backUp()
    }

    @Test func `repositories that share a password get the new one together, and other profiles' are not left behind`()
        async throws
    {
        let world = try world(RealTools.restics.last)
        let (program, file) = (world.program, world.folder["pw"])
        try QuickRepository.lay(at: world.folder["second"])
        try program.writeProfile(
            """
            sources: { documents: { files: "\(world.documents)" } }
            repositories: { theirs: { restic: "\(world.folder["second"])", password: "file:\(file)" } }
            """, named: "other")
        let refused = try await program.run("key", "rotate", "local", "--yes", "-p", "test")
        #expect(refused.code == 64 && refused.errors.contains("a password file of its own first"), "\(refused)")
        try FileManager.default.removeItem(atPath: world.folder["config/other.yaml"])
        try program.writeProfile(
            """
            sources: { documents: { files: "\(world.documents)" } }
            repositories:
              local: { restic: "\(program.repository)", password: "file:\(file)" }
              nas: { restic: "\(world.folder["second"])", password: "file:\(file)", follows: local }
            """)
        let both = try await program.run("key", "rotate", "nas", "--yes", "--json")
        #expect(
            try both.document().objects("repositories").map { $0.text("repository") } == ["local", "nas"], "\(both)")
        let backup = try await program.run("backup", "--strict")
        #expect(backup.code == 0, "\(backup)")
    }

    @Test func `a password that is older than its objective is overdue, until it is rotated`() async throws {
        // The key of the repository that is laid down is of 2026-01-01.
        let world = try world(RealTools.restics.last, "objectives: { key-age: 90d }")
        try await world.backUp()
        let status = try await world.program.run("status")
        #expect(status.code == 5 && status.output.contains("the password of local is"), "\(status)")
        #expect(status.output.contains("holdfast key rotate local"))
        let metrics = try await world.program.run("metrics")
        let labels = #"profile="test",operation="key",repository="local""#
        #expect(metrics.output.contains("holdfast_overdue{\(labels)} 1"), "\(metrics)")
        #expect(try await world.program.run("key", "rotate", "local", "--yes").code == 0)
        #expect(try await world.program.run("status").code == 0)
    }
}
