import Foundation
import TestSupport
import Testing

/// A shell on a terminal of its own, in tmux.
final class Terminal: Sendable {
    private let program: HoldfastProgram
    private let socket: String

    init(_ program: HoldfastProgram) throws {
        self.program = program
        socket = program.folder["tmux.sock"]
    }

    /// Also where the test has failed: nothing of it stays at work.
    deinit {
        let ending = Process()
        ending.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        ending.arguments = ["tmux", "-S", socket, "kill-server"]
        (ending.standardOutput, ending.standardError) = (FileHandle.nullDevice, FileHandle.nullDevice)
        // Without tmux there is nothing to end.
        if (try? ending.run()) != nil { ending.waitUntilExit() }
    }

    private func tmux(_ words: String...) async throws -> HoldfastProgram.Result {
        var other = program
        other.path = "/usr/bin/env"
        return try await other.run(["tmux", "-S", socket, "-f", "/dev/null"] + words)
    }

    func start() async throws {
        let begun = try await tmux("new-session", "-d", "-x", "200", "-y", "60", "bash --norc --noprofile")
        #expect(begun.code == 0, "\(begun)")
    }

    func type(_ line: String) async throws {
        if !line.isEmpty { _ = try await tmux("send-keys", "-l", line) }
        _ = try await tmux("send-keys", "Enter")
    }

    func press(_ key: String) async throws { _ = try await tmux("send-keys", key) }

    func screen() async throws -> String { try await tmux("capture-pane", "-p", "-J").output }

    func shows(_ text: String) async throws -> Bool {
        for _ in 0..<600 {
            // What was typed shows the text as well, within a longer line.
            if try await screen().contains(text) { return true }
            try await Task.sleep(for: .milliseconds(100))
        }
        return false
    }

    func wait(until isSo: () -> Bool) async throws -> Bool {
        for _ in 0..<400 {
            if isSo() { return true }
            try await Task.sleep(for: .milliseconds(50))
        }
        return false
    }
}
