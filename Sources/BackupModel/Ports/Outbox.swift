package import Foundation

/// Messages that are still to be delivered, and how each notifier stands. One message for each notifier and topic: a newer one
/// takes the place of an older one, so it never grows beyond what a profile has of both.
package protocol Outbox: Sendable {
    /// Those of one profile, the oldest first.
    func waiting(profile: ProfileName) throws(StoreError) -> [WaitingMessage]
    /// Adds it, or takes the place of the one of the same notifier and topic.
    func keep(_ message: WaitingMessage) throws(StoreError)
    /// Takes it away; one that took its place meanwhile stays.
    func drop(_ message: WaitingMessage) throws(StoreError)
    /// Puts the next attempt off, so that nobody else makes it now.
    /// - Returns: false when somebody else has done so, or it is gone.
    func claim(_ message: WaitingMessage, at now: Date, until date: Date) throws(StoreError) -> Bool

    /// How a notifier stands; nothing but defaults for one that was never used.
    func standing(of notifier: NotifierName, profile: ProfileName) throws(StoreError) -> NotifierStanding
    /// Changes that in one step.
    func changeStanding(
        of notifier: NotifierName, profile: ProfileName, _ change: (inout NotifierStanding) -> Void
    ) throws(StoreError)
}

/// A message that could not be delivered, or that waits for quiet hours to end.
package struct WaitingMessage: Codable, Sendable, Equatable {
    package var notifier: NotifierName
    package var message: NotificationMessage
    /// When it was first to be delivered.
    package var since: Date
    package var nextAttempt: Date
    /// After that nobody wants to hear it any more.
    package var expires: Date
    /// How often it was tried.
    package var attempts: Int
    /// What was against it at the last attempt.
    package var failure: Failure?

    package init(
        notifier: NotifierName, message: NotificationMessage, since: Date, nextAttempt: Date, expires: Date,
        attempts: Int = 0, failure: Failure? = nil
    ) {
        self.notifier = notifier
        self.message = message
        self.since = since
        self.nextAttempt = nextAttempt
        self.expires = expires
        self.attempts = attempts
        self.failure = failure
    }
}

/// What is remembered of one notifier of one profile.
package struct NotifierStanding: Codable, Sendable, Equatable {
    package var lastDelivered: Date?
    /// Since when nothing could be delivered.
    package var failingSince: Date?
    package var failure: Failure?
    /// How many messages grew too old since something was last delivered.
    package var dropped = 0
    /// What it has been told is overdue.
    package var overdue: [String] = []
    package var overdueToldAt: Date?
    package var overdueSince: Date?
    /// What digests have summed up so far.
    package var digestedUntil: Date?

    package init() {}
}
