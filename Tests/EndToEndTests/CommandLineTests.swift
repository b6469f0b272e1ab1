import Foundation
import TestSupport
import Testing

/// What the program answers before it does anything: typos, profiles that are wrong, tools that are missing.
@Suite("The command line", .enabled(if: !RealTools.restics.isEmpty))
struct CommandLineTests {
    @Test(.timeLimit(.minutes(5)))
    func `a typo names the nearest command, subcommand or source, and ends with 64`() async throws {
        let world = try World("typo", isNew: true)
        try world.writeDocumentsProfile()
        for (arguments, nearest) in [
            (["restroe", "latest"], "`restore`"), (["repository", "lst"], "`list`"), (["profile", "chek"], "`check`"),
            (["backup", "lsit"], "`list`"), (["backup", "documnets"], "`documents`"),
        ] {
            let result = try await world.program.run(arguments)
            #expect(result.code == 64, "\(result)")
            #expect(result.errors.contains("did you mean \(nearest)?"), "\(result)")
        }
        for arguments in [
            ["backup", "--nope"], ["restore", "a", "b"], ["backup", "verify", "--data", "0%"],
            ["backup", "verify", "--scrub", "--data", "5%"], ["backup", "--lock-wait", "soon"],
            ["history", "--outcome", "bad"],
            ["backup", "--tag", "a,b"], ["restore", "latest", "--to", world.folder["r"], "--into", "documents"],
        ] {
            let result = try await world.program.run(arguments)
            #expect(result.code == 64, "\(result)")
            #expect(result.errorLines.count == 1 && result.errors.contains("  → "), "\(result)")
            #expect(!result.errors.contains("Error:") && !result.errors.contains("Usage:"), "\(result)")
        }
        let near = try await world.program.run("backup", "--dry-rnu")
        #expect(near.code == 64 && near.errors.contains("did you mean `--dry-run`?"), "\(near)")
        #expect(near.errors.contains("`holdfast backup --help`"), "\(near)")
        let machine = try await world.program.run("backup", "list", "--nope", "--json")
        #expect(machine.code == 64 && machine.errors == "", "\(machine)")
        #expect(try machine.document().object("error").text("kind") == "usage")
        #expect(!FileManager.default.fileExists(atPath: world.program.repository))
    }

    @Test(.timeLimit(.minutes(5)))
    func `help and version are results, with an example for every command`() async throws {
        let program = try HoldfastProgram("help")
        #expect(try await program.run("--version").output.hasPrefix("0."))
        for command in [
            ["backup"], ["backup", "list"], ["backup", "prune"], ["backup", "verify"], ["restore"], ["ls"], ["status"],
            ["history"],
            ["show"], ["why"], ["doctor"], ["recover"], ["profile", "check"], ["repository", "adopt"],
        ] {
            let help = try await program.run(command + ["--help"])
            #expect(help.code == 0 && help.errors == "", "\(help)")
            #expect(help.output.contains("holdfast " + command.joined(separator: " ")), "\(help)")
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func `options that every command takes may stand before the command too`() async throws {
        let world = try World("before")
        try world.writeDocumentsProfile()
        try await world.backUp()
        // From now on a profile has to be named.
        try world.program.writeProfile("extends: [test.yaml]", named: "other")
        for arguments in [
            ["-p", "test", "backup", "list", "--json"], ["--json", "backup", "list", "-p", "test"],
            ["--json", "--profile=test", "backup", "list"], ["-q", "--json", "-p", "test", "backup", "list"],
        ] {
            let list = try await world.program.run(arguments)
            #expect(list.code == 0, "\(list)")
            #expect(try list.document().text("profile") == "test" && list.document().objects("points").count == 1)
        }
        let run = try await world.program.run("-p", "test", "--json", "backup", "documents")
        #expect(try run.record().objects("parts").count == 1 && run.code == 0, "\(run)")
        let missing = try await world.program.run("-p", "tset", "backup", "list")
        #expect(missing.code == 64 && missing.errors.contains("did you mean `test`?"), "\(missing)")
        let help = try await world.program.run("-p", "test", "--help")
        #expect(help.code == 0 && help.output.contains("SUBCOMMANDS"), "\(help)")
        let typo = try await world.program.run("-p", "test", "bakcup")
        #expect(typo.code == 64 && typo.errors.contains("did you mean `backup`?"), "\(typo)")
        let alone = try await world.program.run("-p")
        #expect(alone.code == 64 && alone.errorLines.count == 1, "\(alone)")
    }

    @Test(.timeLimit(.minutes(5)))
    func `every problem of a profile is named at once with its line and column`() async throws {
        let program = try HoldfastProgram("bad")
        let path = try program.writeProfile(
            """
            sources:
              docs: { fils: /tmp }
              list: { files: /tmp }
            repositories:
              local: { restic: /tmp/r, password: secret }
            retention: { dayly: 7, weekly: many }
            lock-wait: soon
            """)
        let result = try await program.run("backup")
        #expect(result.code == 78, "\(result)")
        for line in [
            "\(path):3:", "\(path):4:", "\(path):6:", "\(path):7:14: retention.dayly", "\(path):7:32: retention.weekly",
            "\(path):8:12: lock-wait",
        ] {
            #expect(result.errors.contains(line), "\(line) in \(result)")
        }
        #expect(result.errors.contains("did you mean `daily`?") && result.errors.contains("did you mean `files`?"))
        let check = try await program.run("profile", "check", path, "--json")
        #expect(check.code == 78)
        let problems = try check.document().objects("files").flatMap { $0.objects("problems") }
        #expect(
            problems.count >= 6 && problems.allSatisfy { $0.lacks("file", "line", "column", "key", "message") == [] })
        let missing = try await program.run("backup", "-p", "tset")
        #expect(missing.code == 64 && missing.errors.contains("did you mean `test`?"), "\(missing)")
        let none = try await program.run("backup", "--config-dir", program.folder["nothing"])
        #expect(none.code == 78 && none.errors.contains(program.folder["nothing"]), "\(none)")
    }

    @Test(.timeLimit(.minutes(5)))
    func `a missing tool is named with the package that brings it`() async throws {
        var program = try HoldfastProgram("tools", restic: nil)
        program.environment["PATH"] = program.toolFolder
        let world = World(program: program, isNew: true)
        try world.folder.write("one\n", to: "documents/one.txt")
        try world.writeDocumentsProfile()
        let result = try await world.program.run("backup")
        #expect(result.code == 69, "\(result)")
        #expect(result.errors.contains("restic") && result.errors.contains("apt install restic"), "\(result)")
        let doctor = try await world.program.run("doctor")
        #expect(doctor.code == 69 && doctor.output.contains("apt install restic"), "\(doctor)")
        #expect(!FileManager.default.fileExists(atPath: world.program.repository))
    }

    @Test(.timeLimit(.minutes(5)))
    func `a secret that is not there, or open to others, is a fault of the profile`() async throws {
        let world = try World("secret")
        try world.program.writeProfile(
            """
            sources: { documents: { files: "\(world.documents)" } }
            repositories: { local: { restic: "\(world.program.repository)", password: "file:\(world.folder["password"])" } }
            """)
        let missing = try await world.program.run("backup")
        #expect(missing.code == 78 && missing.errors.contains(world.folder["password"]), "\(missing)")
        try world.folder.write("open\n", to: "password", mode: 0o644)
        let open = try await world.program.run("backup")
        #expect(open.code == 78 && open.errors.contains("chmod 600"), "\(open)")
        #expect(!FileManager.default.fileExists(atPath: world.program.repository))
    }
}
