import Foundation
import TestSupport
import Testing

/// What a restore asks, refuses and keeps.
@Suite("Restoring", .enabled(if: !RealTools.restics.isEmpty))
struct RestoreTests {
    @Test(.timeLimit(.minutes(5)))
    func `an unknown id lists the restore points there are, once, and ends with 1`() async throws {
        let world = try World("unknown")
        try world.writeDocumentsProfile()
        let run = try await world.backUp().text("run")
        for id in ["deadbeef", "20010101T000000Z-000000", "ABCDEF12"] {
            let result = try await world.program.run("restore", id, "--to", world.folder["r"], "--yes")
            #expect(result.code == 1, "\(result)")
            #expect(result.errors.contains("there is no restore point \(id)"), "\(result)")
            #expect(result.said.components(separatedBy: run).count == 2, "named once: \(result)")
        }
        let none = try await world.program.run("restore", "2001-01-01", "--to", world.folder["r"], "--yes")
        #expect(none.code == 1 && none.errors.contains("nothing was backed up before"), "\(none)")
        let source = try await world.program.run(
            "restore", "latest", "--only", "documens", "--to", world.folder["r"], "--yes")
        #expect(source.code == 1 && source.errors.contains("it has: documents"), "\(source)")
        #expect(!FileManager.default.fileExists(atPath: world.folder["r"]))
    }

    @Test(.timeLimit(.minutes(5)))
    func `nobody is asked where nobody is`() async throws {
        let world = try World("place")
        try world.writeDocumentsProfile()
        try await world.backUp()
        let unasked = try await world.program.run("restore", "latest", "--to", world.folder["r"])
        #expect(unasked.code == 64 && unasked.errors.contains("--yes"), "\(unasked)")
        let unpicked = try await world.program.run("restore", "--to", world.folder["r"], "--yes")
        #expect(unpicked.code == 64 && unpicked.errors.contains("which restore point?"), "\(unpicked)")
        let plan = try await world.program.run("restore", "latest", "--to", world.folder["r"], "--dry-run")
        #expect(plan.code == 0 && plan.output.contains("  \(world.folder["r"])/documents"), "\(plan)")
        #expect(!FileManager.default.fileExists(atPath: world.folder["r"]))
    }

    @Test(.timeLimit(.minutes(5)))
    func `what is in the way is never touched, and with --exact it is kept beside`() async throws {
        let world = try World("occupied")
        try world.writeDocumentsProfile()
        try await world.backUp()
        let target = world.folder["r"]
        try world.folder.write("precious\n", to: "r/documents/mine.txt")
        let refused = try await world.program.run("restore", "latest", "--to", target, "--yes")
        #expect(refused.code == 1 && refused.errors.contains("is there already and is not empty"), "\(refused)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: target) == ["documents"])
        #expect(try String(contentsOfFile: target + "/documents/mine.txt", encoding: .utf8) == "precious\n")

        let exact = try await world.program.run("restore", "latest", "--to", target, "--yes", "--exact")
        #expect(exact.code == 0, "\(exact)")
        #expect(try await world.differences(world.documents, target + "/documents" + world.documents) == "")
        let kept = try FileManager.default.contentsOfDirectory(atPath: target).first { $0.contains(".before-") }
        let aside = try #require(kept)
        #expect(exact.output.contains("kept what was there: \(target)/\(aside)"), "\(exact)")
        #expect(try String(contentsOfFile: "\(target)/\(aside)/mine.txt", encoding: .utf8) == "precious\n")
    }

    @Test(.timeLimit(.minutes(5)))
    func `a target that is a link is not followed`() async throws {
        let world = try World("link")
        try world.writeDocumentsProfile()
        try await world.backUp()
        try FileManager.default.createDirectory(atPath: world.folder["real"], withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
            atPath: world.folder["link"], withDestinationPath: world.folder["real"])
        let result = try await world.program.run("restore", "latest", "--to", world.folder["link"], "--yes")
        #expect(result.code == 1 && result.errors.contains("is a symbolic link"), "\(result)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: world.folder["real"]) == [])
    }

    @Test(.timeLimit(.minutes(5)))
    func `parts of different runs are named before anything is written`() async throws {
        let world = try World("mixed")
        try world.folder.write("other\n", to: "other/o.txt")
        try world.writeProfile(
            "  documents: { files: \"\(world.documents)\" }\n  other: { files: \"\(world.folder["other"])\" }")
        let first = try await world.backUp()
        try world.folder.write("newer\n", to: "documents/one.txt")
        let second = try await world.backUp("documents")

        let plan = try await world.program.run("restore", "latest", "--to", world.folder["r"], "--dry-run")
        #expect(plan.errors.contains("warning: other comes from run \(first.text("run"))"), "\(plan)")
        #expect(!FileManager.default.fileExists(atPath: world.folder["r"]))
        let latest = try await world.program.run(
            "restore", second.text("run"), "--to", world.folder["r"], "--yes", "--json")
        #expect(latest.code == 0, "\(latest)")
        let events = try latest.lines().map { $0.text("event") }
        #expect(events.first == "plan", "the plan comes first: \(events)")
        #expect(
            try String(contentsOfFile: world.folder["r/documents"] + world.documents + "/one.txt", encoding: .utf8)
                == "newer\n")
        #expect(FileManager.default.fileExists(atPath: world.folder["r/other"] + world.folder["other/o.txt"]))

        let old = try await world.program.run("restore", first.text("run"), "--to", world.folder["old"], "--yes")
        #expect(old.code == 0 && !old.errors.contains("comes from run"), "\(old)")
        #expect(
            try String(contentsOfFile: world.folder["old/documents"] + world.documents + "/one.txt", encoding: .utf8)
                == "one\n")
        let list = try await world.program.run("backup", "list")
        #expect(list.output.contains("other*"), "a part of an older run has its mark: \(list)")
    }

    @Test(.timeLimit(.minutes(5)))
    func `sources that the profile no longer has are restored all the same`() async throws {
        let world = try World("removed")
        let made = try await world.program.runTool(
            "sqlite3", world.folder["app.db"], "CREATE TABLE t (x); INSERT INTO t VALUES (7);")
        try #require(made.code == 0, "\(made)")
        try world.writeProfile(
            """
              old: { files: "\(world.documents)" }
              app: { sqlite: "\(world.folder["app.db"])" }
              dump: { command: { run: [echo, dumped] } }
            """)
        try await world.backUp()
        try world.writeProfile("  new: { files: \"\(world.documents)\" }")
        let restore = try await world.program.run("restore", "latest", "--to", world.folder["r"], "--yes")
        #expect(restore.code == 0, "\(restore)")
        #expect(try await world.differences(world.documents, world.folder["r/old"] + world.documents) == "")
        let rest = try await world.program.runTool(
            "sh", "-c", "cat \(world.folder["r/dump"])/*; sqlite3 \(world.folder["r/app"])/* 'SELECT x FROM t'")
        #expect(rest.output == "dumped\n7\n", "\(rest)")
    }

    @Test(.timeLimit(.minutes(5)), .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/python3")))
    func `on a terminal the operator picks a restore point by its number`() async throws {
        let world = try World("pick")
        try world.writeDocumentsProfile()
        let first = try await world.backUp()
        try await world.backUp()
        try world.folder.write(Self.terminal, to: "terminal.py")
        let session = try await world.program.runTool(
            "python3", world.folder["terminal.py"], world.program.path, "restore", "--to", world.folder["r"],
            environment: ["TERM": "xterm"])
        #expect(session.code == 0, "\(session)")
        #expect(session.output.contains("restore point \(first.text("run"))"), "the second in the list: \(session)")
        #expect(try await world.differences(world.documents, world.folder["r/documents"] + world.documents) == "")
    }

    /// Answers what a program asks on a terminal, and shows all that it printed.
    private static let terminal = """
        import os, pty, select, sys
        answers = [(b"Which one?", b"7\\n"), (b"a number from 1 to 2", b""), (b"Which one?", b"2\\n"), (b"[y/N]", b"y\\n")]
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv(sys.argv[1], sys.argv[1:])
        seen, rest = b"", b""
        while select.select([terminal], [], [], 60)[0]:
            try:
                block = os.read(terminal, 4096)
            except OSError:
                break
            if not block:
                break
            seen += block
            rest += block
            while answers and answers[0][0] in rest:
                question, answer = answers.pop(0)
                rest = rest.split(question, 1)[1]
                os.write(terminal, answer)
        sys.stdout.write(seen.decode())
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) or len(answers))
        """
}
