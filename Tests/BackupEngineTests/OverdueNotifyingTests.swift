import BackupModel
import Foundation
import TestSupport
import Testing

@testable import BackupEngine

/// What no run tells of.
struct OverdueNotifyingTests {
    private let scene = TellingScene()

    private func item(_ what: String = "backup") -> OverdueItem {
        OverdueItem(
            what: what, lastSuccess: scene.clock.now - 100_000, objective: .seconds(93_600),
            since: scene.clock.now - 6400,
            hint: "holdfast why -p app hunter2")
    }

    private func tell(_ listener: TestListener, _ items: OverdueItem...) async -> Notifying.Report {
        await scene.notifying(listener).tell(overdue: items)
    }

    @Test func `it is told when it begins, when more joins it, and when nothing is overdue any more`() async throws {
        let pager = TestListener()
        _ = await tell(pager)
        #expect(pager.heard.isEmpty)
        _ = await tell(pager, item())
        _ = await tell(pager, item())
        #expect(pager.events == [.overdue])
        let first = try #require(pager.heard.first)
        #expect(first.subject == "app on host1: backup is overdue" && first.run == nil && !first.isReminder)
        #expect(first.overdue.first?.hint == "holdfast why -p app ‹redacted›")
        #expect(first.next == "holdfast status -p app" && first.failingSince == first.overdue.first?.since)
        _ = await tell(pager, item(), item("offsite nas"))
        #expect(pager.heard.last?.subject == "app on host1: backup and 1 more are overdue")
        _ = await tell(pager, item("offsite nas"))
        #expect(pager.events == [.overdue, .overdue])
        _ = await tell(pager)
        _ = await tell(pager)
        #expect(pager.events == [.overdue, .overdue, .recovered])
        #expect(pager.heard.last?.subject == "app on host1: nothing is overdue any more")
    }

    @Test func `what comes back after it was in time is told anew`() async {
        let pager = TestListener()
        _ = await tell(pager, item(), item("verify"))
        _ = await tell(pager, item("verify"))
        _ = await tell(pager, item(), item("verify"))
        #expect(pager.events == [.overdue, .overdue])
    }

    @Test func `it is told again each day, or as often as was asked, or never`() async {
        let (daily, rarely) = (TestListener("daily"), TestListener("rarely") { $0.remind = .seconds(3 * 86_400) })
        let never = TestListener("never") { $0.remind = nil }
        for _ in 0..<4 {
            _ = await scene.notifying(daily, rarely, never).tell(overdue: [item()])
            scene.clock.advance(by: .seconds(86_400))
        }
        #expect(daily.heard.map(\.isReminder) == [false, true, true, true])
        #expect(daily.heard.last?.subject == "app on host1: backup is still overdue")
        #expect(rarely.events.count == 2 && never.events.count == 1)
    }

    @Test func `what could not be delivered is not told twice, and not asked for at every look`() async throws {
        let pager = TestListener()
        pager.fail(with: TellingScene.down)
        for _ in 0..<5 { _ = await tell(pager, item()) }
        #expect(try pager.attempts == 1 && (scene.waiting().count == 1))
        scene.clock.advance(by: .seconds(61))
        pager.fail(with: nil)
        _ = await tell(pager, item())
        _ = await tell(pager, item())
        #expect(try pager.events == [.overdue] && (scene.waiting().isEmpty))
    }

    @Test func `what waited for the morning and is over by then is not told`() async throws {
        let pager = TestListener { $0.quietHours = QuietHours("22:00-07:00") }
        _ = await tell(pager, item())
        #expect(try scene.waiting().count == 1 && pager.attempts == 0)
        _ = await tell(pager)
        scene.clock.advance(by: .seconds(6 * 3600))
        _ = await scene.notifying(pager).retryPending()
        #expect(try pager.heard.isEmpty && (scene.waiting().isEmpty))
    }

    @Test func `what waited for the morning is noted as told when it arrives then`() async throws {
        let pager = TestListener { $0.quietHours = QuietHours("22:00-07:00") }
        _ = await tell(pager, item())
        scene.clock.advance(by: .seconds(5 * 3600))
        _ = await scene.notifying(pager).retryPending()
        _ = await tell(pager, item())
        #expect(pager.events == [.overdue])
    }

    @Test func `who did not ask for it is told nothing`() async {
        let pager = TestListener("pager", [.failed, .recovered])
        _ = await tell(pager, item())
        _ = await tell(pager)
        #expect(pager.attempts == 0)
    }

    @Test func `who asked for overdue alone is told again the next time`() async {
        let pager = TestListener("pager", [.overdue])
        _ = await tell(pager, item())
        _ = await tell(pager)
        _ = await tell(pager, item())
        #expect(pager.events == [.overdue, .overdue])
    }
}
