package import BackupModel
package import Foundation

/// What an operator's `latest`, id or time stands for.
extension RestorePoints {
    /// - Parameters:
    ///   - text: `latest`; a run id or the beginning of one; the beginning of a snapshot's id (four digits at least); or a
    ///     time as ``TimeInWords`` reads it, which stands for the state as of then. A snapshot that is not of this profile
    ///     and host gives a point with that snapshot alone.
    ///   - timeZone: for times that name none.
    /// - Throws: ``RestorePointError``.
    package func resolve(_ text: String, now: Date, timeZone: TimeZone) throws(RestorePointError) -> RestorePoint {
        if text.lowercased() == "latest" {
            guard let newest = latest(now: now), let point = point(of: newest.id) else {
                throw .none(profile: profile, host: host)
            }
            return point
        }
        if let time = TimeInWords(text, now: now, timeZone: timeZone) {
            return try resolve(time, text: text, now: now)
        }
        return try resolve(identifier: text)
    }

    /// The newest that does not lie in the future, as one does that was made under a wrong clock; where all do, the newest.
    package func latest(now: Date) -> CommittedRun? {
        let limit = now.addingTimeInterval(RetentionDanger.clockTolerance)
        return runs.first { $0.time <= limit } ?? runs.first
    }

    private func resolve(_ time: TimeInWords, text: String, now: Date) throws(RestorePointError) -> RestorePoint {
        guard time.start <= now else { throw .future(text) }
        guard let oldest = runs.last else { throw .none(profile: profile, host: host) }
        guard let point = point(before: time.end, time: min(time.end, now)) else {
            throw .beforeFirst(text, first: RestorePointError.Known(oldest))
        }
        return point
    }

    private func resolve(identifier text: String) throws(RestorePointError) -> RestorePoint {
        guard text.utf8.count >= 4 else { throw .unknown(text, nearest: nil, available: available) }
        let folded = text.lowercased()
        let matchingRuns = runs.filter { $0.id.rawValue.lowercased().hasPrefix(folded) }
        if let exact = matchingRuns.first(where: { $0.id.rawValue.lowercased() == folded }),
            let point = point(of: exact.id)
        {
            return point
        }
        let matching = allSnapshots.filter {
            $0.id.rawValue.hasPrefix(folded) || $0.original?.rawValue.hasPrefix(folded) == true
        }
        // The manifest and the run that it is of are one thing.
        let runsFound = Set(matchingRuns.map(\.id))
        let found = matching.filter { snapshot in
            !(snapshot.stamp?.content == .manifest && snapshot.stamp.map { runsFound.contains($0.run) } == true)
        }
        guard matchingRuns.count + found.count <= 1 else {
            throw .ambiguous(
                text, candidates: matchingRuns.map { "run \($0.id)" } + found.map { "snapshot \($0.id.short)" })
        }
        if let run = matchingRuns.first, let point = point(of: run.id) { return point }
        guard let snapshot = found.first else {
            throw .unknown(text, nearest: nearest(to: folded), available: available)
        }
        return try choice(snapshot)
    }

    private func choice(_ snapshot: Snapshot) throws(RestorePointError) -> RestorePoint {
        if let point = point(with: snapshot.id) { return point }
        if let run = runs.first(where: { $0.manifestSnapshot == snapshot.id }), let point = point(of: run.id) {
            return point
        }
        if void.contains(where: { $0.id == snapshot.id }) { throw .void(snapshot.id) }
        if incomplete.contains(where: { $0.id == snapshot.id }) { throw .incomplete(snapshot.id) }
        if let stamp = snapshot.stamp, stamp.profile == profile, stamp.host == host {
            throw .unknown(snapshot.id.short, nearest: nil, available: available)
        }
        return RestorePoint(outside: snapshot)
    }

    private var available: [RestorePointError.Known] { runs.map(RestorePointError.Known.init) }

    /// The run or snapshot that shares the longest beginning with `text`, four characters at least.
    private func nearest(to text: String) -> String? {
        let names = runs.map(\.id.rawValue) + runs.flatMap { $0.parts.map(\.snapshot.rawValue) }
        let shared = names.map { name in (name, zip(name.lowercased(), text).prefix { $0 == $1 }.count) }
        guard let best = shared.max(by: { $0.1 < $1.1 }), best.1 >= 4 else { return nil }
        return runs.contains { $0.id.rawValue == best.0 } ? best.0 : String(best.0.prefix(8))
    }
}

/// Why a text names no restore point.
package enum RestorePointError: OperatorError, Equatable {
    case none(profile: ProfileName, host: String)
    /// - Parameter available: newest first.
    case unknown(String, nearest: String?, available: [Known])
    case ambiguous(String, candidates: [String])
    case beforeFirst(String, first: Known)
    case future(String)
    case incomplete(SnapshotID)
    case void(SnapshotID)

    /// A restore point that there is.
    package struct Known: Sendable, Equatable, CustomStringConvertible {
        package var run: RunID
        package var time: Date
        package var sources: [SourceName]

        init(_ run: CommittedRun) {
            self.run = run.id
            time = run.time
            sources = Set(run.parts.map(\.source)).sorted()
        }

        package var description: String {
            "\(run)  \(UTCTime(time).extended)  \(sources.map(\.rawValue).joined(separator: ", "))"
        }
    }

    /// As many as fit on a screen.
    private static let mostListed = 20

    package var description: String {
        switch self {
        case .none(let profile, let host): "there is no restore point of profile \(profile) on host \(host)"
        case .unknown(let text, let nearest, let available):
            "there is no restore point \(text)" + (nearest.map { "; the nearest is \($0)" } ?? "")
                + RestorePointError.list(available)
        case .ambiguous(let text, let candidates):
            "\(text) may mean any of: " + candidates.prefix(Self.mostListed).joined(separator: ", ")
                + (candidates.count > Self.mostListed ? " and \(candidates.count - Self.mostListed) more" : "")
        case .beforeFirst(let text, let first): "nothing was backed up before \(text); the first is \(first)"
        case .future(let text): "\(text) lies in the future"
        case .incomplete(let id):
            "snapshot \(id) is incomplete: the run that made it never finished, and no manifest names it"
        case .void(let id): "snapshot \(id) is void: the run that made it found that it must not be used"
        }
    }

    private static func list(_ available: [Known]) -> String {
        guard !available.isEmpty else { return "; there are none yet" }
        let more = available.count - mostListed
        return ". There are:" + available.prefix(mostListed).map { "\n  \($0)" }.joined()
            + (more > 0 ? "\n  and \(more) older ones" : "")
    }

    package var hint: String? {
        switch self {
        case .none: "take a first backup with `holdfast backup`"
        case .unknown: "`holdfast backup list` shows all of them"
        case .ambiguous: "give more of it"
        case .beforeFirst, .future: "give a time at or after the first restore point and not after now"
        case .incomplete, .void: "choose one that `holdfast backup list` shows"
        }
    }

    package var kind: FailureKind {
        switch self {
        case .none, .unknown, .beforeFirst, .incomplete, .void: .notFound
        case .ambiguous, .future: .usage
        }
    }
}
