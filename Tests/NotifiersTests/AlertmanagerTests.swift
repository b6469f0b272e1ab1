import BackupModel
import Foundation
import TestSupport
import Testing
import Tools

@testable import Notifiers

/// Alertmanager itself.
@Suite(.enabled(if: Alertmanager.program != nil)) struct AlertmanagerTests {
    @Test func `an alert begins, changes its severity, and ends when all is well`() async throws {
        let server = try Alertmanager()
        let clock = TestClock(at: Date(), movesBySleeping: true)
        let notifier = try Scene.notifier(
            [
                (
                    "alertmanager",
                    [("url", server.address), ("labels", [("team", "ops")] as [(String, Any)])] as [(String, Any)]
                )
            ],
            clock: clock)
        func severities() async throws -> [String] {
            // It takes in what it was sent a moment later.
            try await Task.sleep(for: .milliseconds(300))
            return try server.active().map { "\($0["alertname"] ?? "") \($0["severity"] ?? "") \($0["team"] ?? "")" }
                .sorted()
        }
        try await notifier.deliver(Scene.message(.failed))
        #expect(try await severities() == ["HoldfastBackup critical ops"])
        try await notifier.deliver(Scene.message(.partial))
        #expect(try await severities() == ["HoldfastBackup warning ops"])
        try await notifier.deliver(Scene.overdue(["backup"]))
        #expect(try await severities() == ["HoldfastBackup warning ops", "HoldfastOverdue critical ops"])
        try await notifier.deliver(Scene.message(.recovered))
        #expect(try await severities() == ["HoldfastOverdue critical ops"])
    }
}
