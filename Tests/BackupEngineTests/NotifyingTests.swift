import BackupModel
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import BackupEngine

/// Telling of a run, and what becomes of its record.
struct NotifyingTests {
    private final class Listener: Notifier {
        let spec: NotifierSpec
        private let error: NotifierError?
        private let heard = Mutex<[NotificationMessage]>([])
        var messages: [NotificationMessage] { heard.withLock { $0 } }

        init(_ name: String, failing error: NotifierError? = nil) {
            var spec = NotificationRulesTests.notifier()
            spec.name = NotifierName(unchecked: name)
            self.spec = spec
            self.error = error
        }

        func preflight() async throws(NotifierError) -> String { "an ear" }

        func deliver(_ message: NotificationMessage) async throws(NotifierError) {
            heard.withLock { $0.append(message) }
            // As a program would be stopped.
            if Task.isCancelled { throw .cancelled(program: "listener") }
            if let error { throw error }
        }
    }

    private let store = MemoryRunStore()
    private let clock = TestClock()

    private func notifying(_ notifiers: [Listener]) -> Notifying {
        Notifying(notifiers, profile: ProfileName(unchecked: "app"), store: store, clock: clock, host: "host1") {
            $0.replacingOccurrences(of: "hunter2", with: "‹redacted›")
        }
    }

    private func recorded(_ run: RunRecord) throws -> RunRecord {
        try store.begin(run)
        return run
    }

    @Test func `who was told is noted, and is not told of the next failure`() async throws {
        let listener = Listener("pager")
        let first = try recorded(NotificationRulesTests.run(1, .failed))
        #expect(await notifying([listener]).tell(of: first, isAttended: false).failures.isEmpty)
        let told = try store.run(first.id)?.notified
        #expect(told?.map(\.event) == [.failed] && told?.map(\.at) == [clock.now])
        let second = try recorded(NotificationRulesTests.run(2, .failed))
        #expect(await notifying([listener]).tell(of: second, isAttended: false).delivered.isEmpty)
        #expect(listener.messages.map(\.run) == [first.id])
    }

    @Test func `a notifier that fails leaves a notice and keeps nobody else from being told`() async throws {
        let bad = Listener("bad", failing: .refused(program: "tell", how: "exit code 3", detail: "token hunter2"))
        let good = Listener("good")
        var run = NotificationRulesTests.run(1, .failed)
        run.notices = ["one"]
        run = try recorded(run)
        let report = await notifying([bad, good]).tell(of: run, isAttended: false)
        let kept = try #require(try store.run(run.id))
        #expect(
            kept.notices == [
                "one", "notifier bad could not tell of it: tell failed (exit code 3): token ‹redacted›",
            ])
        #expect(report.failures.map(\.description) == [kept.notices[1]])
        #expect(report.failures.first?.hint != nil)
        #expect(kept.notified?.map(\.notifier.rawValue) == ["good"])
        #expect(kept.outcome == .failed && kept.failures == run.failures)
    }

    @Test func `a message says what failed, with hints and without secrets`() async throws {
        let listener = Listener("pager")
        var run = NotificationRulesTests.run(1, .failed)
        run.failures = (1...7).map { Failure("cause \($0)\u{1b}[2J: hunter2\nfake", hint: "mend hunter2") }
        _ = await notifying([listener]).tell(of: try recorded(run), isAttended: false)
        let message = try #require(listener.messages.first)
        #expect(message.failures.count == 5 && message.furtherFailures == 2)
        #expect(message.failures[0].description == "cause 1 [2J: ‹redacted› fake")
        #expect(message.failures[0].hint == "mend ‹redacted›")
        #expect(message.next == "holdfast show -p app \(run.id)")
        #expect(message.failingSince == run.started)
        #expect(message.subject == "backup of app on host1 failed")
    }

    @Test func `a part that could not be read in full is a cause`() async throws {
        let listener = Listener("pager")
        var run = NotificationRulesTests.run(1, .partial)
        run.parts = [
            ManifestPart(
                source: SourceName(unchecked: "files"), sourceKind: "files", part: PartPath(rawValue: "/"),
                snapshot: SnapshotID(rawValue: "aa"), capturedAt: run.started, condition: .partial, bytes: 1, files: 1,
                facts: Facts(), unreadable: ["/srv/x: permission denied"], unreadableCount: 3, restoreNotes: [:])
        ]
        _ = await notifying([listener]).tell(of: try recorded(run), isAttended: false)
        #expect(
            listener.messages.first?.failures.map(\.description) == [
                "files: 3 items could not be read, such as /srv/x: permission denied"
            ])
    }

    @Test func `with an unreadable history everybody is told rather than nobody`() async throws {
        let listener = Listener("pager")
        store.fail(with: .unusable(path: "/state", reason: "broken"))
        let report = await notifying([listener]).tell(
            of: NotificationRulesTests.run(1, .failed), isAttended: false)
        #expect(listener.messages.count == 1)
        #expect(report.failures.count == 3)
    }

    @Test func `a run that was cancelled is told of all the same`() async throws {
        let listener = Listener("pager")
        let run = try recorded(NotificationRulesTests.run(1, .interrupted))
        let notifying = notifying([listener])
        let task = Task { () -> Notifying.Report in
            while !Task.isCancelled { await Task.yield() }
            return await notifying.tell(of: run, isAttended: false)
        }
        task.cancel()
        #expect(await task.value.delivered.count == 1)
        #expect(listener.messages.first?.subject == "backup of app on host1 was interrupted")
    }
}
