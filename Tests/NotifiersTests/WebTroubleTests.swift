import BackupModel
import Foundation
import TestSupport
import Testing

@testable import Notifiers

/// Servers that refuse, stumble, hang, lie about who they are, or point elsewhere.
struct WebTroubleTests {
    private let clock = TestClock(at: Scene.date, movesBySleeping: true)

    private func deliver(to address: String, _ more: [(String, Any)] = []) async throws {
        try await Scene.notifier([("slack", "env:URL")] + more, secrets: ["URL": address], clock: clock)
            .deliver(Scene.message())
    }

    private func error(to address: String, _ more: [(String, Any)] = []) async throws -> NotifierError {
        do { try await deliver(to: address, more) } catch let error as NotifierError { return error }
        throw JSONText.Unexpected("it was delivered")
    }

    @Test func `a server that stumbles is asked again, a little later each time`() async throws {
        let sink = try HTTPSink()
        try sink.plan(#"{"status": 500}"#, #"{"status": 503}"#)
        try await deliver(to: sink.address)
        #expect(try sink.requests().count == 3)
        #expect(clock.sleeps == [.seconds(1), .seconds(4)])
    }

    @Test func `a server that goes on stumbling is given up after three attempts`() async throws {
        let sink = try HTTPSink()
        let step = #"{"status": 502, "body": "<html>bad gateway</html>"}"#
        try sink.plan(step, step, step, step)
        let error = try await error(to: sink.address)
        #expect(error.kind == .tryLater && error.description == "Slack did not take it (status 502)")
        #expect(try sink.requests().count == 3)
    }

    @Test func `a server that wants to be left alone is left alone for so long`() async throws {
        let sink = try HTTPSink()
        try sink.plan(#"{"status": 429, "headers": {"Retry-After": "7"}}"#)
        try await deliver(to: sink.address)
        #expect(clock.sleeps == [.seconds(7)])
    }

    @Test func `one that wants to be left alone for long is not waited for, and not asked before`() async throws {
        let sink = try HTTPSink()
        try sink.plan(#"{"status": 429, "headers": {"Retry-After": "3600"}}"#)
        let error = try await error(to: sink.address)
        #expect(clock.sleeps.isEmpty && error.retryAt == Scene.date + 3600)
        #expect(try sink.requests().count == 1)
    }

    @Test(arguments: [
        (400, FailureKind.failed, "right service"), (401, .notPermitted, "still valid"),
        (404, .notFound, "still exist"),
        (410, .notFound, "still exist"), (413, .failed, "too long"),
    ])
    func `a refusal is final, and says what to do`(_ status: Int, _ kind: FailureKind, _ hint: String) async throws {
        let sink = try HTTPSink()
        try sink.plan(#"{"status": \#(status), "body": "no_team \u001b[31m sesame"}"#)
        let error = try await error(to: sink.address)
        #expect(error.kind == kind && error.hint?.contains(hint) == true, "\(error)")
        #expect(error.description == "Slack did not take it (status \(status)): no_team  [31m sesame")
        #expect(try sink.requests().count == 1)
    }

    @Test(arguments: [#"{"close": true}"#, #"{"cut": true}"#])
    func `a connection that is lost is no delivery, and is tried again`(_ step: String) async throws {
        let sink = try HTTPSink()
        try sink.plan(step)
        try await deliver(to: sink.address)
        #expect(try sink.requests().count == 2)
    }

    @Test(.timeLimit(.minutes(1))) func `a server that never answers is given up at the time limit`() async throws {
        let sink = try HTTPSink()
        try sink.plan(#"{"hang": 300}"#, #"{"hang": 300}"#, #"{"hang": 300}"#)
        let begun = ContinuousClock.now
        let error = try await error(to: sink.address, [("time-limit", "1s")])
        #expect(ContinuousClock.now - begun < .seconds(15))
        #expect(error.kind == .serverUnreachable && error.hint?.contains("in time") == true, "\(error)")
    }

    @Test(arguments: [301, 302, 307, 308])
    func `no redirect is followed, for the secret would go along`(_ status: Int) async throws {
        let (sink, other) = (try HTTPSink(), try HTTPSink())
        try sink.plan(#"{"status": \#(status), "headers": {"Location": "\#(other.address)/taken"}, "body": "moved"}"#)
        let error = try await error(to: sink.address)
        #expect(error.hint?.contains("not followed") == true)
        #expect(!error.description.contains("\(other.port)"))
        #expect(try other.requests().isEmpty)
    }

    @Test func `a certificate that nobody vouches for is refused, until its authority is named`() async throws {
        let sink = try HTTPSink(encrypted: true)
        let error = try await error(to: sink.address)
        #expect(error.kind == .serverUnreachable && error.hint?.contains("ca-certificates") == true, "\(error)")
        #expect(try sink.requests().isEmpty)
        try await deliver(to: sink.address, [("ca-certificates", try #require(sink.certificate))])
        #expect(try sink.requests().count == 1)
        // The right authority, and another name than the certificate's.
        let named = sink.address.replacing("127.0.0.1", with: "localhost")
        await #expect(throws: NotifierError.self) {
            try await deliver(to: named, [("ca-certificates", try #require(sink.certificate))])
        }
        #expect(try sink.requests().count == 1)
    }

    @Test(arguments: [
        ("http://hooks.example.org/x", "anybody could read it"), ("ftp://h/x", "neither https:// nor http://"),
        ("https://user:word@h/x", "has a user in it"), ("https://h/x y", "no address has"),
        ("https://h/x\nurl = \"http://evil\"", "no address has"), ("https:///x", "names no host"),
        ("nonsense", "neither"),
    ])
    func `an address that cannot be right is refused and not repeated`(_ address: String, _ words: String) async throws
    {
        let error = try await error(to: address)
        #expect(error.kind == .badProfile && error.description.contains(words), "\(error)")
        #expect(!error.description.contains("/x") && !error.description.contains("word@"))
    }

    @Test(
        arguments: [
            [("ntfy", [("server", "http://far.example"), ("topic", "env:WORD")])],
            [("ntfy", [("server", "http://far.example"), ("topic", "t"), ("token", "env:WORD")])],
            [("alertmanager", [("url", "http://far.example"), ("user", "u"), ("password", "env:WORD")])],
            [("webhook", [("url", "http://far.example"), ("headers", "env:WORD")])],
        ] as [[(String, [(String, String)])]])
    func `no secret goes over the network for anybody to read`(_ entry: [(String, [(String, String)])]) async throws {
        let keys: [(String, Any)] = entry[0].1.map { key, text in
            (key, key == "headers" ? [("X-Key", text)] as [(String, Any)] : text as Any)
        }
        let runner = RecordingRunner()
        let notifier = try Scene.notifier([(entry[0].0, keys)], secrets: ["WORD": "sesame"], runner: runner)
        await #expect {
            try await notifier.deliver(Scene.message())
        } throws: { ($0 as? NotifierError)?.description.contains("anybody could read it") == true }
        #expect(runner.commands.isEmpty)
    }

    @Test func `brackets and braces in an address stay as they are`() async throws {
        let sink = try HTTPSink()
        try await deliver(to: sink.address + "/[1-3]/{a,b}")
        #expect(try sink.requests().map(\.path) == ["/[1-3]/{a,b}"])
    }
}
