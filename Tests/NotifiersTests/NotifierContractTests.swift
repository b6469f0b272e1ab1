import BackupModel
import Foundation
import TestSupport
import Testing
import Tools

@testable import Notifiers

/// What every kind of notifier must do.
@Suite struct `Every notifier` {
    static let kinds = NotifierRegistry.kinds.map(\.descriptor.kind)
    private let folder: ScratchFolder

    init() throws { folder = try ScratchFolder("contract") }

    /// Nothing listens there.
    private static let nowhere = "http://127.0.0.1:9"

    private func notifier(_ kind: String, _ runner: any ToolRunner) throws -> any Notifier {
        let made = try #require(Scene.entry(of: kind, at: Self.nowhere), "these tests do not know \(kind)")
        return try Scene.notifier(made.entry, secrets: made.secrets, runner: runner)
    }

    /// A runner that finds a program of ours in place of curl.
    private func runner(curl script: String) throws -> SupervisedRunner {
        try folder.write("#!/bin/sh\n\(script)\n", to: "bin/curl", mode: 0o755)
        return try SupervisedRunner(path: folder["bin"] + ":/usr/bin:/bin")
    }

    @Test func `has a name of its own`() {
        #expect(Set(Self.kinds).count == Self.kinds.count && Self.kinds.contains("command"))
    }

    @Test(arguments: kinds) func `keeps secrets out of arguments, environment and descriptions`(_ kind: String)
        async throws
    {
        let runner = RecordingRunner { RecordingRunner.ended($0, output: "\nholdfast-answer\t200\t\n") }
        let notifier = try notifier(kind, runner)
        try await notifier.deliver(Scene.message())
        #expect(try await !notifier.preflight().contains("sesame"))
        let command = try #require(runner.commands.first)
        #expect(!command.displayed.contains("sesame") && !"\(command.environment)".contains("sesame"))
        // Whatever is inherited or printed while debugging.
        #expect(!"\(command)".contains("sesame") && !"\(notifier)".contains("sesame"))
    }

    @Test(arguments: kinds) func `has what is secret blotted out of all messages`(_ kind: String) async throws {
        let made = try #require(Scene.entry(of: kind, at: Self.nowhere))
        guard !made.secrets.isEmpty else { return }
        let runner = RecordingRunner { RecordingRunner.ended($0, output: "\nholdfast-answer\t200\t\n") }
        try await notifier(kind, runner).deliver(Scene.message())
        let command = try #require(runner.commands.first)
        let blotted = command.secrets.map(\.secret) + (command.secretsInInput ?? [])
        #expect(blotted.contains { String(decoding: $0.reveal(for: .comparison), as: UTF8.self).contains("sesame") })
    }

    @Test(arguments: kinds) func `throws when nobody takes the message, without its secret`(_ kind: String) async throws
    {
        await #expect {
            try await notifier(kind, SupervisedRunner()).deliver(Scene.message())
        } throws: { error in
            guard let error = error as? NotifierError else { return false }
            return !"\(error.description) \(error.hint ?? "")".contains("sesame")
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: kinds) func `leaves no child when it is cancelled`(_ kind: String)
        async throws
    {
        let runner = try runner(curl: "echo $$ > \(folder["pid"]); exec sleep 300")
        let notifier = try notifier(kind, runner)
        let task = Task { try await notifier.deliver(Scene.message()) }
        let file = folder["pid"]
        while !FileManager.default.fileExists(atPath: file) { try await Task.sleep(for: .milliseconds(20)) }
        var text = ""
        while text.isEmpty { text = try String(contentsOfFile: file, encoding: .utf8) }
        task.cancel()
        await #expect(throws: NotifierError.self) { try await task.value }
        let pid = try #require(Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)))
        #expect(FileManager.default.contents(atPath: "/proc/\(pid)/cmdline")?.isEmpty != false)
    }

    @Test(arguments: kinds.filter { $0 != "command" }) func `says when curl is not there`(_ kind: String) async throws {
        let notifier = try notifier(kind, RecordingRunner(missing: ["curl"]))
        await #expect {
            _ = try await notifier.preflight()
        } throws: { ($0 as? NotifierError)?.kind == .toolMissing }
    }

    @Test(arguments: kinds.filter { $0 != "command" }) func `says which secret is not there`(_ kind: String)
        async throws
    {
        let made = try #require(Scene.entry(of: kind, at: Self.nowhere))
        let notifier = try Scene.notifier(made.entry, runner: RecordingRunner())
        await #expect {
            _ = try await notifier.preflight()
        } throws: { error in
            guard case .secret(.missing)? = error as? NotifierError else { return false }
            return (error as? NotifierError)?.description.contains("env:") == true
        }
    }
}
