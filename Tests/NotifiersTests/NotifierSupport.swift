import BackupModel
import Foundation
import TestSupport
import Tools

@testable import Notifiers

/// What tests of notifiers are made of.
enum Scene {
    static let date = Date(timeIntervalSince1970: 1_795_228_200)

    static func message(
        _ event: NotificationEvent = .failed, host: String = "host1", failures: [Failure]? = nil,
        outcome: Outcome? = nil, repository: RepositoryName? = nil
    ) -> NotificationMessage {
        let bad = [
            Failure("uploads: /srv/app/uploads is missing", hint: "check the path, and whether its disk is mounted")
        ]
        return NotificationMessage(
            profile: ProfileName(unchecked: "app"), host: host, run: RunID(unchecked: "20261121T023000Z-7f3a9c"),
            operation: .backup, event: event, outcome: outcome ?? (event.isBad ? .failed : .succeeded), at: date,
            repository: repository, failingSince: event.isBad || event == .recovered ? date - 3600 : nil,
            failures: failures ?? (event.isBad ? bad : []),
            next: event.isBad ? "holdfast show -p app 20261121T023000Z-7f3a9c" : nil)
    }

    static func overdue(_ names: [String]) -> NotificationMessage {
        NotificationMessage(
            profile: ProfileName(unchecked: "app"), host: "host1", run: nil, operation: nil, event: .overdue,
            outcome: nil,
            at: date, failingSince: date - 7200,
            overdue: names.map {
                OverdueItem(
                    what: $0, lastSuccess: date - 86_400, objective: .seconds(26 * 3600), since: date - 7200,
                    hint: "holdfast why -p app")
            }, next: "holdfast status -p app")
    }

    /// A value of a profile, from literals: texts, numbers, lists, and lists of pairs for maps.
    static func value(_ content: Any) -> ConfigValue {
        let place = SourceLocation(file: "/tmp/app.yaml", line: 1, column: 1)
        let typed: ConfigValue.Content =
            switch content {
            case let text as String: .string(text)
            case let flag as Bool: .boolean(flag)
            case let number as Int: .integer(Int64(number))
            case let map as [(String, Any)]:
                .map(map.map { ConfigValue.Entry(key: $0.0, keyLocation: place, value: value($0.1)) })
            case let list as [Any]: .list(list.map { value($0) })
            default: .null
            }
        return ConfigValue(typed, at: place)
    }

    /// - Parameters:
    ///   - entry: the kind's key first.
    ///   - secrets: by their references' names, as `env:` has them.
    static func notifier(
        _ entry: [(String, Any)], secrets: [String: String] = [:], runner: (any ToolRunner)? = nil,
        clock: TestClock = TestClock(at: date, movesBySleeping: true)
    ) throws -> any Notifier {
        let store = MemorySecrets()
        for (name, text) in secrets { store.set(.environment(name), to: Secret(text)) }
        let spec = NotifierSpec(name: NotifierName(unchecked: "pager"), kind: entry[0].0, entry: value(entry))
        let services = Services(
            runner: try runner ?? SupervisedRunner(), secrets: store, host: FakeHost(), clock: clock,
            settings: ProfileSettings())
        return try NotifierRegistry.make(spec, services)
    }

    /// Every kind there is, at some address, with a secret wherever one may stand.
    static func entry(of kind: String, at address: String) -> (entry: [(String, Any)], secrets: [String: String])? {
        let url = ["URL": address + "/hook/\(secret)"]
        let entries: [String: ([(String, Any)], [String: String])] = [
            "command": ([("command", ["curl", "--disable"])], [:]),
            "email": (
                [
                    (
                        "email",
                        [
                            ("to", "ops@example.org"), ("from", "backup@example.org"),
                            ("server", address.replacing("http://", with: "smtp://")), ("user", "tester"),
                            ("password", "env:WORD"), ("tls", "never"),
                        ] as [(String, Any)]
                    )
                ], ["WORD": secret]
            ),
            "slack": ([("slack", "env:URL")], url), "discord": ([("discord", "env:URL")], url),
            "ntfy": (
                [("ntfy", [("server", address), ("topic", "env:TOPIC"), ("token", "env:WORD")] as [(String, Any)])],
                ["TOPIC": secret, "WORD": "tk_\(secret)"]
            ),
            "webhook": (
                [
                    (
                        "webhook",
                        [("url", "env:URL"), ("headers", [("X-Key", "env:WORD")] as [(String, Any)])] as [(String, Any)]
                    )
                ],
                url.merging(["WORD": "word-\(secret)"]) { $1 }
            ),
            "healthchecks": ([("healthchecks", "env:URL")], url),
            "alertmanager": (
                [
                    (
                        "alertmanager",
                        [("url", address), ("user", "tester"), ("password", "env:WORD")] as [(String, Any)]
                    )
                ], ["WORD": secret]
            ),
        ]
        return entries[kind]
    }

    static let secret = "sesame-7c1f9e02b5d84a36"
}
