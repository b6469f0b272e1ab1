import Foundation
import TestSupport
import Testing

/// Who is told of a run, by the real program.
@Suite("Notifications", .enabled(if: !RealTools.restics.isEmpty))
struct NotificationTests {
    private let world: World

    init() throws { world = try World("notify") }

    /// A profile with a source that is missing until the test makes it.
    private func writeProfile(_ notify: String) throws {
        try world.writeProfile(
            """
              documents: { files: "\(world.documents)" }
              late: { files: "\(world.folder["late"])" }
            """, notify)
    }

    /// A notifier that adds each document to a file.
    private func writeListener(_ name: String = "listen") throws -> String {
        try world.program.writeTool(name, "cat >> '\(world.folder[name])'")
    }

    private func heard(_ name: String = "listen") throws -> [[String: Any]] {
        guard FileManager.default.fileExists(atPath: world.folder[name]) else { return [] }
        return try JSONText.lines(String(contentsOfFile: world.folder[name], encoding: .utf8))
    }

    private func events(_ name: String = "listen") throws -> [String] { try heard(name).map { $0.text("event") } }

    private func backUp(_ arguments: String..., expecting code: Int32) async throws -> HoldfastProgram.Result {
        let result = try await world.program.run(["backup"] + arguments)
        #expect(result.code == code, "\(result)")
        return result
    }

    @Test(.timeLimit(.minutes(2)))
    func `a failure is told once, and that it is over`() async throws {
        try writeProfile("notify: [{ command: [\"\(try writeListener())\"] }]")
        #expect(try await !backUp("--dry-run", expecting: 1).errors.contains("`notify`"))
        #expect(try events().isEmpty)

        _ = try await backUp(expecting: 1)
        let told = try #require(try heard().first)
        #expect(told.text("event") == "failed" && told.text("outcome") == "failed")
        #expect(told.text("profile") == "test" && told.text("operation") == "backup")
        let failure = try #require(told.objects("failures").first)
        #expect(failure.text("message").hasPrefix("late: ") && failure.text("message").contains("is missing"))
        let run = try await world.program.run("show", "--json").document()
        #expect(told.text("run") == run.text("run"))
        #expect(run.objects("notified").map { $0.text("notifier") + " " + $0.text("event") } == ["command failed"])
        #expect(!run.texts("notices").contains { $0.contains("notifier") })
        let words = told.text("next").split(separator: " ").dropFirst().map(String.init)
        let next = try await world.program.run(words)
        #expect(next.code == 0, "\(next)")

        _ = try await backUp("--scheduled", expecting: 1)
        #expect(try events() == ["failed"])
        try world.folder.write("now\n", to: "late/file")
        _ = try await backUp(expecting: 0)
        #expect(try events() == ["failed", "recovered"])
        #expect(try heard().last?.text("failingSince") == told.text("failingSince"))
        _ = try await backUp(expecting: 0)
        #expect(try events() == ["failed", "recovered"])
    }

    @Test(.timeLimit(.minutes(2)))
    func `notifiers that fail or hang change nothing, and are named`() async throws {
        let listener = try writeListener()
        let refusing = try world.program.writeTool("refuse", "echo 'no such channel: correct horse' >&2; exit 7")
        let hanging = try world.program.writeTool("hang", "exec sleep 300")
        try writeProfile(
            """
            notify:
              - { name: refusing, command: ["\(refusing)"], on: [failed, succeeded] }
              - { name: hanging, command: ["\(hanging)"], on: [failed, succeeded], time-limit: 1s }
              - { name: absent, command: [/nonexistent/tell], on: [failed, succeeded] }
              - { name: good, command: ["\(listener)"], on: [failed, succeeded] }
            """)
        let failed = try await backUp(expecting: 1)
        for name in ["refusing", "hanging", "absent"] {
            #expect(failed.errors.contains("warning: notifier \(name) could not tell of it"), "\(failed)")
        }
        #expect(!failed.errors.contains("notifier good"))
        #expect(failed.errors.contains("exit code 7") && !failed.said.contains("correct horse"), "\(failed)")
        try world.folder.write("now\n", to: "late/file")
        let good = try await backUp("--json", expecting: 0)
        #expect(try good.record().text("outcome") == "succeeded")
        #expect(try events() == ["failed", "succeeded"])
        let run = try await world.program.run("show", "--json").document()
        #expect(run.text("outcome") == "succeeded" && run.objects("failures").isEmpty)
        let notices = run.texts("notices").filter { $0.contains("could not tell of it") }
        #expect(notices.count == 3 && !notices.joined().contains("correct horse"), "\(notices)")
    }

    @Test(.timeLimit(.minutes(2)))
    func `a run at a terminal is told only to who asks for it`() async throws {
        let (all, unwatched) = (try writeListener("all"), try writeListener("unwatched"))
        try writeProfile(
            "notify: [{ command: [\"\(all)\"], manual: true }, { command: [\"\(unwatched)\"] }]")
        let result = try await world.program.runTool("script", "-qec", world.program.path + " backup", "/dev/null")
        #expect(result.code == 1, "\(result)")
        #expect(try events("all") == ["failed"])
        #expect(try events("unwatched").isEmpty)
        _ = try await backUp(expecting: 1)
        #expect(try events("all") == ["failed"])
        #expect(try events("unwatched") == ["failed"])
    }

    @Test(.timeLimit(.minutes(2)))
    func `an interrupted run is told, and every kind of work by itself`() async throws {
        try world.folder.write("now\n", to: "late/file")
        try writeProfile("notify: [{ command: [\"\(try writeListener())\"], on: [failed, succeeded] }]")
        _ = try await backUp(expecting: 0)
        try world.program.writeTool(
            "restic",
            "case \"$*\" in *backup*) touch '\(world.folder["reached"])'; exec sleep 60 ;; esac; exec "
                + "'\(try #require(RealTools.restics.last).path)' \"$@\"")
        let running = try world.program.start(["backup"])
        let flag = world.folder["reached"]
        #expect(try await running.wait { FileManager.default.fileExists(atPath: flag) })
        running.signal(SIGTERM)
        let stopped = await running.result()
        #expect(stopped.code == 143, "\(stopped)")
        #expect(try events() == ["succeeded", "failed"])
        #expect(try heard().last?.text("outcome") == "interrupted")
        try FileManager.default.removeItem(atPath: world.program.toolFolder + "/restic")

        let verify = try await world.program.run("backup", "verify")
        #expect(verify.code == 0, "\(verify)")
        let preview = try await world.program.run("backup", "prune", "--dry-run")
        #expect(preview.code == 0, "\(preview)")
        let prune = try await world.program.run("backup", "prune")
        #expect(prune.code == 0, "\(prune)")
        let restore = try await world.program.run("restore", "latest", "--to", world.folder["r"], "--yes")
        #expect(restore.code == 0, "\(restore)")
        #expect(
            try heard().dropFirst(2).map { $0.text("operation") + " " + $0.text("event") }
                == ["verify succeeded", "prune succeeded", "restore succeeded"])
    }
}
