import Foundation
import TestSupport

/// A terminal that the program runs on, through tmux.
struct Terminal {
    private let socket = "holdfast-" + UUID().uuidString
    private let world: World

    /// - Parameter words: the program's arguments, none of which a shell would change.
    init(_ world: World, _ words: [String]) async throws {
        self.world = world
        _ = try await tmux(
            "new-session", "-d", "-x", "160", "-y", "60",
            "'\(world.program.path)' \(words.joined(separator: " ")); sleep 60")
    }

    private func tmux(_ words: String...) async throws -> String {
        let running = try world.program.startTool(["tmux", "-L", socket, "-f", "/dev/null"] + words)
        return await running.result().output
    }

    func screen() async throws -> String { try await tmux("capture-pane", "-p", "-J") }

    /// - Returns: `nil` when the text came to be seen within a minute; else what is seen.
    func lacks(_ text: String) async throws -> String? {
        for _ in 0..<300 {
            if try await screen().contains(text) { return nil }
            try await Task.sleep(for: .milliseconds(200))
        }
        return try await screen()
    }

    func type(_ text: String) async throws {
        if !text.isEmpty { _ = try await tmux("send-keys", "-l", text) }
        _ = try await tmux("send-keys", "Enter")
    }

    func end() async { _ = try? await tmux("kill-server") }
}
