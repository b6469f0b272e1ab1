import BackupModel
import Foundation

/// One message for one notifier.
struct Errand: Sendable {
    var notifier: any Notifier
    var message: NotificationMessage
    /// Nothing new since the last attempt: it waits for the next one.
    var isOld = false
}

/// Where a message waits: there is one at most for each.
struct Place: Hashable, Sendable {
    var notifier: NotifierName
    var topic: String
    init(_ notifier: NotifierName, _ topic: String) { (self.notifier, self.topic) = (notifier, topic) }
}

/// Delivering, and keeping what cannot be delivered.
extension Notifying {
    /// Between attempts: one minute, then twice as long each time, half an hour at most.
    private static let firstPause = 60.0
    private static let longestPause = 1800.0
    /// Nobody else makes an attempt that is being made.
    private static let lease = 300.0

    struct Attempt: Sendable {
        /// With the notifier's name.
        var failure: Failure?
        /// Without.
        var cause: Failure?
        var retryAt: Date?
    }

    func attempt(_ message: NotificationMessage, by notifier: any Notifier) async -> Attempt {
        do { try await notifier.deliver(message) } catch {
            let cause = Failure(
                PlainText.line(redact(error.description)), hint: error.hint.map(redact), kind: error.kind)
            var failure = cause
            failure.description = "notifier \(notifier.spec.name) could not tell of it: \(cause.description)"
            return Attempt(failure: failure, cause: cause, retryAt: error.retryAt)
        }
        return Attempt()
    }

    private enum Submission: Sendable {
        case delivered
        case held
        case failed(Failure)
    }

    /// Delivers side by side. What fails is kept.
    func submit(_ errands: [Errand], _ report: inout Report) async {
        var troubles: [Failure] = []
        var waiting: [WaitingMessage] = []
        do { waiting = try store.waiting(profile: profile) } catch { troubles.append(outboxTrouble(error)) }
        let before = Dictionary(waiting.map { (Place($0.notifier, $0.message.topic), $0) }) { first, _ in first }
        await withTaskGroup { group in
            for errand in errands {
                let old = before[Place(errand.notifier.spec.name, errand.message.topic)]
                group.addTask { await (errand, submit(errand, old)) }
            }
            for await (errand, (submission, trouble)) in group {
                let name = errand.notifier.spec.name
                switch submission {
                case .delivered:
                    report.delivered.append(
                        DeliveredNotification(notifier: name, event: errand.message.event, at: clock.now))
                case .held: report.held.append(name)
                case .failed(let failure): report.failures.append(failure)
                }
                if let trouble { troubles.append(trouble) }
            }
        }
        for trouble in troubles { report.add(trouble) }
    }

    private func submit(_ errand: Errand, _ old: WaitingMessage?) async -> (Submission, Failure?) {
        let (notifier, message) = (errand.notifier, errand.message)
        var kept = WaitingMessage(
            notifier: notifier.spec.name, message: message, since: old?.since ?? clock.now, nextAttempt: clock.now,
            expires: clock.now.addingTimeInterval(notifier.patience.inSeconds), attempts: old?.attempts ?? 0,
            failure: old?.failure)
        if let end = quietUntil(message, notifier) {
            kept.nextAttempt = end
            return (.held, keep(kept))
        }
        if errand.isOld, let old, old.message.event == message.event, old.nextAttempt > clock.now {
            kept.nextAttempt = old.nextAttempt
            kept.expires = old.expires
            return (.held, keep(kept))
        }
        let attempt = await attempt(message, by: notifier)
        guard let failure = attempt.failure else { return (.delivered, arrived(message, at: notifier, instead: old)) }
        return (.failed(failure), failed(kept, attempt))
    }

    /// When it may be told, if that is not now.
    private func quietUntil(_ message: NotificationMessage, _ notifier: any Notifier) -> Date? {
        guard !notifier.hearsEveryRun, !NotificationUrgency.isUrgent(message, notifier.spec) else { return nil }
        return notifier.spec.quietHours?.end(at: clock.now, in: timeZone)
    }

    private func failed(_ message: WaitingMessage, _ attempt: Attempt) -> Failure? {
        var kept = message
        kept.attempts += 1
        kept.failure = attempt.cause
        let pause = min(Notifying.longestPause, Notifying.firstPause * pow(2, Double(min(kept.attempts, 20) - 1)))
        kept.nextAttempt = max(clock.now.addingTimeInterval(pause), attempt.retryAt ?? .distantPast)
        return keep(kept)
            ?? change(message.notifier) { standing in
                standing.failingSince = standing.failingSince ?? message.since
                standing.failure = attempt.cause
            }
    }

    /// Notes all that follows from a message that has arrived.
    private func arrived(
        _ message: NotificationMessage, at notifier: any Notifier, instead old: WaitingMessage?
    ) -> Failure? {
        let name = notifier.spec.name
        var trouble: Failure?
        if let old { do { try store.drop(old) } catch { trouble = outboxTrouble(error) } }
        let now = clock.now
        return change(name) { standing in
            standing.lastDelivered = now
            standing.failingSince = nil
            standing.failure = nil
            standing.dropped = 0
            guard message.operation == nil, !message.isTest else { return }
            if message.event == .overdue {
                standing.overdue = message.overdue.map(\.what)
                standing.overdueToldAt = now
                standing.overdueSince = message.failingSince
            } else if message.event == .recovered {
                standing.overdue = []
                standing.overdueToldAt = nil
                standing.overdueSince = nil
            }
        } ?? trouble
    }

    private func keep(_ message: WaitingMessage) -> Failure? {
        do { try store.keep(message) } catch { return outboxTrouble(error) }
        return nil
    }

    func change(_ name: NotifierName, _ body: (inout NotifierStanding) -> Void) -> Failure? {
        do { try store.changeStanding(of: name, profile: profile, body) } catch { return outboxTrouble(error) }
        return nil
    }

    private func outboxTrouble(_ error: StoreError) -> Failure {
        Failure("what is still to be told is not known: \(error.description)", hint: error.hint, kind: error.kind)
    }

    // MARK: What waits

    /// Tries again what could not be delivered, tells what waited for quiet hours to end, and sends digests that are due.
    /// Cheap when there is nothing of that; called by every run, and by whoever looks now and then how things stand.
    package func retryPending() async -> Report {
        await uncancelled {
            var report = Report()
            await retry(except: [], &report)
            report.sort()
            return report
        }
    }

    func retry(except tried: Set<Place>, _ report: inout Report) async {
        await submit(digests(&report), &report)
        var waiting: [WaitingMessage] = []
        do { waiting = try store.waiting(profile: profile) } catch {
            report.add(outboxTrouble(error))
            return
        }
        let byName = Dictionary(notifiers.map { ($0.spec.name, $0) }) { first, _ in first }
        var due: [(WaitingMessage, any Notifier)] = []
        for message in waiting where !tried.contains(Place(message.notifier, message.message.topic)) {
            guard let notifier = byName[message.notifier], message.expires > clock.now else {
                // The profile names it no more, or it is too old.
                do { try store.drop(message) } catch { report.add(outboxTrouble(error)) }
                if byName[message.notifier] != nil, let trouble = change(message.notifier, { $0.dropped += 1 }) {
                    report.add(trouble)
                }
                continue
            }
            guard message.nextAttempt <= clock.now, quietUntil(message.message, notifier) == nil else { continue }
            due.append((message, notifier))
        }
        await withTaskGroup { group in
            for (message, notifier) in due { group.addTask { await again(message, notifier) } }
            for await outcome in group {
                if let delivered = outcome.delivered { report.delivered.append(delivered) }
                for failure in outcome.failures { report.add(failure) }
            }
        }
    }

    private struct Again: Sendable {
        var delivered: DeliveredNotification?
        var failures: [Failure] = []
    }

    private func again(_ waiting: WaitingMessage, _ notifier: any Notifier) async -> Again {
        do {
            let now = clock.now
            guard try store.claim(waiting, at: now, until: now.addingTimeInterval(Notifying.lease)) else {
                return Again()
            }
        } catch {
            return Again(failures: [outboxTrouble(error)])
        }
        let attempt = await attempt(waiting.message, by: notifier)
        if let failure = attempt.failure {
            return Again(failures: [failure] + [failed(waiting, attempt)].compactMap(\.self))
        }
        var outcome = Again(
            delivered: DeliveredNotification(
                notifier: waiting.notifier, event: waiting.message.event, at: clock.now))
        if let trouble = arrived(waiting.message, at: notifier, instead: waiting) { outcome.failures.append(trouble) }
        do {
            if let id = waiting.message.run, var run = try store.run(id), let delivered = outcome.delivered {
                run.notified = (run.notified ?? []) + [delivered]
                try store.update(run)
            }
        } catch {
            outcome.failures.append(
                Failure("who was told is not noted, and may be told again: \(error.description)", hint: error.hint))
        }
        return outcome
    }
}
