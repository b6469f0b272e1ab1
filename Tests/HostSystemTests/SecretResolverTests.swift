import BackupModel
import Foundation
import HostSystem
import Synchronization
import TestSupport
import Testing

/// Answers every start with one result and remembers what it was asked for.
private final class StubRunner: ToolRunner {
    private let answer: @Sendable (ToolCommand) throws(ToolError) -> ToolResult
    private let started = Mutex<[ToolCommand]>([])

    init(_ answer: @escaping @Sendable (ToolCommand) throws(ToolError) -> ToolResult) { self.answer = answer }

    var commands: [ToolCommand] { started.withLock { $0 } }
    func locate(_ program: String) -> String? { program }
    func run(_ command: ToolCommand, reading reader: (any LineReader)?) async throws(ToolError) -> ToolResult {
        started.withLock { $0.append(command) }
        return try answer(command)
    }
    func pipeline(_ stages: [ToolCommand], refusingEmpty: Bool, reading reader: (any LineReader)?)
        async throws(ToolError) -> PipelineResult
    { PipelineResult(stages: [], committed: false) }
    func converse<Value: Sendable>(
        with command: ToolCommand, _ body: @Sendable (any Conversation) async throws -> Value
    ) async throws -> Value { throw ToolError.notFound(program: command.program, searched: []) }
}

@Suite struct `A secret` {
    let folder: ScratchFolder
    init() throws { folder = try ScratchFolder("secrets") }

    private func resolve(
        _ reference: SecretReference, environment: [String: String] = [:], process: [String: String] = [:],
        runner: (any ToolRunner)? = nil
    ) async throws(SecretError) -> String {
        let resolver = SecretResolver(runner: runner, processEnvironment: process)
        return String(
            decoding: try await resolver.resolve(reference, environment: environment).reveal(for: .comparison),
            as: UTF8.self)
    }

    private func failure(
        _ reference: SecretReference, environment: [String: String] = [:], process: [String: String] = [:],
        runner: (any ToolRunner)? = nil
    ) async throws -> SecretError {
        try await #require(throws: SecretError.self) {
            _ = try await resolve(reference, environment: environment, process: process, runner: runner)
        }
    }

    // MARK: env:

    @Test func `in a variable is the profile's before it is ours, and empty is unset`() async throws {
        let name = SecretReference.environment("P")
        #expect(try await resolve(name, environment: ["P": "a"], process: ["P": "b"]) == "a")
        #expect(try await resolve(name, environment: ["P": ""], process: ["P": "b"]) == "b")
        #expect(try await resolve(name, process: ["P": "b\n"]) == "b")
        #expect(try await failure(name) == .missing(name))
        #expect(try await failure(name, environment: ["P": ""]) == .empty(name))
    }

    // MARK: file:

    @Test(arguments: [
        ("pass word", "pass word"), ("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), (" a ", " a "), ("ä€", "ä€"),
    ])
    func `in a file loses one newline at its end and nothing else`(_ text: String, _ secret: String) async throws {
        #expect(try await resolve(.file(folder.write(text, to: "key"))) == secret)
    }

    @Test(arguments: ["", "\n", "\r\n"]) func `in a file is never empty`(_ text: String) async throws {
        let reference = SecretReference.file(try folder.write(text, to: "key"))
        #expect(try await failure(reference) == .empty(reference))
    }

    @Test(
        arguments: [
            ([0xff, 0xfe, 0x61, 0x00], "UTF-16"), ([0xfe, 0xff, 0x00, 0x61], "UTF-16"), ([0x61, 0x00, 0x62], "NUL"),
            ([0xef, 0xbb, 0xbf, 0x61], "byte order mark"),
            ([UInt8](repeating: 0x61, count: 65_537), "longer than 64.0 KiB"),
        ] as [([UInt8], String)])
    func `in a file is text of a sensible length`(_ bytes: [UInt8], _ complaint: String) async throws {
        let error = try await failure(.file(folder.write(Data(bytes), to: "key")))
        guard case .unreadable(_, let reason) = error else { throw Failure("\(error)") }
        #expect(reason.contains(complaint))
    }

    @Test(arguments: [0o600, 0o400, 0o640, 0o440]) func `in a file closed to others is taken`(_ mode: Int) async throws
    {
        #expect(try await resolve(.file(folder.write("a", to: "key", mode: mode))) == "a")
    }

    @Test(arguments: [0o644, 0o604, 0o602, 0o660, 0o666, 0o601]) func `in a file that is open to others is refused`(
        _ mode: Int
    ) async throws {
        let error = try await failure(.file(folder.write("a", to: "key", mode: mode)))
        guard case .exposed(_, let reason) = error else { throw Failure("\(error)") }
        #expect(reason.contains("0" + String(mode, radix: 8)))
    }

    @Test func `in a file may be reached by a link, and the file is what counts`() async throws {
        try folder.write("a", to: "store/key")
        symlink(folder["store/key"], folder["link"])
        #expect(try await resolve(.file(folder["link"])) == "a")
        chmod(folder["store/key"], 0o644)
        guard case .exposed = try await failure(.file(folder["link"])) else { throw Failure("not refused") }
    }

    @Test func `in a folder where everybody may swap it is refused`() async throws {
        let path = try folder.write("a", to: "open/key")
        chmod(folder["open"], 0o777)
        guard case .exposed = try await failure(.file(path)) else { throw Failure("not refused") }
        chmod(folder["open"], 0o1777)
        #expect(try await resolve(.file(path)) == "a")
    }

    @Test(.enabled(if: geteuid() == 0, "giving a file away needs root"))
    func `in a file of another user's is refused by name`() async throws {
        let path = try folder.write("a", to: "key")
        #expect(chown(path, 65_534, 65_534) == 0)
        guard case .exposed(_, let reason) = try await failure(.file(path)) else { throw Failure("not refused") }
        #expect(reason.contains("nobody"))
    }

    @Test(.timeLimit(.minutes(1))) func `is not waited for in a pipe, nor read from a folder`() async throws {
        mkfifo(folder["fifo"], 0o600)
        for path in [folder["fifo"], folder.path, "relative"] {
            guard case .unreadable = try await failure(.file(path)) else { throw Failure("not refused: \(path)") }
        }
        let reference = SecretReference.file(folder["nowhere"])
        #expect(try await failure(reference) == .missing(reference))
    }

    // MARK: credential:

    @Test func `of systemd lies in the folder that it names`() async throws {
        try folder.write("a\n", to: "credentials/restic", mode: 0o440)
        let process = ["CREDENTIALS_DIRECTORY": folder["credentials"]]
        #expect(try await resolve(.credential("restic"), process: process) == "a")
        #expect(try await failure(.credential("other"), process: process) == .missing(.credential("other")))
        for name in ["../credentials/restic", "..", "."] {
            guard case .unreadable = try await failure(.credential(name), process: process) else {
                throw Failure("not refused: \(name)")
            }
        }
        guard case .unreadable = try await failure(.credential("restic")) else { throw Failure("not refused") }
    }

    // MARK: command:

    private let reference = SecretReference.command(["pass", "show", "restic"])

    @Test func `of a program is what it wrote, within limits of time and size`() async throws {
        let runner = StubRunner {
            ToolResult(command: $0, termination: .exited(0), output: CapturedOutput(head: Array("a b\n".utf8)))
        }
        #expect(try await resolve(reference, environment: ["X": "1"], runner: runner) == "a b")
        let command = try #require(runner.commands.first)
        #expect(command.program == "pass" && command.arguments == ["show", "restic"])
        #expect(command.environment == ["X": "1"])
        #expect(command.limits.total == .seconds(30))
        #expect(command.input == .none)
    }

    @Test func `of a program that fails, hangs, is silent or never ends is an error that does not tell it`()
        async throws
    {
        let canary = "canary-7f3a9c"
        func result(_ change: @escaping @Sendable (inout ToolResult) -> Void) -> StubRunner {
            StubRunner { command in
                var result = ToolResult(
                    command: command, termination: .exited(0), output: CapturedOutput(head: Array(canary.utf8)))
                change(&result)
                return result
            }
        }
        let cases: [(StubRunner, String)] = [
            (
                result {
                    $0.termination = .exited(2)
                    $0.errors = CapturedOutput(head: Array("warming up\nstore is \u{1B}locked\n".utf8))
                }, "exit code 2: store is locked"
            ),
            (result { $0.termination = .signaled(9) }, "signal 9"),
            (
                result {
                    $0.termination = .signaled(15)
                    $0.stopped = .totalLimit
                }, "within 30 s"
            ),
            (result { $0.output = CapturedOutput() }, "wrote nothing"),
            (result { $0.output.totalBytes = 10_000_000 }, "9.5 MiB"),
            (
                StubRunner { (_) throws(ToolError) in throw .notFound(program: "pass", searched: ["/bin"]) },
                "pass was not found"
            ),
        ]
        for (runner, words) in cases {
            let error = try await failure(reference, runner: runner)
            guard case .providerFailed(reference, let how) = error else { throw Failure("\(error)") }
            #expect(how.contains(words))
            #expect(!error.description.contains(canary))
        }
        guard case .providerFailed = try await failure(reference) else { throw Failure("not refused") }
    }

    @Test func `of a program is empty when it only wrote a newline`() async throws {
        let runner = StubRunner { ToolResult(command: $0, termination: .exited(0), output: CapturedOutput(head: [10])) }
        #expect(try await failure(reference, runner: runner) == .empty(reference))
    }

    // MARK: generate

    @Test func `that is generated is long, different each time, closed to others and never overwrites`() async throws {
        let resolver = SecretResolver(runner: nil, processEnvironment: [:])
        var seen: Set<String> = []
        for name in ["keys/a", "keys/b"] {
            let secret = String(
                decoding: try resolver.generate(at: folder[name]).reveal(for: .comparison), as: UTF8.self)
            #expect(secret.utf8.count == 43 && secret.allSatisfy { $0.isLetter || $0.isNumber || "-_".contains($0) })
            #expect(try await resolve(.file(folder[name])) == secret)
            seen.insert(secret)
        }
        #expect(seen.count == 2)
        var facts = stat()
        #expect(lstat(folder["keys/a"], &facts) == 0 && facts.st_mode & 0o777 == 0o600)
        let before = try Data(contentsOf: URL(fileURLWithPath: folder["keys/a"]))
        #expect(throws: SecretError.self) { try resolver.generate(at: folder["keys/a"]) }
        #expect(try Data(contentsOf: URL(fileURLWithPath: folder["keys/a"])) == before)
        symlink(folder["victim"], folder["keys/link"])
        #expect(throws: SecretError.self) { try resolver.generate(at: folder["keys/link"]) }
        #expect(access(folder["victim"], F_OK) != 0)
    }

    @Test(.enabled(if: geteuid() == 0, "mounting needs root"))
    func `that does not fit on the disk leaves no half file`()
        throws
    {
        let mount = try TemporaryFileSystem(at: folder["small"], kibibytes: 16)
        defer { mount.unmount() }
        let handle = open(folder["small/ballast"], O_WRONLY | O_CREAT, 0o600)
        let block = [UInt8](repeating: 0, count: 4096)
        while write(handle, block, block.count) > 0 {}
        close(handle)
        #expect(throws: SecretError.self) {
            try SecretResolver(runner: nil, processEnvironment: [:]).generate(at: folder["small/key"])
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder["small"]) == ["ballast"])
    }
}
