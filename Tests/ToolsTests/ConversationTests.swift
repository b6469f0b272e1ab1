import BackupModel
import Foundation
import TestSupport
import Testing
import Tools

struct ConversationTests {
    private let runner: SupervisedRunner
    private let folder: ScratchFolder

    init() throws {
        runner = try SupervisedRunner()
        folder = try ScratchFolder("conversation")
    }

    private func shell(_ script: String) -> ToolCommand { ToolCommand("sh", ["-c", script]) }

    @Test func `questions are answered one by one`() async throws {
        let answers = try await runner.converse(with: ToolCommand("cat")) { talk in
            var answers: [String?] = []
            for question in ["one", "two", "three"] {
                try await talk.send(question + "\n")
                answers.append(try await talk.nextLine(within: .seconds(30)))
            }
            return answers
        }
        #expect(answers == ["one", "two", "three"])
    }

    @Test func `it ends with the body, by itself when it can`() async throws {
        let log = folder["log"]
        let command = shell("while read x; do :; done; sleep 0.3; echo bye >'\(log)'")
        try await runner.converse(with: command) { try await $0.send("hi\n") }
        #expect(try String(contentsOfFile: log, encoding: .utf8) == "bye\n")
    }

    @Test func `what the body throws comes through and the program is gone`() async throws {
        struct Refused: Error {}
        let log = folder["pid"]
        await #expect(throws: Refused.self) {
            try await runner.converse(with: shell("echo $$ >'\(log)'; echo up; cat")) { talk in
                _ = try await talk.nextLine(within: .seconds(30))
                throw Refused()
            }
        }
        let pid = try #require(Int32(try String(contentsOfFile: log, encoding: .utf8).dropLast()))
        #expect(await isGone(pid))
    }

    @Test func `the end of its output is no line, and a silent one is given up`() async throws {
        let command = shell("echo last; exec >&-; cat >/dev/null")
        let lines = try await runner.converse(with: command) { talk in
            [try await talk.nextLine(within: .seconds(30)), try await talk.nextLine(within: .seconds(30))]
        }
        #expect(lines == ["last", nil])
        await #expect(throws: ToolError.conversationEnded(program: "cat", detail: "it did not answer in time")) {
            try await runner.converse(with: ToolCommand("cat")) {
                _ = try await $0.nextLine(within: .milliseconds(200))
            }
        }
    }

    @Test func `a program that died says so with its last words`() async throws {
        try await runner.converse(with: shell("echo no such database >&2; exit 2")) { talk in
            let line = try await talk.nextLine(within: .seconds(30))
            #expect(line == nil)
            while talk.diagnostics.isEmpty { try await Task.sleep(for: .milliseconds(10)) }
            #expect(talk.diagnostics == "no such database\n")
            try await Task.sleep(for: .milliseconds(100))
            await #expect(throws: ToolError.self) { try await talk.send("hello\n") }
        }
        await #expect(throws: ToolError.self) { try await runner.converse(with: ToolCommand("no-such")) { _ in } }
    }

    @Test func `more text than a pipe holds waits for the reader, and lines wait for us`() async throws {
        let big = String(repeating: "0123456789abcde\n", count: 20_000)
        let total = try await runner.converse(with: ToolCommand("cat")) { talk in
            async let sent: Void = talk.send(big)
            var total = 0
            for _ in 0..<20_000 { total += try await talk.nextLine(within: .seconds(60))?.utf8.count ?? 0 }
            try await sent
            return total
        }
        #expect(total == 300_000)
        // 60 MB that nobody reads: it is held back, then drained at the end.
        let wasHeldBack = try await runner.converse(
            with: shell("yes $(head -c 200 /dev/zero | tr '\\0' x) | head -c 60000000; echo all >&2")
        ) {
            try await Task.sleep(for: .milliseconds(300))
            return $0.diagnostics.isEmpty
        }
        #expect(wasHeldBack)
    }

    @Test func `cancelling ends the program and whoever waits for it`() async throws {
        let log = folder["pid"]
        let task = Task {
            try await runner.converse(with: shell("echo $$ >'\(log)'; echo up; exec sleep 60")) { talk in
                _ = try await talk.nextLine(within: .seconds(30))
                return try await talk.nextLine(within: .seconds(60))
            }
        }
        while !FileManager.default.fileExists(atPath: log) { try await Task.sleep(for: .milliseconds(10)) }
        try await Task.sleep(for: .milliseconds(100))
        task.cancel()
        #expect(try await task.value == nil)
        let pid = try #require(Int32(try String(contentsOfFile: log, encoding: .utf8).dropLast()))
        #expect(await isGone(pid))
    }
}
