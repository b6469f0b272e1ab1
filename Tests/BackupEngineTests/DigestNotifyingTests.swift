import BackupModel
import Foundation
import TestSupport
import Testing

@testable import BackupEngine

/// One message for a day or a week.
struct DigestNotifyingTests {
    private let scene = TellingScene()

    private func reader(_ rule: String = "daily 08:00", all: Bool = false) -> TestListener {
        TestListener("reader") { spec in
            spec.digest = DigestRule(rule)
            spec.digestsAllProfiles = all
        }
    }

    @Test func `one message sums up a day, and single ones are not told`() async throws {
        let reader = reader()
        try await scene.run(.succeeded, reader)
        try await scene.run(.failed, reader, failures: [Failure("no room for hunter2")])
        try await scene.run(.succeeded, reader, operation: .verify)
        #expect(reader.attempts == 0)
        scene.clock.advance(by: .seconds(6 * 3600))
        _ = await scene.notifying(reader).retryPending()
        _ = await scene.notifying(reader).retryPending()
        let digest = try #require(reader.heard.first)
        #expect(reader.events == [.digest] && digest.subject == "app on host1: digest")
        #expect(digest.next == "holdfast history")
        // The first run began the count, before it was over.
        #expect(digest.lines[0].contains("to 2026-11-21 08:00 UTC"))
        #expect(
            digest.lines.contains("app backup: 1 failed") || digest.lines.contains("app backup: 1 failed, 1 succeeded"))
        #expect(digest.lines.contains("app verify: 1 succeeded"))
        #expect(digest.lines.contains { $0.contains("last failed") && $0.contains("no room for ‹redacted›") })
    }

    @Test func `a day on which nothing ran is told of`() async throws {
        let reader = reader()
        _ = await scene.notifying(reader).retryPending()
        scene.clock.advance(by: .seconds(86_400))
        _ = await scene.notifying(reader).retryPending()
        #expect(reader.heard.first?.lines.first?.hasPrefix("nothing ran from") == true)
    }

    @Test func `a digest that cannot be delivered is kept like any message`() async throws {
        let reader = reader()
        _ = await scene.notifying(reader).retryPending()
        scene.clock.advance(by: .seconds(86_400))
        reader.fail(with: TellingScene.down)
        _ = await scene.notifying(reader).retryPending()
        #expect(try reader.attempts == 1 && (scene.waiting().count == 1))
        reader.fail(with: nil)
        scene.clock.advance(by: .seconds(61))
        _ = await scene.notifying(reader).retryPending()
        #expect(reader.events == [.digest])
    }

    @Test func `of all profiles where that is asked for`() async throws {
        let (own, all) = (TestListener("own") { $0.digest = DigestRule("daily") }, reader(all: true))
        _ = await scene.notifying(own, all).retryPending()
        scene.clock.advance(by: .seconds(3600))
        try await scene.run(.succeeded, own, all) { $0.profile = ProfileName(unchecked: "other") }
        scene.clock.advance(by: .seconds(86_400))
        _ = await scene.notifying(own, all).retryPending()
        #expect(own.heard.first?.lines.first?.hasPrefix("nothing ran") == true)
        #expect(all.heard.first?.lines.contains("other backup: 1 succeeded") == true)
    }
}
