import BackupModel
import Foundation
import TestSupport
import Testing
import Tools

@testable import Notifiers

/// A program of the operator's that is given the message.
struct CommandNotifierTests {
    private let folder: ScratchFolder

    init() throws { folder = try ScratchFolder("notify") }

    private var message: NotificationMessage {
        NotificationMessage(
            profile: ProfileName(unchecked: "app"), host: "host\n1", run: RunID(unchecked: "20261121T023000Z-7f3a9c"),
            operation: .backup, event: .failed, outcome: .failed, at: Date(timeIntervalSince1970: 1_795_228_260),
            failingSince: Date(timeIntervalSince1970: 1_795_228_200),
            failures: [Failure("no \"room\"\u{202e}\u{7}", hint: "free some", kind: .destinationFull)],
            next: "holdfast show -p app 20261121T023000Z-7f3a9c")
    }

    private func notifier(
        _ command: [String], timeLimit: String? = nil, runner: (any ToolRunner)? = nil
    ) throws -> CommandNotifier {
        let place = SourceLocation(file: folder["app.yaml"], line: 1, column: 1)
        func entry(_ key: String, _ content: ConfigValue.Content) -> ConfigValue.Entry {
            ConfigValue.Entry(key: key, keyLocation: place, value: ConfigValue(content, at: place))
        }
        var entries = [entry("command", .list(command.map { ConfigValue(.string($0), at: place) }))]
        if let timeLimit { entries.append(entry("time-limit", .string(timeLimit))) }
        let spec = NotifierSpec(
            name: NotifierName(unchecked: "pager"), kind: "command", entry: ConfigValue(.map(entries), at: place))
        let services = Services(
            runner: try runner ?? SupervisedRunner(), secrets: MemorySecrets(), host: FakeHost(), clock: TestClock(),
            settings: ProfileSettings())
        return CommandNotifier(spec, services)
    }

    private func script(_ text: String) throws -> String {
        try folder.write("#!/bin/sh\n" + text + "\n", to: "tell", mode: 0o755)
    }

    @Test func `its program is looked for without being run`() async throws {
        let path = try script("touch \(folder["ran"])")
        #expect(try await notifier([path, "now"]).preflight() == path)
        #expect(try await notifier(["./tell"]).preflight() == folder["./tell"])
        #expect(try await notifier(["sh"]).preflight().hasSuffix("/sh"))
        #expect(!FileManager.default.fileExists(atPath: folder["ran"]))
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
        for program in [path, folder["nothing"], "no-such-program-here"] {
            await #expect {
                _ = try await notifier([program]).preflight()
            } throws: { error in
                guard case .tool(let cause)? = error as? NotifierError else { return false }
                let isThere = program == path
                return cause.kind == (isThere ? .failed : .toolMissing) && cause.description.contains(program)
                    && cause.hint?.contains("executable") == (isThere ? true : false)
            }
        }
    }

    @Test func `the message is one JSON document with plain texts`() throws {
        let bytes = try MessageDocument(message).bytes()
        #expect(bytes.last == 10 && bytes.filter { $0 < 32 || $0 == 127 } == [10])
        let document = try JSONText.object(String(decoding: bytes, as: UTF8.self))
        #expect(document["version"] as? Int == 1)
        #expect(document["event"] as? String == "failed")
        #expect(document["outcome"] as? String == "failed")
        #expect(document["operation"] as? String == "backup")
        #expect(document["profile"] as? String == "app")
        #expect(document["host"] as? String == "host 1")
        #expect(document["run"] as? String == "20261121T023000Z-7f3a9c")
        #expect(document["subject"] as? String == "backup of app on host 1 failed")
        #expect(document["failingSince"] as? String == "2026-11-21T02:30:00.000Z")
        #expect(document["next"] as? String == "holdfast show -p app 20261121T023000Z-7f3a9c")
        #expect(document["furtherFailures"] as? Int == 0)
        let failures = try #require(document["failures"] as? [[String: String]])
        #expect(failures == [["message": "no \"room\"  ", "hint": "free some", "kind": "destinationFull"]])
    }

    @Test func `nothing of the message is among the arguments, and a minute is the limit`() async throws {
        let runner = RecordingRunner()
        try await notifier(["bin/tell", "--to", "me"], runner: runner).deliver(message)
        let command = try #require(runner.commands.first)
        #expect(command.program == folder["bin/tell"])
        #expect(command.arguments == ["--to", "me"])
        #expect(command.workingDirectory == folder.path)
        #expect(command.limits == ToolCommand.Limits(total: .seconds(60), stall: nil))
        #expect(
            command.environment == [
                "HOLDFAST_EVENT": "failed", "HOLDFAST_PROFILE": "app", "HOLDFAST_RUN": "20261121T023000Z-7f3a9c",
                "HOLDFAST_OUTCOME": "failed",
            ])
        #expect(try command.input == .bytes(MessageDocument(message).bytes()))
    }

    @Test func `the program reads the document and the environment`() async throws {
        let program = try script("cat > got\necho $HOLDFAST_EVENT $HOLDFAST_PROFILE $HOLDFAST_OUTCOME > variables")
        try await notifier([program]).deliver(message)
        let got = try Data(contentsOf: URL(fileURLWithPath: folder["got"]))
        #expect(try Array(got) == MessageDocument(message).bytes())
        #expect(try String(contentsOfFile: folder["variables"], encoding: .utf8) == "failed app failed\n")
    }

    @Test func `a program that reads nothing has taken the message when it exits 0`() async throws {
        try await notifier(["true"]).deliver(message)
    }

    @Test func `a program that fails has not taken the message`() async throws {
        let program = try script("echo first >&2; echo no such channel >&2; exit 3")
        let wanted = NotifierError.refused(program: program, how: "exit code 3", detail: "no such channel")
        await #expect(throws: wanted) { try await notifier([program]).deliver(message) }
    }

    @Test(.timeLimit(.minutes(1))) func `a program that hangs is stopped at its limit, children and all`() async throws
    {
        let program = try script("sleep 300 & echo $! > child; wait")
        let begun = ContinuousClock.now
        await #expect(throws: NotifierError.timedOut(program: program, limit: "1 s")) {
            try await notifier([program], timeLimit: "1s").deliver(message)
        }
        #expect(ContinuousClock.now - begun < .seconds(50))
        let child = try String(contentsOfFile: folder["child"], encoding: .utf8)
        let pid = try #require(Int32(child.trimmingCharacters(in: .whitespacesAndNewlines)))
        // One that is dead has no command line, whether or not anybody has reaped it yet.
        #expect(FileManager.default.contents(atPath: "/proc/\(pid)/cmdline")?.isEmpty != false)
    }

    @Test func `a program that is not there is named`() async throws {
        await #expect {
            try await notifier(["no-such-notifier"]).deliver(message)
        } throws: { error in
            (error as? NotifierError)?.description.contains("no-such-notifier was not found") == true
                && (error as? NotifierError)?.kind == .toolMissing
        }
    }

    @Test func `every kind there is can be made by its name`() throws {
        let names = NotifierRegistry.kinds.map(\.descriptor.kind)
        #expect(
            names == ["command", "email", "slack", "discord", "ntfy", "webhook", "healthchecks", "alertmanager"])
        let spec = try notifier(["true"]).spec
        let services = Services(
            runner: RecordingRunner(), secrets: MemorySecrets(), host: FakeHost(), clock: TestClock(),
            settings: ProfileSettings())
        #expect(try NotifierRegistry.make(spec, services).spec.name == spec.name)
        var other = spec
        other.kind = "pigeon"
        #expect(throws: NotifierError.unsupported(kind: "pigeon")) { try NotifierRegistry.make(other, services) }
    }
}
