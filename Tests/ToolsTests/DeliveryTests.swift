import BackupModel
import Foundation
import TestSupport
import Testing
import Tools

/// What reaches a child: its environment, its input and its secrets.
struct DeliveryTests {
    private let runner: SupervisedRunner
    private let folder: ScratchFolder
    private let ours = [
        "PATH": "/usr/bin:/bin", "HOME": "/home/me", "USER": "me", "LOGNAME": "me", "TZ": "UTC", "TMPDIR": "/tmp/mine",
        "LANG": "de_DE", "LC_ALL": "de_DE", "AWS_SECRET_ACCESS_KEY": "canary", "SSH_AUTH_SOCK": "/run/agent",
    ]

    init() throws {
        runner = try SupervisedRunner(environment: ours)
        folder = try ScratchFolder("delivery")
    }

    private func shell(_ script: String) -> ToolCommand { ToolCommand("sh", ["-c", script]) }

    private func environment(_ command: ToolCommand) async throws -> [String: String] {
        let text = try await runner.run(command).output.text
        let pairs = text.split(separator: "\n").map { $0.split(separator: "=", maxSplits: 1).map(String.init) }
        return Dictionary(uniqueKeysWithValues: pairs.map { ($0[0], $0.count > 1 ? $0[1] : "") })
    }

    @Test func `only the listed variables reach a child, and what its command asks for`() async throws {
        var command = ToolCommand("env")
        let listed = ours.filter { ["PATH", "HOME", "USER", "LOGNAME", "TZ", "TMPDIR"].contains($0.key) }
        #expect(try await environment(command) == listed.merging(["LANG": "C.UTF-8"]) { $1 })
        command.inheritedVariables = ["SSH_AUTH_SOCK", "NOT_SET"]
        command.environment = ["RESTIC_PROGRESS_FPS": "1", "TZ": "Europe/Berlin"]
        command.secrets = [.environment(variable: "PGPASSWORD", Secret("pass=word"))]
        let extended = try await environment(command)
        #expect(extended["SSH_AUTH_SOCK"] == "/run/agent" && extended["NOT_SET"] == nil)
        #expect(extended["TZ"] == "Europe/Berlin" && extended["PGPASSWORD"] == "pass=word")
        #expect(extended["AWS_SECRET_ACCESS_KEY"] == nil)
    }

    @Test func `arguments arrive as they are, whatever is in them`() async throws {
        let arguments = ["a b", "", "$(id)", "'\"\\", "ä\n", "-n"]
        let result = try await runner.run(ToolCommand("printf", ["%s|"] + arguments))
        #expect(result.output.text == arguments.map { $0 + "|" }.joined())
    }

    @Test func `input is empty, bytes, a secret or a file`() async throws {
        var command = ToolCommand("cat")
        #expect(try await runner.run(command).output.totalBytes == 0)
        let bytes = [UInt8](repeating: 7, count: 300_000)
        command.input = .bytes(bytes)
        #expect(try await runner.run(command).output.totalBytes == 300_000)
        command.input = .secret(Secret("hush"))
        #expect(try await runner.run(command).output.text == "hush")
        command.input = .file(try folder.write("from a file", to: "input"))
        #expect(try await runner.run(command).output.text == "from a file")
    }

    @Test func `first lines come before everything else, alone, in a pipeline and in a conversation`() async throws {
        var command = shell("IFS= read -r A; IFS= read -r B; printf '%s|%s|' \"$A\" \"$B\"; cat")
        command.firstLines = [Secret(" a\\b "), Secret("ü")]
        let start = " a\\b |ü|"
        #expect(try await runner.run(command).output.text == start)
        command.input = .bytes(Array("rest".utf8))
        #expect(try await runner.run(command).output.text == start + "rest")
        command.input = .none
        let stages = try await runner.pipeline([shell("printf rest"), command], refusingEmpty: true, reading: nil)
        #expect(stages.committed && stages.stages[1].output.text == start + "rest")
        let line = try await runner.converse(with: command) { talk in
            try await talk.send("rest\n")
            return try await talk.nextLine(within: .seconds(10))
        }
        #expect(line == start + "rest")
        #expect(runner.redactor.redact("it is a\\b .") != "it is a\\b .")
        command.firstLines = [Secret("two\nlines")]
        await #expect(throws: ToolError.self) { try await runner.run(command) }
        command.firstLines = [Secret("x")]
        command.input = .file(try folder.write("from a file", to: "input"))
        await #expect(throws: ToolError.self) { try await runner.run(command) }
    }

    @Test func `a held input says nothing and ends when the child is to end`() async throws {
        var command = shell("IFS= read -r A; echo \"$A\"; exec 3<&0; (cat <&3; echo over) & sleep 0.3")
        command.input = .held
        command.firstLines = [Secret("hush")]
        #expect(try await runner.run(command).output.text.hasPrefix("hush\n"))
        command = shell("trap '' TERM; cat; echo over")
        command.input = .held
        command.limits.total = .milliseconds(300)
        command.teardown = TeardownStep.terminateFirst
        let result = try await runner.run(command)
        #expect(result.output.text == "over\n" && result.stopped == .totalLimit)
    }

    @Test func `bytes for a child that never reads them hold nobody up`() async throws {
        var command = ToolCommand("true")
        command.input = .bytes([UInt8](repeating: 1, count: 4 << 20))
        #expect(try await runner.run(command).didItsWork)
    }

    @Test func `a link, a folder, a FIFO or a missing file is no input`() async throws {
        try folder.write("x", to: "target")
        try FileManager.default.createSymbolicLink(atPath: folder["link"], withDestinationPath: folder["target"])
        mkfifo(folder["fifo"], 0o600)
        for name in ["link", "fifo", "none", "."] {
            var command = ToolCommand("cat")
            command.input = .file(folder[name])
            await #expect("\(name)") {
                try await runner.run(command)
            } throws: { error in
                guard case .inputUnreadable(folder[name], _)? = error as? ToolError else { return false }
                return true
            }
        }
    }

    @Test func `a secret comes by a sealed memory file of mode 0600 and shows nowhere else`() async throws {
        var command = shell(
            "echo \"$*\"; cat \"$FILE\" \"${1#--key=}\" \"$2\"; echo; stat -Lc '%a %u %h' \"$FILE\"; "
                + "tr '\\0' '\\n' </proc/$$/cmdline; tr '\\0' '\\n' </proc/$$/environ; echo x 2>/dev/null >>\"$FILE\" || echo sealed"
        )
        command.arguments.append("name")
        command.secrets = [
            .memoryFileArgument("--key=", Secret("one")), .memoryFile(variable: "FILE", Secret("two")),
            .memoryFileArgument("", Secret("three")),
        ]
        let text = try await runner.run(command).output.text
        let lines = text.split(separator: "\n")
        #expect(lines[0] == "--key=/dev/fd/3 /dev/fd/5")
        #expect(lines[1] == "twoonethree")
        #expect(lines[2] == "600 \(geteuid()) 0")
        #expect(lines.contains("FILE=/dev/fd/4"))
        #expect(lines.last == "sealed")
        #expect(text.components(separatedBy: "one").count == 2 && text.components(separatedBy: "three").count == 2)
    }

    @Test func `a secret can come before all other arguments, for programs that want it there`() async throws {
        // The first argument of `env` is a variable.
        var command = shell("")
        command.program = "env"
        command.secrets = [.memoryFileFirstArgument("FIRST=", Secret("one"))]
        command.arguments = ["sh", "-c", "printf '%s ' \"$FIRST\" \"$@\"; cat \"$FIRST\"", "name", "--other"]
        #expect(try await runner.run(command).output.text == "/dev/fd/3 --other one")
    }

    @Test(.enabled(if: geteuid() == 0, "switching the user needs root"))
    func `a child of another user reads its secret and has nothing left of us`() async throws {
        let nobody = UserIdentity(name: "nobody", uid: 65534, gid: 65534, groups: [65534], home: "/nonexistent")
        var command = shell(
            "id -u; id -G; cat \"$FILE\"; cat; echo; echo $HOME $USER; stat -Lc '%a %u %g' \"$FILE\"; grep ^Uid /proc/$$/status"
        )
        command.user = nobody
        command.secrets = [.memoryFile(variable: "FILE", Secret("for nobody\n"))]
        command.input = .secret(Secret("also"))
        let result = try await runner.run(command)
        #expect(result.didItsWork, "\(result.errors.text)")
        #expect(
            result.output.text
                == "65534\n65534\nfor nobody\nalso\n/nonexistent nobody\n600 65534 65534\nUid:\t65534\t65534\t65534\t65534\n"
        )
        #expect(result.usage.bytesWritten != nil)
    }

    @Test func `of an input that is more than its secrets, these alone are blotted out`() async throws {
        var command = ToolCommand("true")
        command.input = .secret(Secret("user = \"me:a-password\"\nurl = \"https://host\"\n"))
        command.secretsInInput = [Secret("a-password")]
        _ = try await runner.run(command)
        #expect(runner.redactor.redact("me:a-password@https://host") == "me:‹redacted›@https://host")
    }

    @Test func `the runner's redactor knows every secret it delivered`() async throws {
        var command = ToolCommand("true")
        command.input = .secret(Secret("by-input"))
        command.secrets = [
            .environment(variable: "A", Secret("by-variable")), .memoryFileArgument("", Secret("by-file")),
        ]
        #expect(runner.redactor.redact("by-file") == "by-file")
        _ = try await runner.run(command)
        #expect(runner.redactor.redact("by-input by-variable by-file") == "‹redacted› ‹redacted› ‹redacted›")
    }
}
