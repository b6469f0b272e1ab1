import BackupModel
import Foundation
import ProfileLoader
import TestSupport
import Testing

struct ProfileCheckTests {
    let fixture: LoaderFixture

    init() throws { fixture = try LoaderFixture() }

    @Test func `everything wrong is told at once, from top to bottom`() throws {
        let messages = try fixture.messages(
            """
            profile: my,app
            retentoin: { daily: 7 }
            retention: { daily: -1, weekly: many, max-removal: 150% }
            nice: 30
            lock-wait: 5
            sources:
              list: { files: /srv }
              db:
                postgress: { database: x }
              both: { files: /a, postgres: b }
              port:
                postgres: { database: x, port: 70000, lock-wait: soon, pasword: env:P }
              empty: {}
              nodb: { postgres: {} }
              nopath: { files: { exclude: x, sqlite: consistant } }
            repositories:
              local: { restic: /r, password: env:P }
              offsite: { restic: s3:x, password: env:P, follows: locla }
            """)
        #expect(
            messages == [
                "app.yaml:1:10: profile: wants a name of letters, digits, `.`, `_` and `-`, not `my,app` (a string)",
                "app.yaml:2:1: retentoin: there is no such key here (did you mean `retention`?)",
                "app.yaml:3:21: retention.daily: wants an integer from 0 to 100000, not `-1` (an integer)",
                "app.yaml:3:33: retention.weekly: wants an integer from 0 to 100000, not `many` (a string)",
                "app.yaml:3:52: retention.max-removal: wants a share such as `0.5` or `50%`, not `150%`",
                "app.yaml:4:7: nice: wants an integer from 0 to 19, not `30` (an integer)",
                "app.yaml:5:12: lock-wait: wants a duration such as `90s`, `10m`, `26h` or `8d`, not `5` (an integer)",
                "app.yaml:7:3: sources.list: `list` is a word of the command line and cannot name a source; choose another name",
                "app.yaml:9:5: sources.db.postgress: is no kind of source (did you mean `postgres`?)",
                "app.yaml:10:22: sources.both: a source is of one kind, this one is of 2: `files` in line 10 and `postgres` in line 10",
                "app.yaml:12:36: sources.port.postgres.port: wants an integer from 1 to 65535, not `70000` (an integer)",
                "app.yaml:12:54: sources.port.postgres.lock-wait: wants a duration such as `90s`, `10m`, `26h` or `8d`, not `soon` (a string)",
                "app.yaml:12:60: sources.port.postgres.pasword: there is no such key here (did you mean `password`?)",
                "app.yaml:13:3: sources.empty: says not of which kind it is; a source is `files:`, `postgres:` or `command:`",
                "app.yaml:14:21: sources.nodb.postgres: names no database",
                "app.yaml:15:20: sources.nopath.files.paths: is missing; it wants a list of paths",
                "app.yaml:15:42: sources.nopath.files.sqlite: wants one of `consistent`, `warn` or `raw`, not `consistant` (a string) (did you mean `consistent`?)",
                "app.yaml:18:54: repositories.offsite.follows: there is no repository `locla` (did you mean `local`?)",
            ])
    }

    @Test func `a profile without sources and repositories is told so`() throws {
        #expect(
            try fixture.messages("profile: a\n") == [
                "app.yaml:1:1: sources: a profile needs at least one source",
                "app.yaml:1:1: repositories: a profile needs at least one repository that follows no other",
            ])
    }

    @Test func `two repositories that follow none are one too many`() throws {
        let text = plainProfile + "\n  other: { restic: /r2, password: env:P }\n"
        #expect(try fixture.messages(text).map { $0.contains("`local` and `other` follow no other") } == [true])
    }

    @Test func `a circle of followers is told once`() throws {
        let text =
            plainProfile + """

                  a: { restic: /a, password: env:P, follows: b }
                  b: { restic: /b, password: env:P, follows: a }
                  c: { restic: /c, password: env:P, follows: c }
                """
        let messages = try fixture.messages(text)
        #expect(messages.count == 2, "\(messages)")
        #expect(messages[0].contains("follow one another: a → b → a"))
        #expect(messages[1].contains("cannot follow itself"))
    }

    @Test(
        arguments: [
            ("follows: local, by: mirror, generations: 30d, expiry: 90d", nil),
            ("follows: local, access: write-only, generations: 30d", nil),
            ("follows: local, by: mirror, generations: 30d, expiry: 60d", nil),
            ("follows: local, by: mirror, generations: 30d, expiry: 59d", "at least twice"),
            ("follows: local, by: mirror, expiry: 90d", "add `generations:`"),
            ("follows: local, by: mirror, generations: 3h", "a day or longer"),
            ("follows: local, by: mirror, generations: often", "such as"),
            ("follows: local, generations: 30d", "goes with `follows:` and `by: mirror` alone"),
            (
                "follows: local, by: copy, generations: 30d",
                "goes with `follows:` and `by: mirror` alone"
            ),
            ("follows: local, by: copy, expiry: 30d", "goes with `follows:` and `by: mirror` alone"),
        ] as [(String, String?)])
    func `generations go with a mirror, and an expiry leaves room for two of them`(
        keys: String, refusal: String?
    ) throws {
        let text = plainProfile + "\n  other: { restic: /r2, password: env:P, \(keys) }\n"
        if let refusal {
            let messages = try fixture.messages(text)
            #expect(messages.count == 1 && messages[0].contains(refusal), "\(messages)")
        } else {
            let generations = try fixture.load(text).profile.repositories[1].follow?.generations
            let length = Duration.seconds(30 * 86_400)
            #expect(generations?.length == length && (generations?.expiry ?? .zero) >= length * 2)
        }
    }

    @Test(arguments: ["copy", "backup"])
    func `what has to read cannot be fed with a credential that may put and nothing else`(method: String) throws {
        let text =
            plainProfile
            + "\n  other: { restic: /r2, password: env:P, follows: local, access: write-only, by: \(method) }\n"
        let messages = try fixture.messages(text)
        #expect(messages.count == 1 && messages[0].contains("`\(method)` has to read what is there"), "\(messages)")
    }

    @Test func `a kind of a later version is named as unknown, with what there is`() throws {
        let messages = try fixture.messages(
            plainProfile.replacingOccurrences(of: "files: { paths: [/srv/app] }", with: "volume: app_data"))
        #expect(
            messages == [
                "app.yaml:4:5: sources.files.volume: is neither a key nor a kind of source in this version; a source is `files:`, `postgres:` or `command:`"
            ])
    }

    @Test func `a path that is there twice is told`() throws {
        let messages = try fixture.messages(
            plainProfile.replacingOccurrences(of: "[/srv/app]", with: "[/srv/app, /srv/./app]"))
        #expect(messages == ["app.yaml:4:32: sources.files.files.paths[1]: /srv/app is there already, in line 4"])
    }

    @Test func `settings reach the profile`() throws {
        let profile = try fixture.load(
            """
            profile: full
            description: anything
            host: other
            scratch: work
            state: ~/state
            cache: /var/cache/h
            nice: 10
            bandwidth: { upload: 2M, download: 1.5MiB }
            lock-wait: 1h30m
            parallel: 4
            time-limit: 6h
            retention: { last: 1, hourly: 2, daily: 3, weekly: 4, monthly: 5, quarterly: 6, yearly: 7, within: 1y6m, minimum: 3, max-removal: 25% }
            sources:
              a:
                files: /srv
                expect: { contains: [/srv/x], min-files: 10, min-bytes: 1K }
                unreadable: { tolerate: /srv/lock }
                on-failure: abort
            repositories:
              local: { restic: /r, password: { command: [pass, show, restic] }, environment: { A: b, C: env:D } }
            """
        ).profile
        #expect(profile.host == "other")
        #expect(profile.settings.scratch == fixture.folder["work"])
        #expect(profile.settings.state == "/home/op/state")
        #expect(profile.settings.cache == "/var/cache/h")
        #expect(profile.settings.niceness == 10)
        #expect(profile.settings.uploadLimit == .mebibytes(2))
        #expect(profile.settings.downloadLimit == .kibibytes(1536))
        #expect(profile.settings.lockWait == .seconds(5400))
        #expect(profile.settings.parallelSources == 4)
        #expect(profile.settings.timeLimit == .seconds(21_600))
        #expect(
            profile.retention
                == RetentionPolicy(
                    last: 1, hourly: 2, daily: 3, weekly: 4, monthly: 5, quarterly: 6, yearly: 7,
                    within: CalendarSpan(years: 1, months: 6),
                    minimum: 3, maximumRemoval: 0.25))
        #expect(profile.sources[0].expectations.contains == ["/srv/x"])
        #expect(profile.sources[0].expectations.minimumFiles == 10)
        #expect(profile.sources[0].expectations.minimumBytes == 1024)
        #expect(profile.sources[0].toleratedUnreadable == ["/srv/lock"])
        #expect(profile.sources[0].onFailure == .abort)
        #expect(profile.repositories[0].entry["password"]?.secret == .command(["pass", "show", "restic"]))
    }

    @Test func `keys of later work load and are named`() throws {
        let profile = try fixture.load(
            """
            schedule: { backup: daily 02:00, drill: monthly }
            objectives: { backup: 26h, key-age: 40d }
            hooks: [{ on: run.failed, run: [./notify.sh] }, { when: "", on: x }]
            notify: [{ slack: file:/x }]
            sources:
              db: { postgres: { database: x, through: { compose: y } }, cadence: weekly }
            repositories:
              local: { restic: /r, password: env:P }
              offsite: { restic: s3:x, password: env:P, follows: local, feed: on-request, access: write-only, by: mirror }
            """
        ).profile
        #expect(
            Set(profile.ignoredKeys) == ["notify", "sources.db.postgres.through"])
        #expect(profile.disabled == ["hooks[1]"])
        #expect(
            profile.repositories[1].follow
                == FollowSpec(leader: RepositoryName(unchecked: "local"), feed: .onRequest, method: .mirror))
        #expect(profile.repositories[1].access == .writeOnly)
        #expect(profile.name.rawValue == "app")
    }

    @Test func `words of YAML 1.1 are texts`() throws {
        for (text, wanted) in [
            ("yes", "yes"), ("on", "on"), ("1:30", "1:30"), ("08", "08"), ("0o17", "0o17"), ("1e3", "1e3"),
            ("1.0", "1.0"),
        ] {
            #expect(try fixture.load(plainProfile + "\nhost: \(text)\n").profile.host == wanted)
        }
        #expect(try fixture.load(plainProfile + "\nnice: 0o17\n").profile.settings.niceness == 15)
        #expect(try fixture.messages(plainProfile + "\nnice: 08\n").count == 1)
        #expect(try fixture.messages(plainProfile + "\nabstract: yes\n").count == 1)
    }

    @Test func `the digest follows what takes effect and nothing else`() throws {
        let one = try fixture.load(plainProfile).profile.digest
        #expect(one.count == 32)
        #expect(try fixture.load("# a comment\n" + plainProfile + "\n", as: "b.yaml").profile.digest == one)
        #expect(try fixture.load(plainProfile + "\nnice: 1\n").profile.digest != one)
    }

    @Test func `errors carry their exit codes and a next step`() throws {
        #expect {
            try fixture.load("nise: 1\n")
        } throws: { error in
            guard let error = error as? ProfileError else { return false }
            return ExitStatus(for: error.kind) == .badProfile && error.hint != nil
                && error.description.contains("3 problems")
        }
    }
}

/// Rules of retention for backups that were given a reason.
struct RetentionClassKeysTests {
    private let fixture: LoaderFixture

    init() throws { fixture = try LoaderFixture() }

    private func text(_ retention: String) -> String {
        """
        profile: app
        retention: \(retention)
        sources: { srv: { files: /srv } }
        repositories: { local: { restic: /r, password: env:P } }
        """
    }

    @Test func `classes take what they do not say of their safety from the rules around them`() throws {
        let retention = try fixture.load(
            text("{ daily: 7, minimum: 3, classes: { Pre_Deploy: { last: 4 }, release: { yearly: 9, minimum: 1 } } }")
        ).profile.retention
        #expect(retention.policy(of: "pre-deploy") == RetentionPolicy(last: 4, minimum: 3))
        #expect(retention.policy(of: "release") == RetentionPolicy(yearly: 9, minimum: 1))
        #expect(retention.policy(of: "regular").daily == 7)
    }

    @Test func `what is wrong in a class is named with its place`() throws {
        let messages = try fixture.messages(
            text("{ classes: { pre-deploy: { lats: 4, max-removal: 200% }, regular: { last: 1 } } }"))
        #expect(messages.contains { $0.contains("retention.classes.pre-deploy.lats") && $0.contains("`last`") })
        #expect(messages.contains { $0.contains("retention.classes.pre-deploy.max-removal: wants a share") })
        #expect(messages.contains { $0.contains("retention.classes.regular") && $0.contains("without a reason") })
    }
}
