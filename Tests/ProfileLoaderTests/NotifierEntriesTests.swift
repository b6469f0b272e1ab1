import BackupModel
import Foundation
import Notifiers
import ProfileLoader
import TestSupport
import Testing

/// `notify:` in a profile.
struct NotifierEntriesTests {
    private let folder: ScratchFolder

    init() throws { folder = try ScratchFolder("notify") }

    private var loader: ProfileLoader {
        ProfileLoader(
            sources: [StandIn.files], repositories: [StandIn.restic],
            notifiers: NotifierRegistry.kinds.map(\.descriptor), environment: [:], home: "/home/op",
            hostName: "testhost")
    }

    private func load(_ notify: String) throws -> LoadedProfile {
        try loader.load(folder.write(plainProfile + "\n" + notify + "\n", to: "app.yaml"))
    }

    private func messages(_ notify: String) throws -> [String] {
        try loader.problems(in: folder.write(plainProfile + "\n" + notify + "\n", to: "app.yaml")).map {
            $0.description.replacingOccurrences(of: folder.path + "/", with: "")
        }
    }

    @Test func `an entry becomes a notifier, with defaults`() throws {
        let profile = try load(
            """
            notify:
              - { command: [/bin/tell, me] }
              - { command: [/bin/mail], on: [failed, succeeded], manual: true, time-limit: 5s }
              - { name: phone, command: /bin/ring, on: failed }
            """
        ).profile
        #expect(profile.notifiers.map(\.name.rawValue) == ["command", "command-2", "phone"])
        #expect(
            profile.notifiers.map(\.events) == [nil, [.failed, .succeeded], [.failed]])
        #expect(profile.notifiers.map(\.manual) == [false, true, false])
        #expect(profile.notifiers[0].settings.strings == ["/bin/tell", "me"])
        #expect(profile.notifiers[1].entry["time-limit"]?.duration == .seconds(5))
        #expect(profile.ignoredKeys.isEmpty)
    }

    @Test func `kinds of later work load and are named`() throws {
        let mixed = try load(
            "notify: [{ pigeon: file:/x, on: [overdue] }, { command: [a] }, { telegraph: { station: t } }]"
        ).profile
        #expect(mixed.notifiers.count == 1)
        #expect(mixed.ignoredKeys == ["notify[0]", "notify[2]"])
        let later = try load("notify: { pigeon: { to: a@example.org } }").profile
        #expect(later.notifiers.isEmpty && later.ignoredKeys == ["notify"])
        #expect(try load("notify: []").profile.ignoredKeys.isEmpty)
        #expect(try load("notify: null").profile.ignoredKeys.isEmpty)
    }

    @Test(arguments: [
        ("{ command: [a], on: [failed, recoverd] }", "notify[0].on[1]: wants one of", "`recovered`?"),
        ("{ command: [a], maual: true }", "notify[0].maual: there is no such key", "`manual`?"),
        ("{ command: [] }", "notify[0].command: names no program", ""),
        ("{ command: { run: a } }", "notify[0].command: wants a list of texts", ""),
        ("{ command: [a], time-limit: soon }", "notify[0].time-limit: wants a duration", ""),
        ("{ comand: [a] }", "notify[0].comand: is no kind of notifier", "`command`?"),
        ("{ slack: \"https://hooks.slack.com/services/T/B/secret\" }", "notify[0].slack: wants", ""),
        ("{ command: [a], remind: sometimes }", "notify[0].remind: wants", ""),
        ("{ command: [a], quiet-hours: 22-7 }", "notify[0].quiet-hours: wants two times of day", ""),
        ("{ command: [a], quiet-hours: \"25:00-07:00\" }", "notify[0].quiet-hours: wants two times of day", ""),
        ("{ command: [a], digest: hourly }", "notify[0].digest: wants `daily 08:00`", ""),
        ("{ command: [a], on: digest }", "notify[0].on: wants one of", ""),
        ("{ email: nobody }", "notify[0].email: `nobody` is no address", ""),
        ("{ webhook: { url: \"http://h\", body: \"{{subjct}}\" } }", "is nothing that a message has", "`subject`?"),
        ("{ webhook: { url: \"http://h\", body: \"{{subject}}\" } }", "is no JSON when it is filled in", ""),
        (
            "{ webhook: { url: \"http://h\", headers: { \"X: Y\": a } } }",
            "notify[0].webhook.headers: `X: Y` is no name of a header", ""
        ),
        (
            "{ alertmanager: { url: \"http://h\", labels: { profile: x } } }",
            "notify[0].alertmanager.labels: `profile` is a label that every alert has anyway", ""
        ),
    ])
    func `what is wrong with an entry is said`(_ entry: String, _ message: String, _ suggestion: String) throws {
        let messages = try messages("notify: [\(entry)]")
        #expect(messages.count == 1)
        #expect(messages.first?.contains(message) == true, "\(messages)")
        #expect(suggestion.isEmpty || messages.first?.contains(suggestion) == true, "\(messages)")
    }

    @Test func `when somebody is told is read from the entry`() throws {
        let all = try load(
            """
            notify:
              - { email: ops@example.org, remind: 3d, quiet-hours: "22:00-07:00", urgent: failed, operations: [backup, restore] }
              - { ntfy: { topic: t }, remind: never, digest: weekly fri 17:30, digest-of: host }
            """
        ).profile.notifiers
        #expect(all[0].remind == .seconds(3 * 86_400) && all[0].urgent == [.failed])
        #expect(all[0].quietHours == QuietHours("22:00-07:00") && all[0].operations == [.backup, .restore])
        #expect(all[1].remind == nil && all[1].digest == DigestRule("weekly fri 17:30") && all[1].digestsAllProfiles)
    }

    @Test func `two of one name are refused`() throws {
        let messages = try messages("notify: [{ name: a, command: [x] }, { name: a, command: [y] }]")
        #expect(messages.map { $0.contains("notify[1].name: another notifier is called `a` already") } == [true])
    }

    @Test func `an entry can be switched off, in a list or alone`() throws {
        let listed = try load("notify: [{ command: [a], when: \"${UNSET:+yes}\" }, { command: [b], when: true }]")
            .profile
        #expect(listed.notifiers.map { $0.settings.strings } == [["b"]])
        #expect(listed.disabled == ["notify[0]"])
        let alone = try load("notify: { command: [a], when: no }").profile
        #expect(alone.notifiers.isEmpty && alone.disabled == ["notify"] && alone.ignoredKeys.isEmpty)
    }

    @Test func `what is shown has the defaults and loads to the same`() throws {
        let loaded = try load("notify: { command: [/bin/tell] }")
        #expect(loaded.effective.yaml.contains("time-limit: 60s"))
        let again = try loader.load(folder.write(loaded.effective.yaml, to: "again.yaml")).profile
        #expect(again.notifiers.map(\.events) == loaded.profile.notifiers.map(\.events))
        #expect(again.notifiers.map { $0.settings.strings } == [["/bin/tell"]])
    }

    @Test func `the reference and the schema have its keys`() throws {
        let notifiers = NotifierRegistry.kinds.map(\.descriptor)
        let reference = ProfileReference.markdown(
            sources: [StandIn.files], repositories: [StandIn.restic], notifiers: notifiers)
        for row in ["### `command`", "| `on` |", "| `manual` |", "| `time-limit` |", "## Notifiers"] {
            #expect(reference.contains(row), "\(row)")
        }
        let schema = try JSONText.object(
            ProfileSchema.json(sources: [StandIn.files], repositories: [StandIn.restic], notifiers: notifiers))
        let notify = try #require((schema["properties"] as? [String: Any])?["notify"] as? [String: Any])
        let forms = try #require(notify["anyOf"] as? [[String: Any]])
        #expect(forms[1]["$ref"] as? String == "#/$defs/notifier")
        let definition = (schema["$defs"] as? [String: Any])?["notifier"] as? [String: Any]
        let entry = try #require((definition?["anyOf"] as? [[String: Any]])?.first)
        #expect(entry["required"] as? [String] == ["command"])
        #expect(entry["additionalProperties"] as? Bool == false)
        #expect(
            Set(try #require(entry["properties"] as? [String: Any]).keys) == [
                "command", "time-limit", "on", "manual", "name", "when", "description", "operations", "remind",
                "quiet-hours", "urgent", "digest", "digest-of",
            ])
    }
}
