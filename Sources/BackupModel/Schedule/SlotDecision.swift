package import Foundation

/// Whether scheduled work is to be done now: timers only say that it is time to look.
package enum SlotVerdict: Sendable, Equatable {
    /// - Parameter attempt: 1 for the first.
    case due(slot: Date, attempt: Int)
    case served(slot: Date, by: RunID)
    case underWay(slot: Date, by: RunID)
    /// It failed, and is tried again from then on.
    case waiting(slot: Date, until: Date, attempts: Int)
    /// It failed too often; the next slot begins anew.
    case givenUp(slot: Date, attempts: Int)
    /// Nothing was due yet.
    case noneYet

    package var slot: Date? {
        switch self {
        case .due(let slot, _), .served(let slot, _), .underWay(let slot, _), .waiting(let slot, _, _),
            .givenUp(let slot, _):
            slot
        case .noneYet: nil
        }
    }

    package var isDue: Bool { if case .due = self { true } else { false } }
}

/// A run as the decision sees it.
package struct SlotRun: Sendable, Equatable {
    package enum Ending: Sendable, Equatable {
        /// It did what a slot asks for, whoever started it.
        case served
        /// `again`: when it may be tried again at once, for what stopped it is over.
        case failed(again: Bool)
        case underWay
        /// It says nothing about the slot: of something else, or it never began.
        case irrelevant
    }

    package var id: RunID
    package var started: Date
    package var finished: Date?
    package var ending: Ending

    package init(id: RunID, started: Date, finished: Date?, ending: Ending) {
        self.id = id
        self.started = started
        self.finished = finished
        self.ending = ending
    }
}

/// The one rule of all slots.
///
/// Only the newest slot counts: what was missed while a machine was off is caught up once. It is served by a run that did the
/// whole of it and began at the slot or later, whoever started it: what a slot promises is a state no older than itself,
/// and a second one minutes after an operator's own would add nothing.
package enum SlotDecision {
    /// After each failure of a slot: how long until the next attempt. After the last, none.
    package static let retryDelays: [Duration] = [.seconds(1800), .seconds(3600), .seconds(7200)]

    /// Runs further in the future than this were made under a wrong clock, and serve nothing.
    private static let clockTolerance: Double = 300

    /// - Parameters:
    ///   - runs: those since the slot, in any order.
    ///   - start: slots before it never were.
    package static func verdict(
        _ schedule: Schedule, now: Date, in zone: TimeZone, since start: Date? = nil, runs: [SlotRun]
    ) -> SlotVerdict {
        guard let slot = schedule.newest(atOrBefore: now, in: zone), slot > start ?? .distantPast else {
            return .noneYet
        }
        let since = runs.filter { $0.started >= slot && $0.started.timeIntervalSince(now) < clockTolerance }
        if let run = since.first(where: { $0.ending == .served }) { return .served(slot: slot, by: run.id) }
        if let run = since.first(where: { $0.ending == .underWay }) { return .underWay(slot: slot, by: run.id) }
        var failures: [(end: Date, again: Bool)] = []
        for run in since {
            if case .failed(let again) = run.ending { failures.append((run.finished ?? run.started, again)) }
        }
        guard let last = failures.max(by: { $0.end < $1.end }) else { return .due(slot: slot, attempt: 1) }
        guard failures.count <= retryDelays.count else { return .givenUp(slot: slot, attempts: failures.count) }
        let again = last.end.addingTimeInterval(last.again ? 0 : retryDelays[failures.count - 1].inSeconds)
        return now >= again
            ? .due(slot: slot, attempt: failures.count + 1)
            : .waiting(slot: slot, until: again, attempts: failures.count)
    }
}
