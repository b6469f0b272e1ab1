import BackupModel
import Foundation
import TestSupport
import Testing

@testable import Notifiers

/// What each service is sent, by a server that writes it down.
struct WebNotifierTests {
    private let sink: HTTPSink

    init() throws { sink = try HTTPSink() }

    private func send(
        _ entry: [(String, Any)], _ message: NotificationMessage = Scene.message(), secrets: [String: String]? = nil
    ) async throws -> HTTPSink.Request {
        let secrets = secrets ?? ["URL": sink.address + "/hook"]
        try await Scene.notifier(entry, secrets: secrets).deliver(message)
        return try #require(sink.requests().last)
    }

    @Test func `Slack gets plain text blocks in which nobody is called`() async throws {
        let long = Failure("<!channel> & <https://evil.example|here> " + String(repeating: "<", count: 900))
        let request = try await send(
            [("slack", "env:URL")], Scene.message(failures: Array(repeating: long, count: 5)))
        #expect(request.method == "POST" && request.path == "/hook")
        #expect(request.headers["content-type"] == "application/json")
        let document = try request.document()
        #expect(document["text"] as? String == "backup of app on host1 failed")
        let blocks = try #require(document["blocks"] as? [[String: Any]])
        let texts = blocks.compactMap { $0["text"] as? [String: Any] }
        #expect(texts.map { $0["type"] as? String } == ["plain_text", "plain_text"])
        let body = try #require(texts.last?["text"] as? String)
        #expect(body.contains("&lt;!channel&gt; &amp; ") && !body.contains("<"))
        #expect(body.utf16.count <= 3000 && body.hasSuffix("…"))
    }

    @Test func `Discord gets no more than it takes, without markup and mentions`() async throws {
        let long = Failure("@everyone **bold** " + String(repeating: "*", count: 900))
        let request = try await send(
            [("discord", "env:URL")], Scene.message(failures: Array(repeating: long, count: 5)))
        #expect(request.path == "/hook?wait=true")
        let document = try request.document()
        let content = try #require(document["content"] as? String)
        #expect(content.hasPrefix("**backup of app on host1 failed**\n") && content.utf16.count <= 2000)
        #expect(content.contains(#"\@everyone \*\*bold\*\*"#))
        #expect((document["allowed_mentions"] as? [String: [String]])?["parse"] == [])
    }

    @Test func `an address of Discord that has a query keeps it`() async throws {
        let request = try await send(
            [("discord", "env:URL")], secrets: ["URL": sink.address + "/hook?thread_id=7"])
        #expect(request.path == "/hook?thread_id=7&wait=true")
    }

    @Test func `ntfy gets topic, title, text, priority and token`() async throws {
        let entry: [(String, Any)] = [
            (
                "ntfy",
                [("server", sink.address), ("topic", "env:TOPIC"), ("token", "env:TOKEN"), ("priority", 5)]
                    as [(String, Any)]
            )
        ]
        let secrets = ["TOPIC": "secret-topic", "TOKEN": "tk_12345"]
        let huge = Array(repeating: Failure(String(repeating: "ü", count: 999)), count: 5)
        let request = try await send(entry, Scene.message(host: "hôst", failures: huge), secrets: secrets)
        #expect(request.path == "/" && request.headers["authorization"] == "Bearer tk_12345")
        let document = try request.document()
        #expect(document["topic"] as? String == "secret-topic" && document["priority"] as? Int == 5)
        #expect(document["title"] as? String == "backup of app on hôst failed")
        #expect(try #require(document["message"] as? String).utf8.count <= 4000)
        let good = try await send(entry, Scene.message(.succeeded), secrets: secrets).document()
        #expect(good["priority"] as? Int == 2)
    }

    @Test func `ntfy takes a whole address, the topic last`() async throws {
        let request = try await send([("ntfy", "env:URL")], secrets: ["URL": sink.address + "/below/mytopic/"])
        #expect(try request.path == "/below/" && (request.document()["topic"] as? String) == "mytopic")
    }

    @Test func `a webhook gets the documented JSON`() async throws {
        let request = try await send([("webhook", sink.address + "/x")])
        let document = try request.document()
        #expect(document["version"] as? Int == 1 && document["event"] as? String == "failed")
        #expect(document["run"] as? String == "20261121T023000Z-7f3a9c")
    }

    @Test func `a template is filled in, escaped for JSON`() async throws {
        let entry: [(String, Any)] = [
            (
                "webhook",
                [
                    ("url", "env:URL"), ("method", "PUT"), ("body", #"{"t": "{{subject}}", "x": "{{ text }}"}"#),
                    ("headers", [("X-Key", "env:KEY"), ("X-Plain", "yes")] as [(String, Any)]),
                ] as [(String, Any)]
            )
        ]
        let message = Scene.message(failures: [Failure(#"a "quoted" \ back"#)])
        let request = try await send(entry, message, secrets: ["URL": sink.address + "/h", "KEY": "k3y"])
        #expect(request.method == "PUT" && request.headers["x-key"] == "k3y" && request.headers["x-plain"] == "yes")
        let document = try request.document()
        #expect(document["t"] as? String == message.subject)
        #expect((document["x"] as? String)?.contains(#"a "quoted" \ back"#) == true)
    }

    @Test func `a template for a form is escaped for a form, and GET sends no body`() async throws {
        let form = try await send([
            (
                "webhook",
                [
                    ("url", sink.address), ("content-type", "application/x-www-form-urlencoded"),
                    ("body", "m={{subject}}&u=1"),
                ] as [(String, Any)]
            )
        ])
        #expect(form.body == "m=backup%20of%20app%20on%20host1%20failed&u=1")
        let get = try await send([
            ("webhook", [("url", sink.address + "/q?a=1"), ("method", "GET")] as [(String, Any)])
        ])
        #expect(get.method == "GET" && get.body.isEmpty && get.path == "/q?a=1")
    }

    @Test func `a secret header with a line break in it is refused`() async throws {
        let entry: [(String, Any)] = [
            (
                "webhook",
                [("url", sink.address), ("headers", [("X-Key", "env:KEY")] as [(String, Any)])] as [(String, Any)]
            )
        ]
        await #expect {
            try await Scene.notifier(entry, secrets: ["KEY": "a\r\nEvil: 1"]).deliver(Scene.message())
        } throws: { ($0 as? NotifierError)?.kind == .badProfile }
        #expect(try sink.requests().isEmpty)
    }

    @Test func `Healthchecks is pinged at the start and the end of one run`() async throws {
        let entry: [(String, Any)] = [("healthchecks", "env:URL")]
        var paths: [String] = []
        for message in [
            Scene.message(.started), Scene.message(.succeeded), Scene.message(.failed), Scene.message(.partial),
            Scene.message(.partial, outcome: .degraded), Scene.message(.skipped),
        ] {
            let request = try await send(entry, message)
            #expect(request.body.isEmpty, "nothing of a run is told unless it is asked for")
            paths.append(request.path)
        }
        let run = "?rid=20261121-0230-8000-8000-0000007f3a9c"
        #expect(
            paths == [
                "/hook/start\(run)", "/hook\(run)", "/hook/fail\(run)", "/hook/fail\(run)", "/hook\(run)",
                "/hook/log\(run)",
            ])
        #expect(UUID(uuidString: String(run.dropFirst(5))) != nil)
    }

    @Test func `Healthchecks gets what failed only where that is asked for, and not much of it`() async throws {
        let entry: [(String, Any)] = [("healthchecks", [("url", "env:URL"), ("body", true)] as [(String, Any)])]
        let request = try await send(
            entry, Scene.message(failures: Array(repeating: Failure(String(repeating: "é", count: 1000)), count: 5)),
            secrets: ["URL": sink.address + "/key/slug?create=1"])
        #expect(request.path.hasPrefix("/key/slug/fail?create=1&rid="))
        #expect(request.body.hasPrefix("backup of app on host1 failed\n\n") && request.body.utf8.count <= 10_000)
    }

    @Test(arguments: ["OK (not found)", "OK (rate limited)"])
    func `a ping that Healthchecks did not count is not delivered`(_ answer: String) async throws {
        let step = #"{"status": 200, "body": "\#(answer)"}"#
        try sink.plan(step, step, step)
        await #expect(throws: NotifierError.self) {
            try await Scene.notifier([("healthchecks", "env:URL")], secrets: ["URL": sink.address]).deliver(
                Scene.message())
        }
    }

    @Test func `Alertmanager gets an alert for each severity, of which one goes on`() async throws {
        let entry: [(String, Any)] = [
            (
                "alertmanager",
                [
                    ("url", sink.address), ("user", "me"), ("password", "env:WORD"),
                    ("labels", [("team", "ops")] as [(String, Any)]),
                ] as [(String, Any)]
            )
        ]
        let request = try await send(entry, secrets: ["WORD": "w0rd"])
        #expect(request.path == "/api/v2/alerts")
        #expect(request.headers["authorization"] == "Basic " + Data("me:w0rd".utf8).base64EncodedString())
        let alerts = try #require(try JSONSerialization.jsonObject(with: Data(request.body.utf8)) as? [[String: Any]])
        let labels = alerts.compactMap { $0["labels"] as? [String: String] }
        #expect(
            labels.first == [
                "alertname": "HoldfastBackup", "profile": "app", "host": "host1", "severity": "critical", "team": "ops",
            ])
        #expect(labels.map { $0["severity"] } == ["critical", "warning"])
        #expect(alerts.map { $0["endsAt"] as? String } == ["2026-12-05T02:30:00.000Z", "2026-11-21T02:30:00.000Z"])
        #expect(alerts[0]["startsAt"] as? String == "2026-11-21T01:30:00.000Z")
    }
}
