import BackupModel
import Foundation
import TestSupport
import Testing
import Tools

/// How a program is found and what stands in the way of starting it (A7, A8).
struct StartTests {
    private let runner: SupervisedRunner
    private let folder: ScratchFolder

    init() throws {
        folder = try ScratchFolder("start")
        runner = try SupervisedRunner(path: "\(folder.path):relative::/usr/bin:/bin")
    }

    private func failure(_ command: ToolCommand) async -> ToolError? {
        do throws(ToolError) {
            _ = try await runner.run(command)
            return nil
        } catch {
            return error
        }
    }

    @Test func `programs are searched in order, and only where they can be executed`() throws {
        #expect(runner.locate("sh") == "/usr/bin/sh")
        try folder.write("#!/bin/sh\n", to: "mine", mode: 0o644)
        #expect(runner.locate("mine") == nil)
        try folder.write("#!/bin/sh\n", to: "mine", mode: 0o755)
        #expect(runner.locate("mine") == folder["mine"])
        #expect(runner.locate(folder["mine"]) == folder["mine"])
        #expect(runner.locate("/usr/bin") == nil && runner.locate("") == nil && runner.locate("/no/such") == nil)
    }

    @Test(.enabled(if: FileManager.default.fileExists(atPath: "/usr/lib/postgresql")))
    func `Postgres tools outside PATH are found`() throws {
        let path = try #require(runner.locate("initdb"))
        #expect(path.hasPrefix("/usr/lib/postgresql/") && path.hasSuffix("/bin/initdb"))
    }

    @Test func `a missing program is named with where it was looked for`() async {
        let expected = ToolError.notFound(program: "restic-not", searched: [folder.path, "/usr/bin", "/bin"])
        #expect(await failure(ToolCommand("restic-not")) == expected)
        #expect(await failure(ToolCommand("/no/such/tool")) != nil)
    }

    @Test func `what is no program, has no interpreter or too many arguments could not be started`() async throws {
        let cases: [(ToolCommand, Int32)] = [
            (ToolCommand(try folder.write("not a program\n", to: "text", mode: 0o755)), ENOEXEC),
            (ToolCommand(try folder.write("#!/no/such/interpreter\n", to: "script", mode: 0o755)), ENOENT),
            (ToolCommand("true", [String(repeating: "x", count: 3 << 20)]), E2BIG),
        ]
        for (command, code) in cases {
            guard case .couldNotStart(_, "exec", code, _) = await failure(command) else {
                Issue.record("\(command.program.suffix(20)) gave another answer than \(code)")
                continue
            }
        }
    }

    @Test func `a NUL in an argument is refused instead of cutting it`() async {
        guard case .couldNotStart(_, "request", EINVAL, _) = await failure(ToolCommand("echo", ["a\0b"])) else {
            Issue.record("it was let through")
            return
        }
    }

    @Test func `a working directory that is not there is told apart from a missing program`() async {
        var command = ToolCommand("true")
        command.workingDirectory = folder["none"]
        guard case .couldNotStart("true", "working directory", ENOENT, _) = await failure(command) else {
            Issue.record("it started")
            return
        }
    }

    @Test func `a program that is open for writing is busy`() async throws {
        let path = folder["busy"]
        try FileManager.default.copyItem(atPath: "/bin/true", toPath: path)
        let descriptor = open(path, O_WRONLY | O_CLOEXEC)
        guard case .couldNotStart(_, "exec", ETXTBSY, _) = await failure(ToolCommand(path)) else {
            Issue.record("it started")
            return
        }
        close(descriptor)
        // A child of another test may hold a copy of our descriptor for a moment, until it has become its program.
        var remaining = await failure(ToolCommand(path))
        for _ in 0..<500 where remaining != nil {
            try await Task.sleep(for: .milliseconds(20))
            remaining = await failure(ToolCommand(path))
        }
        #expect(remaining == nil)
    }

    @Test func `running out of descriptors fails cleanly, and passes`() async {
        await #expect(processExitsWith: .success) {
            let runner = try SupervisedRunner()
            #expect(try await runner.run(ToolCommand("true")).didItsWork)
            let before = openDescriptors()
            var limit = rlimit(rlim_cur: rlim_t(before + 3), rlim_max: rlim_t(before + 200))
            setrlimit(__rlimit_resource_t(7), &limit)
            for stages in [[ToolCommand("true")], [ToolCommand("true"), ToolCommand("cat")]] {
                await #expect {
                    if stages.count == 1 {
                        _ = try await runner.run(stages[0])
                    } else {
                        _ = try await runner.pipeline(stages, refusingEmpty: false, reading: nil)
                    }
                } throws: { error in
                    guard case .exhausted(_, EMFILE, _)? = error as? ToolError else { return false }
                    return true
                }
            }
            limit.rlim_cur = limit.rlim_max
            setrlimit(__rlimit_resource_t(7), &limit)
            // The supervisor's thread closes its own a moment after the answer.
            for _ in 0..<1500 where openDescriptors() != before { try await Task.sleep(for: .milliseconds(20)) }
            #expect(openDescriptors() == before)
            #expect(try await runner.run(ToolCommand("true")).didItsWork)
        }
    }

    @Test func `no descriptor is left over from a thousand runs, failed starts included`() async {
        await #expect(processExitsWith: .success) {
            let runner = try SupervisedRunner()
            _ = try await runner.run(ToolCommand("true"))
            let before = openDescriptors()
            for number in 0..<800 {
                var command = ToolCommand(number % 4 == 0 ? "/etc/passwd" : "true")
                command.secrets = [.memoryFile(variable: "FILE", Secret("secret"))]
                command.input = .bytes([1, 2, 3])
                if number % 4 == 0 { command.workingDirectory = "/no/such" }
                do { _ = try await runner.run(command) } catch { #expect(number % 4 == 0) }
            }
            for _ in 0..<200 {
                let result = try await runner.pipeline(
                    [ToolCommand("echo"), ToolCommand("cat")], refusingEmpty: true, reading: nil)
                #expect(result.committed)
            }
            #expect(openDescriptors() == before)
        }
    }

    @Test func `we may have been started with SIGCHLD and SIGPIPE ignored`() async {
        await #expect(processExitsWith: .success) {
            signal(SIGCHLD, SIG_IGN)
            signal(SIGPIPE, SIG_IGN)
            let runner = try SupervisedRunner()
            let result = try await runner.run(ToolCommand("sh", ["-c", "kill -PIPE $$"]))
            #expect(result.termination == .signaled(SIGPIPE))
        }
    }
}

func openDescriptors() -> Int {
    (0..<1024).count { fcntl($0, F_GETFD) >= 0 }
}
