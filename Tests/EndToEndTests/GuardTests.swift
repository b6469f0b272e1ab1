import Foundation
import TestSupport
import Testing

@Suite("Guard", .enabled(if: !RealTools.restics.isEmpty))
struct GuardTests {
    private let world: World
    private var program: HoldfastProgram { world.program }
    private var folder: ScratchFolder { world.folder }

    init() throws {
        world = try World("guard")
        try QuickRepository.lay(at: program.repository)
        try world.writeProfile(
            "  documents: { files: \"\(world.documents)\" }\n  other: { files: \"\(world.folder["other"])\" }",
            "retention: { daily: 7 }")
        try folder.write("o\n", to: "other/o.txt")
    }

    @Test func `the command has its standard output, its exit code and its restore point to itself`() async throws {
        let script = try folder.write(
            "#!/bin/sh\necho \"out $1 $HOLDFAST_RESTORE_POINT\"\necho err >&2\nexit 3\n", to: "deploy", mode: 0o755)
        for line in [
            "git init -q work", "git -C work -c user.name=t -c user.email=t commit -q --allow-empty -m one",
            "git -C work rev-parse HEAD > head",
        ] {
            #expect(try await program.runTool("sh", "-c", line).code == 0)
        }
        let head = try String(contentsOfFile: folder["head"], encoding: .utf8).trimmingCharacters(
            in: .whitespacesAndNewlines)
        let run = try await program.runTool(
            "sh", "-c", "cd work && exec \"$@\"", "sh", program.path, "guard", "--", script, "--secret=x")
        let point = try #require(try await world.points().first)
        #expect(run.code == 3 && run.output == "out --secret=x \(point)\n", "\(run)")
        #expect(run.errors.contains("deploy failed with exit code 3"))
        #expect(run.errors.contains("the way back is: holdfast restore \(point) --yes"), "\(run)")
        let snapshots = try await program.runTool(
            "restic", "snapshots", "--json", "--tag", "class:pre-deploy,commit-\(head.prefix(12))", "--repo",
            program.repository)
        #expect(snapshots.output.contains("source:other"), "\(snapshots)")
        let show = try await program.run("show", point)
        #expect(show.output.contains("taken before deploy at commit \(head.prefix(12))"), "\(show)")
        #expect(!show.output.contains("--secret"))

        // The point is young: it is used again, and JSON goes where the command's output does not.
        let again = try await program.run(
            "guard", "--max-age", "10m", "--only", "other", "--json", "--report", "report.json", "--", "sh", "-c",
            "echo mine; \"$0\" backup documents --quiet", program.path)
        #expect(again.code == 0 && again.output == "mine\n", "\(again)")
        let last = try #require(try JSONText.lines(again.errors).last)
        #expect(last.text("event") == "guard" && last.object("point").text("run") == point, "\(again)")
        #expect(last.object("rollback").text("state") == "not needed")
        let report = try JSONText.object(String(contentsOfFile: folder["report.json"], encoding: .utf8))
        #expect(report.object("command").number("exitCode") == 0)
        #expect(report.text("restore") == "holdfast restore \(point) --only other --yes --profile test")
    }

    @Test func `without a restore point the command never runs, and 125 says so`() async throws {
        let marker = folder["ran"]
        func guarded(_ words: String...) async throws -> HoldfastProgram.Result {
            try await program.run(["guard"] + words)
        }
        for (words, code, said) in [
            (["--", "touch-it-all", marker], Int32(127), "there is no program touch-it-all"),
            (["--", folder["documents"]], 126, "cannot be run"),
            (["touch", marker], 125, "what stands behind `--`"),
            (["--only", "othr", "--", "touch", marker], 125, "did you mean `other`?"),
            (["--max-age", "soon", "--", "touch", marker], 125, "max-age"),
            (["-p", "nobody", "--", "touch", marker], 125, "nobody"),
        ] {
            let result = try await program.run(["guard"] + words)
            #expect(result.code == code && result.errors.contains(said), "\(result)")
        }
        #expect(try await program.run("history", "--json").document().objects("runs").isEmpty)
        try FileManager.default.removeItem(atPath: folder["other"])
        let failed = try await guarded("--", "touch", marker)
        #expect(failed.code == 125 && failed.errors.contains("the command was not run: its backup failed"), "\(failed)")
        #expect(!FileManager.default.fileExists(atPath: marker))
        let narrow = try await guarded("--only", "documents", "--", "touch", marker)
        #expect(narrow.code == 0 && FileManager.default.fileExists(atPath: marker), "\(narrow)")
    }

    @Test func `the command is run as a shell would run it`() async throws {
        func guarded(_ words: String...) async throws -> HoldfastProgram.Result {
            try await program.run(["guard", "--max-age", "1h", "--"] + words)
        }
        let killed = try await guarded("sh", "-c", "kill -TERM $$")
        #expect(killed.code == 143 && killed.errors.contains("was ended by signal 15"), "\(killed)")
        let bare = try folder.write("exit $(($1 + 1))\n", to: "bare", mode: 0o755)
        #expect(try await guarded(bare, "4").code == 5, "a script without an interpreter of its own")
        let lost = try folder.write("#!/nowhere/sh\n", to: "lost", mode: 0o755)
        let refused = try await guarded(lost)
        #expect(refused.code == 126 && refused.errors.contains("the interpreter in its first line"), "\(refused)")
        // We ignore SIGPIPE (13, the bit 0x1000); what we were started with is what it gets.
        let signals = try await guarded("grep", "-E", "SigBlk|SigIgn", "/proc/self/status")
        let masks = signals.output.split(separator: "\n").compactMap {
            UInt64($0.split(separator: "\t").last ?? "", radix: 16)
        }
        #expect(masks.count == 2 && masks[0] == 0 && masks[1] & 0x1000 == 0, "\(signals)")
    }

    @Test func `a signal that is sent to guard reaches the command, and no restore is begun then`() async throws {
        let ready = folder["ready"]
        let guarded = try program.start([
            "guard", "--rollback", "--", "sh", "-c",
            "trap 'echo got; exit 7' TERM; touch \(ready); while :; do sleep 0.02; done",
        ])
        #expect(try await guarded.wait { FileManager.default.fileExists(atPath: ready) })
        guarded.signal(SIGTERM)
        let result = await guarded.result()
        #expect(result.code == 7 && result.output == "got\n", "\(result)")
        #expect(result.errors.contains("the way back is") && !result.errors.contains("THE RESTORE"), "\(result)")
    }

    @Test func `on a terminal Ctrl-C and Ctrl-Z are the command's, and its failure is followed by the question`()
        async throws
    {
        let script = try folder.write(
            """
            trap 'echo "interrupted $((n += 1))"' INT
            n=0
            touch "$1"
            while [ ! -e "$2" ]; do sleep 0.05; done
            echo "count $n"
            exit 4
            """, to: "slow", mode: 0o755)
        let (ready, go) = (folder["ready"], folder["go"])
        let terminal = try Terminal(program)
        try await terminal.start()
        try await terminal.type("\(program.path) guard -q -- sh \(script) \(ready) \(go); echo \"code $?\"")
        #expect(try await terminal.wait { FileManager.default.fileExists(atPath: ready) })
        try await terminal.press("C-c")
        #expect(try await terminal.shows("interrupted 1"))
        try await terminal.press("C-z")
        #expect(try await terminal.shows("Stopped"))
        try await terminal.type("fg")
        try folder.write("", to: "go")
        #expect(try await terminal.shows("count 1"), "one Ctrl-C is one")
        #expect(try await terminal.shows("Restore this in place? [y/N]"))
        try await terminal.type("n")
        #expect(try await terminal.shows("code 4"))
        let screen = try await terminal.screen()
        #expect(screen.contains("the way back is: holdfast restore"), "\(screen)")
    }
}
