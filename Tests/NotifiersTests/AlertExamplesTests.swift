import BackupModel
import Foundation
import TestSupport
import Testing

@testable import Notifiers

/// The examples in `docs/alerts.md` are what is really sent. `HOLDFAST_WRITE_EXAMPLES=1` writes them anew.
struct AlertExamplesTests {
    private static let path = RealTools.packageRoot + "/docs/alerts.md"
    private static let marks = ("<!-- examples: written by a test -->\n", "<!-- end of examples -->")

    private static var messages: [(String, NotificationMessage)] {
        let digest = NotificationMessage(
            profile: ProfileName(unchecked: "app"), host: "host1", run: nil, operation: nil, event: .digest,
            outcome: nil,
            at: Scene.date,
            lines: [
                "8 runs from 2026-11-20 08:00 UTC to 2026-11-21 08:00 UTC", "app backup: 1 failed, 6 succeeded",
                "  last failed 2026-11-21 02:30 UTC, run 20261121T023000Z-7f3a9c: uploads: /srv/app/uploads is missing",
                "app verify: 1 succeeded",
            ], next: "holdfast history")
        return [
            ("failed", Scene.message(.failed)),
            (
                "partial",
                Scene.message(
                    .partial,
                    failures: [Failure("documents: 3 items could not be read, such as /srv/x: permission denied")],
                    outcome: .partial)
            ),
            (
                "anomaly",
                Scene.message(
                    .anomaly,
                    failures: [
                        Failure("documents: its newest snapshot, 7dc99ccc, holds 12 files, far from the usual 4210")
                    ],
                    outcome: .succeeded)
            ),
            ("overdue", Scene.overdue(["backup", "offsite nas"])), ("recovered", Scene.message(.recovered)),
            ("succeeded", Scene.message(.succeeded)), ("digest", digest),
        ]
    }

    private static func pretty(_ body: [UInt8]) throws -> String {
        let value = try JSONSerialization.jsonObject(with: Data(body))
        let data = try JSONSerialization.data(
            withJSONObject: value, options: [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted])
        return String(decoding: data, as: UTF8.self)
    }

    private static func rendered() throws -> String {
        var text = ""
        for (name, message) in messages {
            text += "### \(name)\n\n```text\n\(message.subject)\n\n\(MessageText.body(message))\n```\n\n"
        }
        let failed = Scene.message(.failed)
        let mail = MailMessage(from: "backup@example.org", to: ["ops@example.org"], message: failed).bytes()
        let ntfy = try Scene.notifier([("ntfy", [("topic", "mytopic")] as [(String, Any)])])
        let alerts = try Scene.notifier([("alertmanager", "http://localhost:9093")])
        let examples = [
            ("a mail", "text", String(decoding: mail, as: UTF8.self).replacing("\r\n", with: "\n")),
            ("slack", "json", try pretty(SlackNotifier.body(failed))),
            ("discord", "json", try pretty(DiscordNotifier.body(failed))),
            ("ntfy", "json", try pretty((ntfy as? NtfyNotifier)?.body(failed, topic: "mytopic") ?? [])),
            ("webhook and command", "json", try pretty(try MessageDocument(failed).bytes())),
            (
                "healthchecks", "text",
                "POST https://hc-ping.com/…\(HealthchecksNotifier.suffix(failed))?rid="
                    + (HealthchecksNotifier.uuid(RunID(unchecked: "20261121T023000Z-7f3a9c")) ?? "")
            ),
            ("alertmanager", "json", try pretty(JSONBytes.of((alerts as? AlertmanagerNotifier)?.alerts(failed) ?? []))),
        ]
        for (name, language, body) in examples {
            text += "### \(name)\n\n```\(language)\n\(body.trimmingCharacters(in: .newlines))\n```\n\n"
        }
        return text
    }

    @Test func `the examples in the documentation are what is sent`() throws {
        let page = try String(contentsOfFile: Self.path, encoding: .utf8)
        let start = try #require(page.range(of: Self.marks.0)?.upperBound)
        let end = try #require(page.range(of: Self.marks.1)?.lowerBound)
        let wanted = try Self.rendered()
        if ProcessInfo.processInfo.environment["HOLDFAST_WRITE_EXAMPLES"] == "1" {
            try (page[..<start] + wanted + page[end...]).write(toFile: Self.path, atomically: true, encoding: .utf8)
        } else {
            #expect(page[start..<end] == wanted)
        }
    }

    @Test func `every event that can be asked for has a subject that is short`() {
        for event in NotificationEvent.choices where event != .overdue {
            #expect(Scene.message(event).subject.count < 60)
        }
        #expect(
            Scene.message(.failed, repository: RepositoryName(unchecked: "nas")).subject
                == "backup (nas) of app on host1 failed")
    }
}
