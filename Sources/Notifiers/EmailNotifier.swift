package import BackupModel
import Foundation
import Programs

/// Mails, through the machine's `sendmail` or a server of SMTP.
/// - Source: https://www.postfix.org/sendmail.1.html (`-i`, `-f`; exit 75 is temporary); msmtp(1), exim(8) and busybox take the same.
package struct EmailNotifier: Notifier {
    package let spec: NotifierSpec
    private let services: Services

    package static let kind = NotifierKind(descriptor: descriptor) { (spec, services) throws(NotifierError) in
        EmailNotifier(spec, services)
    }

    package init(_ spec: NotifierSpec, _ services: Services) {
        self.spec = spec
        self.services = services
    }

    private static let places = ["/usr/sbin/sendmail", "/usr/lib/sendmail"]

    private var recipients: [String] { (spec.settings["to"] ?? spec.settings).strings }
    private var server: MailServer? { spec.settings["server"]?.text.flatMap(MailServer.init) }
    private var timeLimit: Duration { spec.entry["time-limit"]?.duration ?? .seconds(60) }

    package func preflight() async throws(NotifierError) -> String {
        let to = recipients.joined(separator: ", ")
        guard let server else { return "\(try sendmail()) to \(to)" }
        guard services.runner.locate("curl") != nil else {
            throw .tool(.notFound(program: "curl", searched: ["PATH"]))
        }
        _ = try await user()
        return "\(server.address) to \(to), by curl"
    }

    package func deliver(_ message: NotificationMessage) async throws(NotifierError) {
        let from = spec.settings["from"]?.text ?? Self.usualSender(message.host)
        let mail = MailMessage(from: from, to: recipients, message: message).bytes()
        if let server { try await send(mail, from, to: server) } else { try await hand(mail, from) }
    }

    /// `root@host1`
    private static func usualSender(_ host: String) -> String {
        func plain(_ text: String) -> String {
            text.filter { $0.isASCII && ($0.isLetter || $0.isNumber || "-.".contains($0)) }
        }
        let (user, host) = (plain(NSUserName()), plain(host))
        return "\(user.isEmpty ? "holdfast" : user)@\(host.isEmpty ? "localhost" : host)"
    }

    // MARK: sendmail

    private func sendmail() throws(NotifierError) -> String {
        if let path = spec.settings["sendmail"]?.text {
            guard FileManager.default.isExecutableFile(atPath: path) else {
                throw .tool(.notFound(program: path, searched: []))
            }
            return path
        }
        if let path = services.runner.locate("sendmail") { return path }
        if let path = Self.places.first(where: FileManager.default.isExecutableFile(atPath:)) { return path }
        throw .tool(.notFound(program: "sendmail", searched: ["PATH"] + Self.places))
    }

    private func hand(_ mail: [UInt8], _ from: String) async throws(NotifierError) {
        let program = try sendmail()
        var command = ToolCommand(program, ["-i", "-f", from] + recipients)
        // It is given lines as this system has them.
        command.input = .bytes(mail.filter { $0 != 13 })
        command.limits = ToolCommand.Limits(total: timeLimit, stall: nil)
        command.teardown = TeardownStep.terminateFirst
        command.whenOrphaned = .signal(.terminate)
        command.niceness = services.settings.niceness
        let result: ToolResult
        do { result = try await services.runner.run(command) } catch { throw .tool(error) }
        guard !result.didItsWork else { return }
        switch result.stopped {
        case .cancelled, .pipelineFailed: throw .cancelled(program: program)
        case .totalLimit, .stallLimit: throw .timedOut(program: program, limit: "\(Int(timeLimit.inSeconds)) s")
        case nil:
            let lastLine = result.errors.text.split(whereSeparator: \.isNewline).last ?? ""
            throw .refused(
                program: program, how: result.termination.description,
                detail: PlainText.line(String(lastLine), limit: 300))
        }
    }

    // MARK: SMTP

    private func user() async throws(NotifierError) -> (name: String, password: Secret)? {
        guard let reference = spec.settings["password"]?.secret else { return nil }
        let service = WebService(spec: spec, services: services, name: "mail")
        return (spec.settings["user"]?.text ?? "", try await service.secret(reference))
    }

    private func send(_ mail: [UInt8], _ from: String, to server: MailServer) async throws(NotifierError) {
        let hello = from.split(separator: "@").last.map(String.init) ?? "localhost"
        var request = CurlMail(
            server: server.address, from: from, to: recipients, mail: mail,
            requiresTLS: spec.settings["tls"]?.text.map { $0 == "required" } ?? !server.isLocal, hello: hello)
        request.user = try await user()
        request.certificates = spec.entry["ca-certificates"]?.text
        let begun = services.clock.uptime
        // A server that is greylisting or busy says so with 4xx; the outbox comes back to it.
        for attempt in 0..<2 {
            let left = timeLimit - (services.clock.uptime - begun)
            request.limit = max(.seconds(1), min(left, .seconds(30)))
            var command = request.command()
            command.niceness = services.settings.niceness
            let result: ToolResult
            do { result = try await services.runner.run(command) } catch { throw .tool(error) }
            switch (result.stopped, result.termination) {
            case (.cancelled, _), (.pipelineFailed, _): throw .cancelled(program: "curl")
            case (.totalLimit, _), (.stallLimit, _):
                throw .timedOut(program: "curl", limit: "\(Int(request.limit.inSeconds)) s")
            case (nil, .signaled):
                throw .refused(program: "curl", how: result.termination.description, detail: "")
            case (nil, .exited(let code)):
                if code == 0 { return }
                let error = MailTrouble.error(CurlMessage.answer(result.output.text, exitCode: code), server)
                let spent = services.clock.uptime - begun
                guard attempt == 0, error.mayPass, spent + .seconds(4) <= timeLimit else { throw error.error }
                do { try await services.clock.sleep(for: .seconds(2)) } catch { throw .cancelled(program: "curl") }
            }
        }
    }

    package static let descriptor = KindDescriptor(
        kind: "email",
        summary: "Mails: to one address or several, by the machine's `sendmail`, or with `server:` by SMTP.",
        shape: .either([
            .object([
                KeyDescriptor("to", .list(.string), "Addresses.", required: true, refusesSecrets: true),
                KeyDescriptor(
                    "from", .string, "The sender.", default: "the user at the host; needed with `server:`",
                    refusesSecrets: true),
                KeyDescriptor(
                    "server", .string,
                    "`smtps://host:465` (TLS at once) or `smtp://host:587` (TLS by STARTTLS).", refusesSecrets: true),
                KeyDescriptor("user", .string, "Who signs in there.", refusesSecrets: true),
                KeyDescriptor("password", .secret, "That user's."),
                KeyDescriptor(
                    "tls", .choice(["required", "never"]),
                    "Whether a server that offers no TLS is refused; without it mail and password can be read on the way.",
                    default: "required, but for a server on this machine"),
                KeyDescriptor("sendmail", .path, "The program that takes mails.", default: "sendmail"),
            ]), .list(.string),
        ]),
        siblingKeys: [WebService.timeLimitKey, WebService.certificatesKey],
        example: """
            email:
              to: [ops@example.org, boss@example.org]
              from: backup@example.org
              server: smtp://mail.example.org:587
              user: backup@example.org
              password: file:/etc/holdfast/mail-password
            """,
        check: problems)

    private static func problems(_ entry: ConfigValue) -> [ConfigProblem] {
        guard let value = entry["email"] else { return [] }
        var problems: [ConfigProblem] = []
        func refuse(_ place: ConfigValue, _ key: String, _ message: String) {
            problems.append(
                ConfigProblem(at: place.location, keyPath: key.isEmpty ? "email" : "email.\(key)", message: message))
        }
        let to = value["to"] ?? value
        if to.elements.isEmpty { refuse(to, value["to"] == nil ? "" : "to", "names no address") }
        for address in to.elements + [value["from"]].compactMap(\.self)
        where !MailMessage.isAddress(address.text ?? "") {
            let shown = PlainText.line(address.text ?? "", limit: 80)
            refuse(
                address, address == value["from"] ? "from" : value["to"] == nil ? "" : "to",
                "`\(shown)` is no address such as ops@example.org")
        }
        guard let server = value["server"] else {
            for key in ["user", "password", "tls"] {
                if let extra = value[key] { refuse(extra, key, "goes with `server:` alone") }
            }
            return problems
        }
        guard let address = MailServer(server.text ?? "") else {
            refuse(server, "server", "wants `smtps://host:465` or `smtp://host:587`, without a user")
            return problems
        }
        if value["from"] == nil { refuse(value, "from", "is missing; a server wants to know who sends") }
        if (value["user"] == nil) != (value["password"] == nil) {
            refuse(value, "user", "`user:` and `password:` go together")
        }
        if let tls = value["tls"], tls.text == "never", value["password"] != nil, !address.isLocal {
            refuse(tls, "tls", "a password would go over the network for anybody to read; leave `tls:` out")
        }
        if let sendmail = value["sendmail"] { refuse(sendmail, "sendmail", "does not go with `server:`") }
        return problems
    }
}

/// `smtp://host:587`
struct MailServer: Sendable {
    let address: String
    let isLocal: Bool

    init?(_ text: String) {
        guard
            let match = text.wholeMatch(
                of: /(smtps?):\/\/([-A-Za-z0-9.]+|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?\/?/)
        else { return nil }
        // curl's own port for smtp:// is that between servers.
        let port = match.3.map(String.init) ?? (match.1 == "smtps" ? ":465" : ":587")
        address = "\(match.1)://\(match.2)\(port)"
        isLocal = ["localhost", "127.0.0.1", "[::1]"].contains(String(match.2))
    }
}

/// What curl says of a mail that it could not hand over.
/// - Source: https://curl.se/libcurl/c/libcurl-errors.html; the server's code is in curl's words, as in `RCPT failed: 550`.
enum MailTrouble {
    static func error(_ answer: CurlMessage.Answer, _ server: MailServer) -> (error: NotifierError, mayPass: Bool) {
        let words = PlainText.line(answer.trouble, limit: 200)
        let reason = words.isEmpty ? "curl ended with code \(answer.exitCode)" : words
        let service = "the mail server \(server.address)"
        let codes = words.matches(of: /\b([45][0-9]{2})\b/).compactMap { Int($0.1) }
        let code = codes.first ?? (answer.status >= 400 && answer.status < 600 ? answer.status : nil)
        switch answer.exitCode {
        case 67:
            return (
                .answered(
                    service: service, status: code ?? 535, detail: reason,
                    hint: "are `user:` and `password:` right? some services want a password made for programs",
                    retryAt: nil), false
            )
        case 64:
            return (
                .unreachable(
                    service: service, reason: reason,
                    hint: "it offers no TLS; use smtps://…:465, or `tls: never` where nobody listens on the way"), false
            )
        case 6, 7, 28, 35, 60, 77:
            return (
                WebTrouble.error(
                    CurlMessage.Answer(
                        status: 0, exitCode: answer.exitCode, trouble: answer.trouble, retryAfter: nil, body: ""),
                    of: service, at: Date()), [6, 7].contains(answer.exitCode)
            )
        default: break
        }
        if let code {
            let hint =
                code >= 500
                ? "it does not take mail from this sender to these addresses; see what it says"
                : "it is asked again later"
            return (
                .answered(service: service, status: code, detail: reason, hint: hint, retryAt: nil), code < 500
            )
        }
        return (.unreachable(service: service, reason: reason, hint: nil), true)
    }
}
