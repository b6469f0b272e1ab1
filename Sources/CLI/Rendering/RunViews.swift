import BackupEngine
import BackupModel
import Foundation

/// The documents of `--json`. Their keys are part of the program's interface: see docs/json.md.
enum RunViews {
    static func run(_ run: RunRecord, isFull: Bool = true) -> JSONValue {
        var entries: [(String, JSONValue)] = [
            ("run", .string(run.id.rawValue)), ("profile", .string(run.profile.rawValue)),
            ("operation", .string(run.operation.rawValue)),
            ("outcome", JSONValue(run.outcome?.rawValue)), ("started", JSONValue(run.started)),
            ("finished", JSONValue(run.finished)), ("seconds", JSONValue(run.duration)),
            ("repository", JSONValue(run.repository?.rawValue)), ("user", .string(run.user)),
            ("reason", JSONValue(run.reason)), ("trigger", .string(run.trigger)),
            ("parts", .array(run.parts.map(part))), ("gaps", .array(run.gaps.map(gap))),
            ("notDue", .array((run.notDue ?? []).map(DueViews.notDue))),
            ("feeds", .array((run.feeds ?? []).map(feed))),
            ("void", .array(run.void.map { .string($0.rawValue) })),
            ("notices", JSONValue(run.notices)), ("failures", .array(run.failures.map(failure))),
        ]
        if isFull {
            entries += [
                ("steps", .array(run.steps.map(step))), ("tools", JSONValue(run.tools)),
                ("toolStarts", JSONValue(run.toolStarts)), ("pid", .integer(Int64(run.process.pid))),
                ("profileDigest", .string(run.profileDigest)), ("rebuilt", JSONValue(run.isRebuilt)),
                ("notified", .array((run.notified ?? []).map(told))),
                ("hooks", .array((run.hooks ?? []).map(hook))),
            ]
            if let drill = run.drill { entries.append(("drill", DrillViews.document(drill, of: run))) }
        }
        return .object(entries)
    }

    private static func told(_ told: DeliveredNotification) -> JSONValue {
        .object([
            ("notifier", .string(told.notifier.rawValue)), ("event", .string(told.event.rawValue)),
            ("at", JSONValue(told.at)),
        ])
    }

    static func hook(_ hook: HookRecord) -> JSONValue {
        .object([
            ("event", .string(hook.event)), ("hook", .string(hook.hook)), ("subject", JSONValue(hook.subject)),
            ("outcome", .string(hook.outcome.rawValue)), ("started", JSONValue(hook.started)),
            ("seconds", JSONValue(hook.duration)), ("message", JSONValue(hook.message)),
            ("facts", JSONValue(hook.facts ?? [:])),
        ])
    }

    static func part(_ part: ManifestPart) -> JSONValue {
        .object([
            ("source", .string(part.source.rawValue)), ("kind", .string(part.sourceKind)),
            ("part", .string(part.part.rawValue)), ("snapshot", .string(part.snapshot.rawValue)),
            ("captured", JSONValue(part.capturedAt)), ("condition", .string(part.condition.rawValue)),
            ("bytes", JSONValue(part.bytes)), ("files", JSONValue(part.files)), ("facts", facts(part.facts)),
            ("unreadable", JSONValue(part.unreadable)), ("unreadableCount", JSONValue(part.unreadableCount)),
            ("encryption", part.encryption.map(encryption) ?? .null),
        ])
    }

    private static func encryption(_ encryption: PartEncryption) -> JSONValue {
        .object([
            ("recipients", KeyViews.recipients(encryption.recipients)), ("part", .string(encryption.part.rawValue)),
            ("bytes", JSONValue(encryption.bytes)), ("files", JSONValue(encryption.files)),
            ("base", JSONValue(encryption.base)),
        ])
    }

    static func facts(_ facts: Facts) -> JSONValue {
        var entries: [(String, JSONValue)] = []
        if let rows = facts.rows {
            entries.append(("rows", .object(rows.sorted { $0.key < $1.key }.map { ($0.key, .integer($0.value)) })))
        }
        if let counting = facts.rowCounting { entries.append(("rowCounting", .string(counting.rawValue))) }
        if let uncounted = facts.uncounted { entries.append(("uncounted", JSONValue(uncounted))) }
        if let files = facts.files { entries.append(("files", .integer(files))) }
        if let directories = facts.directories { entries.append(("directories", .integer(directories))) }
        if let bytes = facts.bytes { entries.append(("bytes", JSONValue(bytes))) }
        if let digest = facts.sha256 { entries.append(("sha256", .string(digest))) }
        if let notes = facts.notes { entries.append(("notes", JSONValue(notes))) }
        return .object(entries)
    }

    static func gap(_ gap: ManifestGap) -> JSONValue {
        .object([("source", .string(gap.source.rawValue)), ("cause", .string(gap.cause))])
    }

    static func feed(_ feed: FeedRecord) -> JSONValue {
        .object([
            ("follower", .string(feed.follower.rawValue)), ("outcome", .string(feed.outcome.rawValue)),
            ("delivered", JSONValue(feed.delivered)), ("behind", JSONValue(feed.behind)),
            ("bytes", JSONValue(feed.bytes)), ("failure", feed.failure.map(failure) ?? .null),
        ])
    }

    static func failure(_ failure: Failure) -> JSONValue {
        .object([
            ("message", .string(failure.description)), ("hint", JSONValue(failure.hint)),
            ("kind", .string(failure.kind.rawValue)),
        ])
    }

    static func step(_ step: StepRecord) -> JSONValue {
        .object([
            ("step", .string(step.step.rawValue)), ("subject", JSONValue(step.subject)),
            ("outcome", JSONValue(step.outcome?.rawValue)), ("started", JSONValue(step.started)),
            ("seconds", JSONValue(step.duration)), ("bytes", JSONValue(step.bytes)),
            ("detail", JSONValue(step.detail)),
            (
                "tools",
                .object(
                    step.usage.sorted { $0.key < $1.key }.map { name, usage in
                        (
                            name,
                            .object([
                                ("seconds", JSONValue(usage.wall)),
                                ("cpuSeconds", JSONValue(usage.userCPU + usage.systemCPU)),
                                ("peakMemoryBytes", JSONValue(usage.peakMemory)),
                                ("bytesWritten", JSONValue(usage.bytesWritten)),
                            ])
                        )
                    })
            ),
        ])
    }

    /// - Parameter places: the repositories that have all of it.
    static func point(_ point: RestorePoint, at places: [RepositoryName] = []) -> JSONValue {
        .object([
            ("run", .string(point.run.rawValue)), ("where", .array(places.map { .string($0.rawValue) })),
            ("time", JSONValue(point.time)), ("host", .string(point.host)),
            ("class", .string(point.retentionClass)), ("bytes", JSONValue(point.bytes)),
            ("mixed", JSONValue(point.isMixed)),
            (
                "entries",
                .array(
                    point.entries.map { entry in
                        .object([
                            ("run", .string(entry.run.rawValue)), ("ageSeconds", JSONValue(entry.age)),
                            ("part", part(entry.part)), ("notice", JSONValue(entry.notice)),
                        ])
                    })
            ),
            ("gaps", .array(point.gaps.map(gap))), ("removed", .array(point.removed.map(part))),
            ("notDue", .array(point.notDue.map(DueViews.notDue))),
        ])
    }

    static func plan(_ plan: RetentionPlan) -> JSONValue {
        .object([
            (
                "groups",
                .array(
                    plan.groups.map { group in
                        .object([
                            ("source", .string(group.group.source.rawValue)),
                            ("part", .string(group.group.part.rawValue)),
                            ("class", .string(group.group.retentionClass)), ("host", .string(group.group.host)),
                            ("leftAlone", JSONValue(group.leftAlone)),
                            (
                                "decisions",
                                .array(
                                    group.decisions.map { decision in
                                        .object([
                                            ("snapshot", .string(decision.id.rawValue)),
                                            ("time", JSONValue(decision.time)), ("keep", JSONValue(decision.keep)),
                                            ("reasons", JSONValue(decision.reasons)),
                                        ])
                                    })
                            ),
                        ])
                    })
            )
        ])
    }

    static func progress(_ subject: String, _ progress: TransferProgress) -> JSONValue {
        .object([
            ("event", .string("progress")), ("subject", .string(subject)), ("bytes", JSONValue(progress.bytes)),
            ("totalBytes", JSONValue(progress.totalBytes)), ("files", JSONValue(progress.files)),
            ("totalFiles", JSONValue(progress.totalFiles)),
        ])
    }
}
