import BackupModel

/// The keys that belong to no kind, each described once. The validator, the JSON Schema and the reference read them here.
package enum ProfileKeys {
    /// Words that are subcommands of `holdfast` or of `holdfast backup`, or mean something where a source may be named.
    package static let reservedSourceNames: Set<String> = [
        "list", "prune", "verify", "auto", "backup", "restore", "find", "ls", "cat", "diff", "mount", "drill", "guard",
        "status",
        "history", "show", "why", "audit", "doctor", "profile", "repository", "hook", "notify", "ack", "key", "cancel",
        "recover",
        "kit", "hub", "fleet", "serve", "metrics", "help", "latest", "all",
    ]

    private static let text = KeyDescriptor("description", .string, "Free text for people.")
    private static let when = KeyDescriptor(
        "when", .anything,
        "Switches the entry off when it is empty, `false`, `0` or `no`. Decided first: what is switched off is neither "
            + "filled in nor checked. A variable that is not set counts as empty here.", default: "true")

    static let common: [KeyDescriptor] = [
        KeyDescriptor(
            "profile", .name, "The profile's name, as `-p` takes it.", default: "the file's name without its ending"),
        text,
        KeyDescriptor(
            "extends", .list(.string),
            "Files, relative to this one, to begin from. Maps are merged deeply, lists and scalars replaced, `null` removes; "
                + "later files win over earlier ones, and this one over all."),
        KeyDescriptor("abstract", .boolean, "A base for others, which never runs by itself.", default: "false"),
        KeyDescriptor(
            "environment-files", .list(.string),
            "Files of `NAME=value` lines, read and never executed; closed to others (mode 0600). A leading `-` makes one "
                + "optional. The process's own environment wins over them."),
        KeyDescriptor("host", .string, "The host name written into snapshots.", default: "the machine's host name"),
        KeyDescriptor(
            "scratch", .path, "Where private working copies go while a run lasts.", default: "the state folder",
            refusesSecrets: true),
        KeyDescriptor(
            "state", .path, "Where pins, journals and the history lie.",
            default: "/var/lib/holdfast, or ~/.local/state/holdfast for an ordinary user", refusesSecrets: true),
        KeyDescriptor(
            "cache", .path, "Where restic keeps its cache.",
            default: "/var/cache/holdfast, or ~/.cache/holdfast for an ordinary user", refusesSecrets: true),
        KeyDescriptor("nice", .integer(0...19), "Added to the niceness of every tool.", default: "0"),
        KeyDescriptor(
            "bandwidth",
            .object([
                KeyDescriptor("upload", .byteCount, "Bytes per second to the repositories."),
                KeyDescriptor("download", .byteCount, "Bytes per second from the repositories."),
            ]), "Limits on what goes over the network."),
        KeyDescriptor(
            "lock-wait", .duration, "How long a run waits for another one's lock before it is skipped.", default: "0s"),
        KeyDescriptor("parallel", .integer(1...64), "How many sources are captured side by side.", default: "2"),
        KeyDescriptor("time-limit", .duration, "A run is stopped after this long."),
        KeyDescriptor(
            "require-remote", .either([.boolean, .choice([RemoteDemand.reachable.rawValue])]),
            "Refuses a backup before any work while no repository with `follows:` is switched on; with `reachable` also while one "
                + "of those that the run is to feed cannot be reached.", default: "false"),
        KeyDescriptor("retention", .object(retention), "What is kept. Without any rule everything is."),
        KeyDescriptor(
            "schedule", .object(schedule),
            "When the commands run by themselves, once `holdfast backup auto` has set it up; see docs/schedules.md."),
        KeyDescriptor(
            "objectives", .object(objectives),
            "How old things may be before they count as overdue: `status` then exits 5, and notifiers are told of it."),
        KeyDescriptor("drill", .object(drill), "How restores are proven; see docs/drills.md."),
        KeyDescriptor("hooks", .list(.object(hook)), "Programs of yours at events, and what they take and give back."),
        KeyDescriptor(
            "notify", .anything,
            "Who is told about what: a list of notifiers. Entries of kinds that this version does not have load, and every "
                + "run says that it does not act on them."),
        KeyDescriptor(
            "metrics", .object(metrics), "Where the figures of this profile are left for Prometheus. See metrics.md."),
        KeyDescriptor(
            "log", .either([.path, .object(log)]),
            "A log of all runs, in a file that is put aside when it has grown. See logs.md."),
    ]

    private static let metrics: [KeyDescriptor] = [
        KeyDescriptor(
            "textfile", .path,
            "The folder that node_exporter's textfile collector reads (the file is then `holdfast-PROFILE.prom`), or a file in it "
                + "that ends in `.prom`. Replaced whole at the end of every run.", required: true, refusesSecrets: true)
    ]

    private static let log: [KeyDescriptor] = [
        KeyDescriptor("file", .path, "The file; its folder is made.", required: true, refusesSecrets: true),
        KeyDescriptor("size", .byteCount, "It is put aside before it grows larger than this.", default: "10MiB"),
        KeyDescriptor("keep", .integer(1...1000), "How many older ones stay beside it.", default: "5"),
        KeyDescriptor(
            "format", .choice(LogSpec.Format.allCases.map(\.rawValue)), "Lines for people, or JSON lines.",
            default: "plain"),
        KeyDescriptor(
            "level", .choice(LogLevel.allCases.map(\.word)), "What matters less than this is left out.", default: "info"
        ),
    ]

    static let schedule: [KeyDescriptor] = [
        KeyDescriptor(
            "backup", .list(.string),
            "When backups are taken: `daily 02:00`, `06:00,18:00`, `hourly`, `weekly Sun 04:00`, `monthly 15`, `quarterly`, "
                + "`yearly`, five fields of cron, or a calendar event of systemd. Without a time, one between 04:00 and 06:00 that "
                + "belongs to this host and profile."),
        KeyDescriptor(
            "offsite", .list(.string),
            "From when on the next scheduled backup also feeds the followers with `feed: on-request`; without a time, the "
                + "beginning of the day, week, month …"),
        KeyDescriptor("verify", .list(.string), "When the repository is tested (`backup verify`)."),
        KeyDescriptor("prune", .list(.string), "When retention is applied and room freed (`backup prune`)."),
        KeyDescriptor("drill", .list(.string), "When restores are proven (`drill`)."),
    ]

    static let retention: [KeyDescriptor] =
        retentionRules + [
            KeyDescriptor(
                "hold", .duration, "How long what a follower still lacks is left alone; then that is an alarm.",
                default: "14d"),
            KeyDescriptor(
                "classes", .map(.object(retentionRules)),
                "Rules for backups that were given a reason, by the reason: `pre-deploy: { last: 10, within: 14d }`. Where a "
                    + "reason is not named here, these rules count for it, each reason apart.",
                default: "`pre-deploy: { last: 10, within: 14d }`, unless everything is kept"),
        ]

    private static let retentionRules: [KeyDescriptor] = [
        KeyDescriptor("last", count, "The newest so many."),
        KeyDescriptor("hourly", count, "The newest of each of so many hours."),
        KeyDescriptor("daily", count, "The newest of each of so many days."),
        KeyDescriptor("weekly", count, "The newest of each of so many ISO weeks."),
        KeyDescriptor("monthly", count, "The newest of each of so many months."),
        KeyDescriptor("quarterly", count, "The newest of each of so many quarters."),
        KeyDescriptor("yearly", count, "The newest of each of so many years."),
        KeyDescriptor("within", .calendarSpan, "Everything this much older than the newest, or less."),
        KeyDescriptor(
            "minimum", .integer(1...100_000), "Never fewer good ones than this, whatever the rules say.", default: "1"),
        KeyDescriptor(
            "max-removal", .either([.number(0...1), .string]),
            "The share of a group that one pass may remove, as `0.5` or `50%`; counts from five removals up.",
            default: "50%"),
    ]

    static let objectives: [KeyDescriptor] = [
        KeyDescriptor("backup", .duration, "Age of the newest good backup of all sources, as `26h`."),
        KeyDescriptor(
            "offsite", .duration, "Age of the newest complete feed of each follower without an `objective:` of its own."
        ),
        KeyDescriptor("verify", .duration, "Age of the newest test that found the primary repository whole."),
        KeyDescriptor("prune", .duration, "Age of the newest retention that went through."),
        KeyDescriptor("drill", .duration, "Age of the newest drill that proved all sources."),
        KeyDescriptor(
            "key-age", .duration,
            "Age of the password of a restic repository, from when its key was made; `holdfast key rotate` gives a new one."
        ),
        KeyDescriptor("rto", .duration, "How long a restore of all sources may take, as drills measure it."),
        KeyDescriptor(
            "skips", .duration,
            "How long runs may be skipped one after another before even what has no objective is overdue.",
            default: "7d"),
    ]

    private static let count = ValueShape.integer(0...100_000)

    static let source: [KeyDescriptor] = [
        when, text,
        KeyDescriptor(
            "expect",
            .object([
                KeyDescriptor(
                    "contains", .list(.string),
                    "Paths, ends of paths or patterns (`secrets/*.age`) that must be in the snapshot."),
                KeyDescriptor("min-files", .integer(0...Int64.max), "Fewer files than this is a failure."),
                KeyDescriptor("min-bytes", .byteCount, "Less than this is a failure."),
            ]), "What must be true of the snapshot; checked after the capture, not before."),
        KeyDescriptor(
            "unreadable",
            .object([
                KeyDescriptor(
                    "tolerate", .list(.string),
                    "Paths, or patterns such as `/srv/*/lock`, whose being unreadable does not make the run partial.")
            ]), "What may be unreadable."),
        KeyDescriptor(
            "on-failure", .choice(["continue", "abort"]), "Whether the other sources still go on when this one fails.",
            default: "continue"),
        KeyDescriptor(
            "cadence", .list(.string),
            "Captures this source less often than the others: scheduled backups take it when a time of this schedule has "
                + "come since it was last captured, such as `weekly` or `monthly`. A backup that an operator starts always does."
        ),
        KeyDescriptor(
            "encrypt", .object(encryption),
            "Encrypts the source for these recipients before it enters any repository; files as one tar stream. The recipients "
                + "are pinned at the first backup: others, or none, are refused until `holdfast key rotate`."),
        KeyDescriptor("drill", .object(sourceDrill), "What a drill demands of this source once it is restored."),
        KeyDescriptor("hooks", .list(.object(hook)), "Programs of yours around the capture of this source."),
    ]

    static let encryption: [KeyDescriptor] = [
        KeyDescriptor(
            "age", .list(.string), "Public keys that age encrypts for: `age1…`, `ssh-ed25519 …`, `ssh-rsa …`.",
            refusesSecrets: true),
        KeyDescriptor(
            "gpg", .list(.string),
            "Keys of the ring of the user who makes backups, best by their fingerprints, in place of `age:`.",
            refusesSecrets: true),
        KeyDescriptor(
            "recipients-file", .path, "A file of them, one to a line; age's where `gpg:` does not stand beside it.",
            refusesSecrets: true),
        KeyDescriptor(
            "identity", .secret,
            "The age key that opens it. Only a restore needs it, where `--identity FILE` is not given; best kept elsewhere."
        ),
    ]

    static let repository: [KeyDescriptor] = [
        when, text,
        KeyDescriptor("follows", .name, "The repository that this one is fed from, after each backup."),
        KeyDescriptor(
            "feed", .choice(FollowSpec.Feed.allCases.map(\.rawValue)),
            "Whether every backup feeds it, or only one with `--offsite`.", default: "always"),
        KeyDescriptor(
            "by", .choice(FollowSpec.Method.allCases.map(\.rawValue)),
            "How it is fed: `copy` from one repository to the other, a `backup` of its own, or a `mirror` of the primary's "
                + "files.",
            default: "copy, or mirror where the access is write-only"),
        KeyDescriptor(
            "access", .choice(RepositoryAccess.allCases.map(\.rawValue)),
            "What our credential may do there: everything, no delete but of locks, put alone, or as far as it is let.",
            default: "auto"),
        KeyDescriptor(
            "generations", .duration,
            "Of a mirror whose objects expire by their age: starts a fresh prefix below its address this often."),
        KeyDescriptor(
            "expiry", .duration,
            "The age at which the bucket's owner lets the objects of a mirror with `generations:` be deleted; at least twice "
                + "as long.", default: "three times `generations:`"),
        KeyDescriptor(
            "hold", .duration, "How long retention leaves alone what this follower still lacks.",
            default: "that of `retention:`"),
        KeyDescriptor(
            "objective", .duration, "Age that the newest complete feed of this follower may have, as `50h`.",
            default: "`offsite:` of `objectives:`"),
        KeyDescriptor(
            "time-limit", .duration,
            "How long one feed of this follower may take. What arrived until then stays, and the next run goes on from there.",
            default: "as long as anything moves"),
        KeyDescriptor("hooks", .list(.object(hook)), "Programs of yours around all work with this repository."),
    ]

    static let notifier: [KeyDescriptor] = [
        when, text,
        KeyDescriptor(
            "name", .name, "What messages about it call it.", default: "its kind, numbered from the second of a kind on"
        ),
        KeyDescriptor(
            "on", .list(.choice(NotificationEvent.choices.map(\.rawValue))),
            "What it is told of. A failure, a partial run, an anomaly or something overdue is told when it begins, and again "
                + "now and then while it lasts; `recovered` when it is over; `succeeded` every time; `skipped` when runs begin "
                + "to be skipped.",
            default: "failed, recovered, partial, overdue and anomaly; nothing with `digest:`"),
        KeyDescriptor(
            "operations", .list(.choice(RunRecord.Operation.allCases.map(\.rawValue))),
            "Of which kinds of run.", default: "all; for `healthchecks`, backup"),
        KeyDescriptor(
            "remind", .either([.duration, .choice(["never"])]), "How long something lasts before it is told again.",
            default: "1d"),
        KeyDescriptor(
            "quiet-hours", .string,
            "Hours such as `22:00-07:00`, local time, in which only what is urgent is told; the rest is told after."),
        KeyDescriptor(
            "urgent", .list(.choice(NotificationEvent.choices.map(\.rawValue))), "What quiet hours do not hold back.",
            default: "damage that was found, restores and drills that failed, anomalies"),
        KeyDescriptor(
            "digest", .string,
            "One message that sums up all runs: `daily 08:00`, `weekly mon 08:00`. Sent by the first run, or `status "
                + "--scheduled`, after that time. Without `on:` nothing else is told."),
        KeyDescriptor(
            "digest-of", .choice(["profile", "host"]),
            "Whose runs: this profile's, or those of all profiles of the host.",
            default: "profile"),
        KeyDescriptor(
            "manual", .boolean, "Whether it is also told of runs that somebody starts at a terminal.", default: "false"),
    ]

    /// The whole of a profile's top level.
    static let profile: [KeyDescriptor] =
        common + [
            KeyDescriptor("sources", .map(.anything), "What to capture: names to entries, each of one kind."),
            KeyDescriptor("repositories", .map(.anything), "Where snapshots live: names to entries, each of one kind."),
        ]
}
