import ArgumentParser
import BackupEngine
import BackupModel
import Foundation
import HostSystem
import ProfileLoader
import RunHistory

/// `holdfast status`
struct Status: OperatorCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show how things stand: the last good backup, each follower, the last test and drill.",
        usage: "holdfast status [<options>]",
        discussion: """
            Where no profile is chosen, all of this host. It says what is on record and
            how large the repository is; nothing is started and no password is needed.
            It exits 5 when something needs somebody: what is older than its objective
            allows, damaged or gone, and backups that are unlike those before them.

            Example: holdfast status
            """)

    @Flag(
        help: """
            Run as a timer does: print nothing, tell those whom the profile names what is \
            overdue or could not be told before, and leave the metrics.
            """)
    var scheduled = false

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> ExitStatus {
        if scheduled { return try await lookAround(console) }
        var documents: [JSONValue] = []
        var needsSomebody = false
        for path in try paths(console) {
            var options = global
            options.profile = path
            let view = try StatusView(try Live(options, console))
            documents.append(view.document)
            needsSomebody = needsSomebody || view.needsSomebody
            if !console.isJSON { console.print(Console.harmless(view.lines.joined(separator: "\n"))) }
        }
        if console.isJSON { console.print(.object([("profiles", .array(documents))])) }
        return needsSomebody ? .overdue : .success
    }

    /// Nothing runs while the machine that should run it sleeps; a look each hour is what notices.
    private func lookAround(_ console: Console) async throws -> ExitStatus {
        var failure: (any Error)?
        for path in try paths(console) {
            var options = global
            options.profile = path
            do {
                let live = try Live(options, console)
                let engine = try live.engine()
                await live.tell(overdue: try MatterReview(engine).overdueItems(), engine.store)
                await live.retryPendingNotifications(engine.store)
                if let file = live.profile.metrics?.textfile {
                    try MetricsWriter.write(to: file, of: live.profile.name) {
                        MetricsReview(engine, version: ProgramVersion.text).document()
                    }
                }
            } catch {
                // The other profiles are looked at all the same.
                if let error = error as? any OperatorError { console.warn("\(path): \(error.description)") }
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
        return .success
    }

    private func paths(_ console: Console) throws -> [String] {
        let profiles = Profiles(global)
        do throws(ProfileError) {
            return [try profiles.chosenPath()]
        } catch {
            let isNamed = global.profile != nil || ProcessInfo.processInfo.environment["HOLDFAST_PROFILE"] != nil
            let entries = profiles.catalog().entries.filter { !$0.isAbstract && $0.shadowedBy == nil }
            guard !isNamed, entries.count > 1 else { throw error }
            for entry in entries where !entry.problems.isEmpty {
                console.warn(
                    "profile \(entry.title) has \(Words.count(entry.problems.count, "problem")): `holdfast profile check`"
                )
            }
            return entries.filter(\.problems.isEmpty).map(\.path)
        }
    }
}

/// One profile at a glance.
private struct StatusView {
    let lines: [String]
    let document: JSONValue
    let needsSomebody: Bool

    init(_ live: Live) throws {
        let engine = try live.engine()
        let now = live.clock.now
        let status = try StatusReview(engine).status()
        let (size, trouble) = StatusView.size(of: engine.primary)
        var lines = ["\(live.profile.name): " + StatusView.backup(status, now)]
        for matter in status.matters { lines += MatterViews.lines(matter, now).map { "  " + $0 } }
        needsSomebody = !status.matters.isEmpty
        if let last = status.lastBackup, last.id != status.lastGood?.id {
            let outcome = last.outcome?.rawValue ?? "unfinished"
            let why = last.failures.first.map { ": \($0.description)" } ?? ""
            lines.append("  last run \(last.id) \(outcome), \(StatusView.ago(last.started, now))\(why)")
        }
        let inFiles = size.map { ", \($0.bytes) in \(Words.count($0.files, "file"))" } ?? ""
        lines.append(
            "  \(engine.primary.spec.name): \(Words.count(status.restorePoints, "restore point"))\(inFiles), at "
                + engine.primary.location)
        if let trouble { lines.append("    cannot be looked at: \(trouble.description)") }
        var followers: [JSONValue] = []
        for follower in status.followers {
            let view = try FollowerView(follower, live, local: size?.bytes, now)
            lines += view.lines.map { "  " + $0 }
            followers.append(view.document)
        }
        lines.append(
            "  last test: "
                + (status.lastVerify.map {
                    "\($0.outcome?.rawValue ?? "unfinished"), \(StatusView.ago($0.started, now))"
                }
                    ?? "none; `holdfast backup verify`"))
        lines.append("  last drill: " + DrillViews.standing(status.lastDrill, now))
        let notifiers = try NotifierReview.entries(live.profile, engine.store)
        lines += notifiers.flatMap { NotifierViews.standing($0) }.map { "  " + $0 }
        if engine.store.wasRecreated {
            lines.append("  the history was lost: `holdfast backup list` puts together again what can be")
        }
        self.lines = lines
        document = .object([
            ("profile", .string(live.profile.name.rawValue)),
            ("lastGood", StatusView.run(status.lastGood, now)), ("lastBackup", StatusView.run(status.lastBackup, now)),
            ("lastVerify", StatusView.run(status.lastVerify, now)),
            ("lastDrill", StatusView.run(status.lastDrill, now)),
            ("repository", .string(engine.primary.spec.name.rawValue)),
            ("restorePoints", JSONValue(status.restorePoints)), ("bytes", JSONValue(size?.bytes)),
            ("files", JSONValue(size?.files)), ("error", trouble.map { RunViews.failure(Failure($0)) } ?? .null),
            ("followers", .array(followers)),
            ("standings", .array(status.standings.map { MatterViews.document($0, now) })),
            ("open", .array(status.matters.map(MatterViews.document))),
            ("notifiers", .array(notifiers.map { NotifierViews.document($0, live) })),
        ])
    }

    private static func backup(_ status: ProfileStatus, _ now: Date) -> String {
        guard let good = status.lastGood else {
            return status.lastBackup == nil ? "no backup on record" : "no good backup on record"
        }
        let degraded = good.outcome == .degraded ? ", degraded" : ""
        let standing = status.standings.first { $0.subject == .backup }
        let limit = standing?.objective.map { ", \(Age.words($0)) are allowed" } ?? ""
        return "last good backup \(ago(good.started, now)) (\(Format.time(good.started))\(degraded))" + limit
            + (standing?.trend.map { "; took \(trend($0))" } ?? "")
    }

    /// `12 s (usually 10 s), 3.2 GiB (usually 3.1 GiB)`
    private static func trend(_ trend: Standing.Trend) -> String {
        "\(Format.duration(trend.duration))" + (trend.usualDuration.map { " (usually \(Format.duration($0)))" } ?? "")
            + ", \(trend.bytes)" + (trend.usualBytes.map { " (usually \($0))" } ?? "")
    }

    /// A repository whose disk is away must not hide what is on record.
    private static func size(
        of repository: any Repository
    ) -> (size: (files: Int, bytes: ByteCount)?, trouble: RepositoryError?) {
        do throws(RepositoryError) {
            return (try repository.sizeOnDisk(), nil)
        } catch {
            return (nil, error)
        }
    }

    static func ago(_ date: Date, _ now: Date) -> String {
        StatusWords.ago(date, now)
    }

    private static func run(_ run: RunRecord?, _ now: Date) -> JSONValue {
        guard let run else { return .null }
        return .object([
            ("run", .string(run.id.rawValue)), ("outcome", JSONValue(run.outcome?.rawValue)),
            ("started", JSONValue(run.started)), ("ageSeconds", JSONValue(Int(now.timeIntervalSince(run.started)))),
        ])
    }
}

/// One follower at a glance.
private struct FollowerView {
    let lines: [String]
    let document: JSONValue

    init(_ follower: ProfileStatus.Follower, _ live: Live, local: ByteCount?, _ now: Date) throws {
        let name = follower.spec.name
        let behind = follower.behind.map { $0 == 0 ? "nothing behind" : "\(Words.count($0, "restore point")) behind" }
        let fed = follower.lastFed.map { "fed \(StatusView.ago($0, now))" } ?? "never fed"
        var lines = ["\(name): " + [fed, behind].compactMap(\.self).joined(separator: ", ")]
        if let failure = follower.failure { lines.append("  \(failure.description)") }
        var entries: [(String, JSONValue)] = [
            ("name", .string(name.rawValue)), ("by", .string(follower.follow.method.rawValue)),
            ("lastFed", JSONValue(follower.lastFed)),
            ("ageSeconds", JSONValue(follower.lastFed.map { Int(now.timeIntervalSince($0)) })),
            ("behind", JSONValue(follower.behind)),
            ("failure", follower.failure.map(RunViews.failure) ?? .null),
            ("recentBytes", JSONValue(follower.recentBytes)),
        ]
        if follower.follow.method == .mirror {
            let mirror = try live.repository(follower.spec)
            let there = try live.store().mirroredSize(at: try live.generation(of: mirror).location)
            lines.append(
                "  mirror of \(Words.count(there.files, "file")), \(there.bytes)"
                    + (local.map { " (here \($0))" } ?? "")
                    + ", \(follower.recentBytes) went over in \(Words.days(StatusReview.recent))")
            entries += [("files", JSONValue(there.files)), ("bytes", JSONValue(there.bytes))]
            if let generations = try live.generations(of: mirror) {
                lines.append("  generation " + (generations.relied ?? "none is whole yet"))
                if let alarm = generations.alarm { lines.append("  ALARM: " + alarm) }
                lines.append("  " + generations.guarantee)
                entries.append(("generations", generations.document))
            }
        }
        self.lines = lines
        document = .object(entries)
    }
}
