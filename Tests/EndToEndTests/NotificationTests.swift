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

    // MARK: Sending by hand, and what could not be sent

    @Test(.timeLimit(.minutes(2)))
    func `a test message is sent for real, and it is said how each ended`() async throws {
        let sink = try HTTPSink()
        try sink.plan("{\"status\": 200}", "{\"status\": 404, \"body\": \"no_service\"}")
        try world.folder.write(sink.address + "/services/sesame-0123456789\n", to: "slack-url")
        try writeProfile(
            """
            notify:
              - { slack: "file:\(world.folder["slack-url"])", quiet-hours: "00:00-23:59" }
              - { name: local, command: ["\(try writeListener())"] }
            """)
        let good = try await world.program.run("notify", "test")
        #expect(good.code == 0 && good.output == "slack: delivered\nlocal: delivered\n", "\(good)")
        #expect(try heard().map { $0.text("event") } == ["test"])
        #expect(try sink.requests().first?.path == "/services/sesame-0123456789")
        let bad = try await world.program.run("notify", "test", "slack", "--event", "failed", "--json")
        #expect(bad.code == 1 && !bad.said.contains("sesame"), "\(bad)")
        let trial = try #require(try bad.document().objects("tests").first)
        #expect(trial["delivered"] as? Bool == false && trial.text("notifier") == "slack")
        #expect(try sink.requests().last?.body.contains("(test) backup of test on") == true)
        #expect(try heard().count == 1)

        let typo = try await world.program.run("notify", "test", "slak")
        #expect(typo.code == 64 && typo.errors.contains("did you mean `slack`?"), "\(typo)")
        let event = try await world.program.run("notify", "test", "--event", "faild")
        #expect(event.code == 64 && event.errors.contains("did you mean `failed`?"), "\(event)")
        let list = try await world.program.run("notify", "list")
        #expect(list.code == 0 && list.output.contains("local (command): failed, partial, anomaly, overdue, recovered"))
        let doctor = try await world.program.run("doctor")
        #expect(doctor.output.contains("notifier slack: http://127.0.0.1:\(sink.port)/… by curl"), "\(doctor)")
        #expect(!doctor.said.contains("sesame"))
    }

    @Test(.timeLimit(.minutes(2)))
    func `who cannot be reached is shown by status, and told by the next run`() async throws {
        let sink = try HTTPSink()
        try sink.plan("{\"status\": 403, \"body\": \"invalid_token\"}")
        try writeProfile("notify: { slack: env:SLACK_URL }")
        let url = ["SLACK_URL": sink.address + "/services/sesame-0123456789"]
        let failed = try await world.program.run(["backup", "--scheduled"], environment: url)
        #expect(failed.code == 1 && failed.errors.contains("warning: notifier slack could not tell of it"), "\(failed)")
        let status = try await world.program.run("status")
        #expect(status.output.contains("notifier slack has told nobody since"), "\(status)")
        #expect(status.output.contains("1 message still to be told") && status.output.contains("invalid_token"))
        let document = try await world.program.run("status", "--json").document()
        let notifier = try #require(document.objects("profiles").first?.objects("notifiers").first)
        #expect(notifier.text("name") == "slack" && notifier.objects("waiting").map { $0.text("event") } == ["failed"])
        #expect((notifier["failure"] as? [String: Any])?["kind"] as? String == "notPermitted")

        try world.folder.write("now\n", to: "late/file")
        let good = try await world.program.run(["backup", "--scheduled"], environment: url)
        #expect(good.code == 0, "\(good)")
        #expect(try sink.requests().last?.body.contains("works again") == true)
        let healed = try await world.program.run("status")
        #expect(!healed.output.contains("notifier slack"), "\(healed)")
    }

    @Test(.timeLimit(.minutes(2)))
    func `a check hears that a run begins before it waits for any lock, and that it was skipped`() async throws {
        let sink = try HTTPSink()
        try world.folder.write("now\n", to: "late/file")
        try writeProfile("notify: { healthchecks: env:CHECK }")
        let check = ["CHECK": sink.address + "/ping"]
        try world.program.writeTool(
            "restic",
            "case \"$*\" in *backup*) touch '\(world.folder["reached"])'; exec sleep 60 ;; esac; exec "
                + "'\(try #require(RealTools.restics.last).path)' \"$@\"")
        let running = try world.program.start(["backup", "--scheduled"], environment: check)
        let flag = world.folder["reached"]
        #expect(try await running.wait { FileManager.default.fileExists(atPath: flag) })
        let skipped = try await world.program.run(["backup", "--scheduled"], environment: check)
        #expect(skipped.code == 75, "\(skipped)")
        running.signal(SIGTERM)
        let stopped = await running.result()
        #expect(stopped.code == 143, "\(stopped)")
        let paths = try sink.requests().map { $0.path.split(separator: "?").map(String.init) }
        try #require(paths.map(\.first) == ["/ping/start", "/ping/start", "/ping/log", "/ping/fail"], "\(stopped)")
        #expect(paths[0].last == paths[3].last && paths[1].last == paths[2].last && paths[0].last != paths[1].last)
    }
}
