import BackupModel
import Foundation
import TestSupport
import Testing
import Tools

/// Programs that are executed from an open descriptor: what was looked at is what runs.
@Suite("Programs that are open")
struct OpenedProgramTests {
    private let folder: ScratchFolder
    private let runner: SupervisedRunner

    init() throws {
        folder = try ScratchFolder("opened")
        runner = try SupervisedRunner(path: "/usr/bin:/bin")
    }

    /// Opened as a path only, and closed on exec, as whoever looked at it has it.
    private func run(_ path: String, _ arguments: [String] = [], before: () throws -> Void = {}) async throws
        -> ToolResult
    {
        let descriptor = open(path, 0o10_000_000 | O_CLOEXEC)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        try before()
        var command = ToolCommand(path, arguments)
        command.programDescriptor = descriptor
        command.secrets = [.environment(variable: "TOKEN", Secret("hunter2"))]
        return try await runner.run(command)
    }

    @Test func `a program, a script and one that is read by its interpreter run with their arguments`() async throws {
        #expect(try await run("/usr/bin/printf", ["%s-", "a", "b"]).output.text == "a-b-")
        let script = try folder.write("#!/bin/sh\necho \"$1 and $2\"\n", to: "script", mode: 0o755)
        #expect(try await run(script, ["a b", "c"]).output.text == "a b and c\n")
        let python = try folder.write("#!/usr/bin/env python3\nimport sys\nprint(sys.argv[1:])\n", to: "p", mode: 0o755)
        #expect(try await run(python, ["x"]).output.text == "['x']\n")
    }

    @Test func `another file that takes its name is not run`() async throws {
        let script = try folder.write("#!/bin/sh\necho good\n", to: "script", mode: 0o755)
        let result = try await run(script) {
            try folder.write("#!/bin/sh\necho evil\n", to: "evil", mode: 0o755)
            guard rename(folder["evil"], script) == 0 else { throw POSIXError(.EPERM) }
        }
        #expect(result.output.text == "good\n")
    }

    @Test func `beside a secret that is handed over as a file, each keeps its own number`() async throws {
        let script = try folder.write("#!/bin/sh\ncat \"$1\"\n", to: "script", mode: 0o755)
        let descriptor = open(script, O_RDONLY | O_CLOEXEC)
        defer { close(descriptor) }
        var command = ToolCommand(script)
        command.programDescriptor = descriptor
        command.secrets = [.memoryFileArgument("", Secret("hunter2"))]
        #expect(try await runner.run(command).output.text == "hunter2")
    }

    @Test func `a descriptor that is closed is no program`() async {
        var command = ToolCommand("/bin/sh")
        command.programDescriptor = 987
        await #expect(throws: ToolError.self) { try await runner.run(command) }
    }
}
