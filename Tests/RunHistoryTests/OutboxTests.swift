import BackupModel
import Foundation
import TestSupport
import Testing

/// What waits to be told, in memory and for real.
@Suite struct `An outbox` {
    let folder: ScratchFolder
    init() throws { folder = try ScratchFolder("outbox") }

    private static let date = Date(timeIntervalSince1970: 1_795_228_200)
    private static let pager = NotifierName(unchecked: "pager")
    private static let app = ProfileName(unchecked: "app")

    private func message(
        _ event: NotificationEvent = .failed, at date: Date = Self.date, of profile: ProfileName = Self.app,
        _ operation: RunRecord.Operation = .backup, by notifier: NotifierName = Self.pager
    ) -> WaitingMessage {
        WaitingMessage(
            notifier: notifier,
            message: NotificationMessage(
                profile: profile, host: "h", run: RunID(startedAt: date, entropy: 1), operation: operation,
                event: event,
                outcome: .failed, at: date, failures: [Failure("why", hint: "do", kind: .damaged)]),
            since: date, nextAttempt: date + 60, expires: date + 86_400, attempts: 2, failure: Failure("no route"))
    }

    @Test(arguments: Implementation.allCases) func `gives back what it was given`(_ kind: Implementation) throws {
        let store = try kind.store(folder)
        #expect(try store.waiting(profile: Self.app).isEmpty)
        try store.keep(message())
        try store.keep(message(of: ProfileName(unchecked: "other")))
        try store.keep(message(at: Self.date - 5, .verify))
        #expect(try store.waiting(profile: Self.app) == [message(at: Self.date - 5, .verify), message()])
    }

    @Test(arguments: Implementation.allCases) func `has one message for each notifier and topic`(_ kind: Implementation)
        throws
    {
        let store = try kind.store(folder)
        for second in 0..<50 { try store.keep(message(at: Self.date + Double(second))) }
        try store.keep(message(.recovered, at: Self.date + 100))
        try store.keep(message(by: NotifierName(unchecked: "mail")))
        #expect(try store.waiting(profile: Self.app).map(\.message.event) == [.failed, .recovered])
    }

    @Test(arguments: Implementation.allCases) func `drops a message, but not the one that took its place`(
        _ kind: Implementation
    ) throws {
        let store = try kind.store(folder)
        try store.keep(message(at: Self.date + 10))
        try store.drop(message())
        #expect(try store.waiting(profile: Self.app).count == 1)
        try store.drop(message(at: Self.date + 10))
        #expect(try store.waiting(profile: Self.app).isEmpty)
    }

    @Test(arguments: Implementation.allCases) func `lets one alone make an attempt, and again when that one died`(
        _ kind: Implementation
    ) throws {
        let store = try kind.store(folder)
        let waiting = message()
        try store.keep(waiting)
        let now = waiting.nextAttempt
        #expect(try store.claim(waiting, at: now, until: now + 300))
        #expect(try !store.claim(waiting, at: now, until: now + 300))
        #expect(try store.waiting(profile: Self.app).first?.nextAttempt == now + 300)
        #expect(try store.claim(waiting, at: now + 301, until: now + 600))
        try store.drop(waiting)
        #expect(try !store.claim(waiting, at: now + 1000, until: now + 1300))
    }

    @Test(arguments: Implementation.allCases) func `remembers how a notifier stands`(_ kind: Implementation) throws {
        let store = try kind.store(folder)
        #expect(try store.standing(of: Self.pager, profile: Self.app) == NotifierStanding())
        try store.changeStanding(of: Self.pager, profile: Self.app) { $0.overdue = ["backup"] }
        try store.changeStanding(of: Self.pager, profile: Self.app) { $0.failure = Failure("x", kind: .tryLater) }
        var wanted = NotifierStanding()
        wanted.overdue = ["backup"]
        wanted.failure = Failure("x", kind: .tryLater)
        #expect(try store.standing(of: Self.pager, profile: Self.app) == wanted)
        #expect(try store.standing(of: Self.pager, profile: ProfileName(unchecked: "b")) == NotifierStanding())
    }
}
