import Foundation
import TestSupport
import Testing

@Suite("Cancel", .enabled(if: !RealTools.restics.isEmpty))
struct CancelTests {
    private let world: World
    private var program: HoldfastProgram { world.program }
    private var folder: ScratchFolder { world.folder }

    init() throws {
        world = try World("cancel")
        try QuickRepository.lay(at: program.repository)
        let slow = try folder.write("#!/bin/sh\ntouch \"$1\"\nexec sleep 60\n", to: "slow", mode: 0o755)
        let service = try folder.write(
            "#!/bin/sh\necho \"$1\" >> '\(folder["log"])'\n", to: "service", mode: 0o755)
        try world.writeProfile(
            "  slow: { command: [\"\(slow)\", \"\(folder["begun"])\"] }",
            "hooks: [{ name: app, around: run, acquire: [\"\(service)\", stop], release: [\"\(service)\", start] }]")
    }

    /// A backup that is in the middle of its source.
    private func begin() async throws -> (HoldfastProgram.Running, run: String) {
        let backup = try program.start(["backup"])
        let begun = folder["begun"]
        #expect(try await backup.wait { FileManager.default.fileExists(atPath: begun) }, "\(backup.errors)")
        let runs = try await program.run("history", "--json").document().objects("runs")
        return (backup, try #require(runs.first?.text("run")))
    }

    @Test func `a run at work ends as interrupted, and all is given back before cancel returns`() async throws {
        let (backup, run) = try await begin()
        let cancel = try await program.run("cancel")
        #expect(cancel.code == 0 && cancel.output.contains("\(run) was interrupted"), "\(cancel)")
        #expect(await backup.result().code == 143)
        #expect(
            try await program.run("history", "--json").document().objects("runs").first?.text("outcome")
                == "interrupted")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder["state/scratch"]).isEmpty)
        let log = try String(contentsOfFile: folder["log"], encoding: .utf8)
        #expect(log == "stop\nstart\n")
        // Once more: what was wanted is so.
        let again = try await program.run("cancel", run, "--json")
        #expect(again.code == 0, "\(again)")
        #expect(try again.document().objects("cancelled").first?.text("end") == "had ended")
        let idle = try await program.run("cancel")
        #expect(idle.code == 0 && idle.output.contains("nothing of profile test is at work"), "\(idle)")
        let unknown = try await program.run("cancel", "2019")
        #expect(unknown.code == 1 && unknown.errors.contains("has no run 2019"), "\(unknown)")
    }

    @Test func `of a run that was found dead it is not said that all is put right while that is not so`() async throws {
        let (backup, run) = try await begin()
        kill(backup.pid, SIGKILL)
        _ = await backup.result()
        try folder.write("#!/bin/sh\nexit 3\n", to: "service", mode: 0o755)
        let cancel = try await program.run("cancel", run)
        #expect(cancel.code == 1 && cancel.output.contains("NOT ALL PUT RIGHT"), "\(cancel)")
        #expect(cancel.output.contains("holdfast recover") && !cancel.output.contains("what it left is put right"))
    }

    @Test func `one that does not end is left at work, and with --force killed, and what it took given back`()
        async throws
    {
        let (backup, run) = try await begin()
        kill(backup.pid, SIGSTOP)
        let patient = try await program.run("cancel", String(run.prefix(12)), "--wait", "1s")
        #expect(patient.code == 75 && patient.output.contains("is still at work"), "\(patient)")
        #expect(backup.isRunning)
        // It may not even be killed at once: it is asked to hurry first, which takes ten seconds of waiting.
        let forced = try await program.run("cancel", "--force", "--wait", "1s", "--json")
        let entry = try #require(try forced.lines().last)
        #expect(forced.code == 0 && entry.objects("cancelled").first?.text("end") == "killed", "\(forced)")
        #expect(entry.objects("cancelled").first?.text("outcome") == "interrupted", "\(forced)")
        #expect(await backup.result().code == -SIGKILL)
        #expect(try String(contentsOfFile: folder["log"], encoding: .utf8) == "stop\nstart\n")
    }
}
