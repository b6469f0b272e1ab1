import BackupModel
import Foundation
import TestSupport
import Testing

@testable import BackupEngine

/// What cannot be told now.
struct OutboxNotifyingTests {
    private let scene = TellingScene()

    @Test func `what could not be delivered is kept, tried again, and noted in its run when it arrives`() async throws {
        let pager = TestListener()
        pager.fail(with: TellingScene.down)
        let report = try await scene.run(.failed, pager)
        #expect(
            report.failures.map(\.description) == [
                "notifier pager could not tell of it: pager cannot be reached: no route: ‹redacted›"
            ])
        #expect(try scene.waiting().map(\.message.event) == [.failed])
        #expect(try scene.standing(pager).failingSince == scene.clock.now)

        pager.fail(with: nil)
        #expect(await scene.notifying(pager).retryPending().delivered.isEmpty, "the next attempt is a minute later")
        scene.clock.advance(by: .seconds(61))
        #expect(await scene.notifying(pager).retryPending().delivered.map(\.event) == [.failed])
        #expect(try scene.waiting().isEmpty && pager.events == [.failed])
        let run = try #require(scene.store.runs(RunQuery()).first)
        #expect(run.notified?.map(\.event) == [.failed] && run.outcome == .failed)
        let standing = try scene.standing(pager)
        #expect(standing.failingSince == nil && standing.failure == nil && standing.lastDelivered == scene.clock.now)
        // And the failure that follows is no news.
        try await scene.run(.failed, pager)
        #expect(pager.events == [.failed])
    }

    @Test func `attempts come further and further apart, and never so far that a morning passes`() async throws {
        let pager = TestListener()
        pager.fail(with: TellingScene.down)
        try await scene.run(.failed, pager)
        var pauses: [Double] = []
        for _ in 0..<8 {
            let pause = try #require(scene.waiting().first).nextAttempt.timeIntervalSince(scene.clock.now)
            pauses.append(pause)
            scene.clock.advance(by: .seconds(pause))
            #expect(await scene.notifying(pager).retryPending().failures.count == 1)
        }
        #expect(pauses == [60, 120, 240, 480, 960, 1800, 1800, 1800])
    }

    @Test func `a server that names a time is not asked before`() async throws {
        let pager = TestListener()
        let later = scene.clock.now + 7200
        pager.fail(with: .answered(service: "x", status: 429, detail: "", hint: nil, retryAt: later))
        try await scene.run(.failed, pager)
        #expect(try scene.waiting().first?.nextAttempt == later)
    }

    @Test func `the next run tells what is so now, in place of what waits`() async throws {
        let pager = TestListener()
        pager.fail(with: TellingScene.down)
        try await scene.run(.failed, pager)
        try await scene.run(.failed, pager)
        #expect(try scene.waiting().count == 1)
        pager.fail(with: nil)
        try await scene.run(.succeeded, pager)
        #expect(try pager.events == [.recovered] && (scene.waiting().isEmpty))
        #expect(try pager.heard.first?.failingSince == (scene.store.runs(RunQuery()).last?.started))
    }

    @Test func `an old message for one waits no longer than another's news`() async throws {
        let (pager, mail) = (TestListener("pager"), TestListener("mail"))
        pager.fail(with: TellingScene.down)
        try await scene.run(.failed, pager, mail, operation: .verify)
        pager.fail(with: nil)
        scene.clock.advance(by: .seconds(3600))
        try await scene.run(.succeeded, pager, mail)
        #expect(pager.events == [.failed] && mail.events == [.failed])
    }

    @Test func `what is too old is dropped, and counted until something arrives`() async throws {
        let pager = TestListener(patience: .seconds(3600))
        pager.fail(with: TellingScene.down)
        try await scene.run(.failed, pager)
        scene.clock.advance(by: .seconds(3601))
        pager.fail(with: nil)
        _ = await scene.notifying(pager).retryPending()
        #expect(try pager.heard.isEmpty && (scene.waiting().isEmpty))
        #expect(try scene.standing(pager).dropped == 1 && scene.standing(pager).failingSince != nil)
        // It was not told, so the next failure is.
        try await scene.run(.failed, pager)
        #expect(try pager.events == [.failed] && (scene.standing(pager).dropped == 0))
    }

    @Test func `what waits for a notifier that the profile no longer has is dropped`() async throws {
        let pager = TestListener()
        pager.fail(with: TellingScene.down)
        try await scene.run(.failed, pager)
        _ = await scene.notifying(TestListener("other")).retryPending()
        #expect(try scene.waiting().isEmpty)
    }

    @Test func `two that look at the same time deliver once`() async throws {
        let pager = TestListener()
        pager.fail(with: TellingScene.down)
        try await scene.run(.failed, pager)
        pager.fail(with: nil)
        scene.clock.advance(by: .seconds(61))
        let notifying = scene.notifying(pager)
        async let one = notifying.retryPending()
        async let two = notifying.retryPending()
        #expect(await one.delivered.count + two.delivered.count == 1)
        #expect(pager.events == [.failed])
    }

    @Test func `an outbox that cannot be written changes nothing but a warning`() async throws {
        let pager = TestListener()
        pager.fail(with: TellingScene.down)
        let run = NotificationRulesTests.run(1, .failed)
        scene.store.fail(with: .full(path: "/state", reason: "no room"))
        let report = await scene.notifying(pager).tell(of: run, isAttended: false)
        #expect(report.failures.contains { $0.description.contains("what is still to be told is not known") })
        #expect(pager.attempts == 1)
    }

    // MARK: Quiet hours

    private func quiet(_ events: Set<NotificationEvent>? = nil, urgent: Set<NotificationEvent>? = nil) -> TestListener {
        TestListener("pager", events) { spec in
            spec.quietHours = QuietHours("22:00-07:00")
            spec.urgent = urgent
        }
    }

    @Test func `a failure at night is told in the morning, and not as one of ours to mend`() async throws {
        let pager = quiet()
        let report = try await scene.run(.failed, pager)
        #expect(report.failures.isEmpty && report.held == [pager.spec.name] && pager.attempts == 0)
        #expect(try scene.standing(pager).failingSince == nil)
        scene.clock.advance(by: .seconds(4 * 3600))
        _ = await scene.notifying(pager).retryPending()
        #expect(pager.attempts == 0)
        scene.clock.advance(by: .seconds(1800))
        #expect(await scene.notifying(pager).retryPending().delivered.map(\.event) == [.failed])
    }

    @Test func `what fails and works again within one night is told once`() async throws {
        let pager = quiet()
        try await scene.run(.failed, pager)
        try await scene.run(.succeeded, pager)
        scene.clock.advance(by: .seconds(5 * 3600))
        _ = await scene.notifying(pager).retryPending()
        #expect(pager.events == [.recovered] && pager.heard[0].failingSince != nil)
    }

    @Test func `damage, failed restores and anomalies are told at night`() async throws {
        let pager = quiet()
        try await scene.run(.failed, pager, failures: [Failure("broken", kind: .damaged)], operation: .verify)
        try await scene.run(.failed, pager, operation: .restore)
        try await scene.run(.succeeded, pager) {
            $0.anomalies = [
                Anomaly(
                    source: SourceName(unchecked: "documents"), part: PartPath(rawValue: "/"), kind: .size,
                    detail: "12 files, far from the usual 400")
            ]
        }
        #expect(pager.events == [.failed, .failed, .anomaly])
    }

    @Test func `what is urgent is the operator's to say`() async throws {
        let pager = quiet(urgent: [.failed])
        try await scene.run(.failed, pager)
        #expect(pager.events == [.failed])
    }

    @Test func `who counts runs hears of them at any hour`() async throws {
        let counter = TestListener("counter", nil, everyRun: true) { $0.quietHours = QuietHours("22:00-07:00") }
        try await scene.run(.succeeded, counter)
        #expect(counter.events == [.succeeded])
    }
}
