import BackupModel
import Foundation
import TestSupport
import Testing
import Tools

@testable import Notifiers

/// Mails, by `sendmail` and by SMTP.
struct EmailNotifierTests {
    private let folder: ScratchFolder

    init() throws { folder = try ScratchFolder("mail") }

    private func entry(_ keys: [(String, Any)]) -> [(String, Any)] {
        [
            (
                "email",
                [("to", ["ops@example.org", "gone@example.org"]), ("from", "backup@example.org")] + keys
                    as [(String, Any)]
            )
        ]
    }

    private func send(
        to sink: SMTPSink, _ keys: [(String, Any)] = [], signingInWith password: String? = nil, trusting: Bool = true,
        _ message: NotificationMessage = Scene.message()
    ) async throws {
        let user: [(String, Any)] = password == nil ? [] : [("user", "tester"), ("password", "env:WORD")]
        var all = entry([("server", sink.address)] + keys + user)
        if trusting, let certificate = sink.certificate { all.append(("ca-certificates", certificate)) }
        try await Scene.notifier(all, secrets: ["WORD": password ?? "-"]).deliver(message)
    }

    private func error(_ work: () async throws -> Void) async throws -> NotifierError {
        do { try await work() } catch let error as NotifierError { return error }
        throw JSONText.Unexpected("it was delivered")
    }

    @Test func `a mail has the headers of one that a program wrote`() throws {
        let mail = MailMessage(
            from: "backup@example.org", to: ["ops@example.org", "b@example.org"], message: Scene.message(host: "hôst"))
        let text = String(decoding: mail.bytes(), as: UTF8.self)
        let head = try #require(text.components(separatedBy: "\r\n\r\n").first)
        for line in [
            "From: backup@example.org", "To: ops@example.org,\r\n b@example.org",
            "Subject: =?utf-8?B?\(Data("backup of app on hôst failed".utf8).base64EncodedString())?=",
            "Date: Sat, 21 Nov 2026 02:30:00 +0000",
            "Message-ID: <20261121T023000Z-7f3a9c.backup.failed.app@example.org>", "Auto-Submitted: auto-generated",
            "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: base64",
        ] {
            #expect(head.contains(line), "\(line) in \(head)")
        }
        #expect(!text.replacing("\r\n", with: "").contains { $0 == "\n" || $0 == "\r" })
        #expect(text.components(separatedBy: "\r\n").allSatisfy { $0.utf8.count <= 998 })
    }

    @Test func `a subject cannot begin a header of its own`() {
        let mail = MailMessage(
            from: "a@b.c", to: ["d@e.f"], message: Scene.message(host: "h\r\nBcc: evil@example.org\r\n\r\nboo"))
        let lines = String(decoding: mail.bytes(), as: UTF8.self).components(separatedBy: "\r\n")
        #expect(!lines.contains { $0.lowercased().hasPrefix("bcc") })
    }

    @Test func `a long subject of another script is cut between letters only`() {
        let text = String(repeating: "Sicherungsläufe ", count: 12)
        let encoded = MailMessage.encoded(text)
        for word in encoded.components(separatedBy: "\r\n ") {
            #expect(word.count <= 75 && word.hasPrefix("=?utf-8?B?") && word.hasSuffix("?="))
            let inner = word.dropFirst(10).dropLast(2)
            #expect(Data(base64Encoded: String(inner)).flatMap { String(data: $0, encoding: .utf8) } != nil)
        }
    }

    @Test(arguments: [
        "a@b@c", "@b", "-oX/tmp@x", "a b@c", "a@b\r\nRCPT TO:<x>", "Ops <a@b>", "a@b,c@d", "a@", "a",
    ])
    func `what is no address is refused by the check of a profile`(_ address: String) {
        let problems = EmailNotifier.descriptor.check(Scene.value([("email", address)] as [(String, Any)]))
        #expect(problems.count == 1)
    }

    @Test(
        arguments: [
            ([("to", "a@b.c"), ("server", "smtp://mail")], "from"),
            ([("to", "a@b.c"), ("from", "a@b.c"), ("server", "mail.example.org")], "smtps://host:465"),
            ([("to", "a@b.c"), ("from", "a@b.c"), ("server", "smtp://u:p@mail")], "without a user"),
            ([("to", "a@b.c"), ("from", "a@b.c"), ("server", "smtp://m"), ("user", "u")], "go together"),
            ([("to", "a@b.c"), ("password", "env:X")], "goes with `server:`"),
            (
                [
                    ("to", "a@b.c"), ("from", "a@b.c"), ("server", "smtp://m"), ("user", "u"), ("password", "env:X"),
                    ("tls", "never"),
                ], "for anybody to read"
            ),
        ] as [([(String, String)], String)])
    func `settings that cannot be meant are refused`(_ keys: [(String, String)], _ words: String) {
        let settings: [(String, Any)] = keys.map { ($0.0, $0.1) }
        let problems = EmailNotifier.descriptor.check(Scene.value([("email", settings)] as [(String, Any)]))
        #expect(problems.contains { $0.message.contains(words) || $0.keyPath.contains(words) }, "\(problems)")
    }

    @Test func `sendmail gets sender, addresses and the mail with plain lines`() async throws {
        let program = try folder.write(
            "#!/bin/sh\nprintf '%s\\n' \"$@\" > '\(folder["args"])'\ncat > '\(folder["mail"])'\n", to: "sendmail",
            mode: 0o755)
        let notifier = try Scene.notifier(entry([("sendmail", program)]))
        #expect(try await notifier.preflight() == "\(program) to ops@example.org, gone@example.org")
        try await notifier.deliver(Scene.message())
        #expect(
            try String(contentsOfFile: folder["args"], encoding: .utf8)
                == "-i\n-f\nbackup@example.org\nops@example.org\ngone@example.org\n")
        let mail = try String(contentsOfFile: folder["mail"], encoding: .utf8)
        #expect(mail.contains("\nSubject: backup of app on host1 failed\n") && !mail.contains("\r"))
    }

    @Test func `a sendmail that fails, or is not there, is an error`() async throws {
        let program = try folder.write("#!/bin/sh\necho no route >&2\nexit 75\n", to: "sendmail", mode: 0o755)
        let refused = NotifierError.refused(program: program, how: "exit code 75", detail: "no route")
        await #expect(throws: refused) {
            try await Scene.notifier(entry([("sendmail", program)])).deliver(Scene.message())
        }
        let missing = try await error {
            _ = try await Scene.notifier(entry([("sendmail", folder["none"])])).preflight()
        }
        #expect(missing.kind == .toolMissing)
    }

    @Test(arguments: [SMTPSink.Security.none, .startTLS, .implicit])
    func `a server gets the mail, over TLS where it has it`(_ security: SMTPSink.Security) async throws {
        let sink = try SMTPSink(security, asksForUser: true)
        let keys: [(String, Any)] = security == .none ? [] : [("tls", "required")]
        let dots = Scene.message(failures: [Failure(". a line that begins with a dot")])
        try await send(to: sink, keys, signingInWith: sink.password, dots)
        let mail = try #require(sink.mails().first)
        #expect(mail["from"] as? String == "backup@example.org" && mail["user"] as? String == "tester")
        #expect(mail["to"] as? [String] == ["ops@example.org", "gone@example.org"])
        #expect(mail["tls"] as? Bool == (security != .none))
        let data = try #require(mail["data"] as? String)
        #expect(data.contains("- . a line") && data.contains("Subject: backup of app on host1 failed"))
    }

    @Test func `a wrong password is an error that does not repeat it`() async throws {
        let sink = try SMTPSink(asksForUser: true)
        let error = try await error { try await send(to: sink, signingInWith: "not-the-password") }
        #expect(error.hint?.contains("`password:`") == true, "\(error)")
        #expect(!error.description.contains("not-the-password"))
    }

    @Test func `a server without TLS is refused where TLS is required`() async throws {
        let sink = try SMTPSink(asksForUser: true)
        let error = try await error { try await send(to: sink, [("tls", "required")], signingInWith: sink.password) }
        #expect(error.kind == .serverUnreachable && error.hint?.contains("TLS") == true, "\(error)")
        #expect(try sink.mails().isEmpty)
    }

    @Test(arguments: [SMTPSink.Security.startTLS, .implicit])
    func `a certificate that nobody vouches for is refused`(_ security: SMTPSink.Security) async throws {
        let sink = try SMTPSink(security)
        let error = try await error { try await send(to: sink, [("tls", "required")], trusting: false) }
        #expect(error.hint?.contains("ca-certificates") == true, "\(error)")
        #expect(try sink.mails().isEmpty)
    }

    @Test func `an address that is no longer there does not keep the others from it`() async throws {
        let sink = try SMTPSink(fault: "refuse-one")
        try await send(to: sink)
        #expect(try sink.mails().map { $0["to"] as? [String] } == [["ops@example.org"]])
    }

    @Test func `a server that takes no address is an error with its words`() async throws {
        let sink = try SMTPSink(fault: "refuse")
        let error = try await error { try await send(to: sink) }
        #expect(error.description.contains("550") && error.hint?.contains("does not take mail") == true, "\(error)")
    }

    @Test func `a server that says come again is asked again`() async throws {
        let sink = try SMTPSink(fault: "grey")
        try await send(to: sink)
        #expect(try sink.mails().count == 1)
    }

    @Test(.timeLimit(.minutes(1)), arguments: ["busy", "cut", "hang"])
    func `a server that stumbles or hangs is an error, in time`(_ fault: String) async throws {
        let sink = try SMTPSink(fault: fault)
        let entry: [(String, Any)] = entry([("server", sink.address)]) + [("time-limit", "2s")]
        await #expect(throws: NotifierError.self) { try await Scene.notifier(entry).deliver(Scene.message()) }
        #expect(try sink.mails().count <= 1)
    }
}
