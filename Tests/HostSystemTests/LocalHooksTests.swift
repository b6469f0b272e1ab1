import BackupModel
import Foundation
import TestSupport
import Testing

@testable import HostSystem

@Suite("Hooks as they are started and read")
struct LocalHooksTests {
    private let folder: ScratchFolder

    init() throws {
        folder = try ScratchFolder("hooks")
        try folder.write("profile: app\n", to: "profiles/app.yaml")
    }

    private func action(_ program: HookProgram) -> HookAction {
        HookAction(name: "tell", program: program, file: folder["profiles/app.yaml"])
    }

    private func hooks(_ runner: any ToolRunner, _ variable: String = "") -> LocalHooks {
        LocalHooks(
            runner: runner, secrets: MemorySecrets([.environment("TOKEN"): Secret("hunter2")]),
            folders: HookFolders(environment: ["HOLDFAST_HOOKS_DIR": variable], program: "/usr/bin/holdfast"))
    }

    private var document: HookDocument {
        let run = RunRecord(
            id: RunID(unchecked: "20261121T023000Z-7f3a9c"), profile: ProfileName(unchecked: "app"), operation: .backup,
            started: Date(timeIntervalSince1970: 1_795_228_200),
            process: ProcessIdentity(pid: 1, startTime: 1, bootID: ""), user: "me", profileDigest: "")
        return HookDocument(event: "run.before", hook: "tell", run: run, host: "h")
    }

    @Test func `the opened file is what is started, with a document, variables, limits and no secret in sight`()
        async throws
    {
        try folder.write("#!/bin/sh\n", to: "profiles/tell", mode: 0o755)
        let runner = RecordingRunner()
        var action = action(.run(["./tell", "me"]))
        action.secrets = ["NTFY_TOKEN": .environment("TOKEN")]
        action.variables = ["PLAIN": "text", "HOLDFAST_EVENT": "mine"]
        action.timeLimit = .seconds(7)
        var document = document
        document.with = ["wait-for": .list([.text("a"), .integer(2)])]
        _ = try await hooks(runner).run(action, document)
        let command = try #require(runner.commands.first)
        #expect(command.programDescriptor != nil && command.arguments == ["me"])
        #expect(command.environment["HOLDFAST_HOOK_FILE"] == folder["profiles/tell"])
        #expect(command.environment["HOLDFAST_EVENT"] == "run.before" && command.environment["PLAIN"] == "text")
        #expect(command.environment["HOLDFAST_WITH_WAIT_FOR"] == "a\n2")
        #expect(command.limits.total == .seconds(7) && command.workingDirectory == folder["profiles"])
        #expect(command.secrets.map(\.secret) == [Secret("hunter2")])
        guard case .bytes(let bytes) = command.input else { throw JSONText.Unexpected("no document") }
        let text = String(decoding: bytes, as: UTF8.self)
        #expect(!text.contains("hunter2") && text.hasSuffix("\n") && text.split(separator: "\n").count == 1)
        let json = try JSONText.object(text)
        #expect(json["version"] as? Int == 1 && (json["started"] as? String)?.hasPrefix("2026-11-21T02:30:00") == true)
    }

    @Test func `the last line that is a JSON object is what it says, bounded and made harmless`() async throws {
        let line = #"{"message":"up\u001b[31m\nnow","facts":{"n":3,"long":"\#(String(repeating: "x", count: 900))"}}"#
        let output = "working…\n{not json\n" + line + "\nbye\n"
        let report = try await hooks(RecordingRunner(scripted: [(0, output, "")])).run(
            action(.shell("true")), document)
        #expect(report.message == "up [31m now" && report.facts["n"] == "3")
        #expect(report.facts["long"]?.count == 500 && report.isGood)
        let many = (0..<100).map { "\"k\($0)\":\($0)" }.joined(separator: ",")
        let capped = try await hooks(RecordingRunner(scripted: [(0, "{\"facts\":{\(many)}}\n", "")])).run(
            action(.shell("true")), document)
        #expect(capped.facts.count == 32)
    }

    @Test func `how it ended is told, with the last of what it complained of`() async throws {
        let report = try await hooks(RecordingRunner(scripted: [(3, "", "one\ntwo\nthree\n")])).run(
            action(.shell("x")), document)
        #expect(report.words == "exit code 3: two; three" && !report.isGood && !report.saysNotNow)
        let runner = RecordingRunner { command in
            ToolResult(command: command, termination: .signaled(15), stopped: .totalLimit)
        }
        let late = try await hooks(runner).run(action(.shell("x")), document)
        #expect(late.ending == .timedOut(after: .seconds(600)) && late.words.contains("`time-limit`"))
    }

    @Test func `a plugin is found in the first folder that has it, and one that is not safe is not passed over`() throws
    {
        try folder.write("#!/bin/sh\n", to: "first/one", mode: 0o755)
        try folder.write("#!/bin/sh\n", to: "hooks/one", mode: 0o755)
        try folder.write("#!/bin/sh\n", to: "hooks/two", mode: 0o755)
        let local = hooks(RecordingRunner(), folder["first"])
        #expect(try local.locate(action(.plugin("one"))) == folder["first/one"])
        #expect(try local.locate(action(.plugin("two"))) == folder["hooks/two"])
        #expect(throws: HookError.self) { try local.locate(action(.plugin("three"))) }
        #expect(chmod(folder["first/one"], 0o757) == 0)
        #expect {
            try local.locate(action(.plugin("one")))
        } throws: { ($0 as? HookError)?.kind == .notPermitted }
    }

    @Test func `a profile that others can write to has no hooks that are run`() throws {
        #expect(chmod(folder["profiles/app.yaml"], 0o666) == 0)
        #expect {
            try hooks(RecordingRunner()).locate(action(.shell("true")))
        } throws: { error in
            guard let error = error as? HookError else { return false }
            return error.description.contains("lets everybody write") && error.hint?.contains("chmod go-w") == true
        }
    }
}
