import BackupModel
import Foundation
import Programs

/// What all notifiers that speak HTTP share: secrets, time limits, curl, and trying again.
struct WebService: Sendable {
    let spec: NotifierSpec
    let services: Services
    /// What errors call it.
    let name: String

    private static let attempts = 3
    /// Who wants to be left alone for longer is asked again later.
    private static let longestPause = 30
    private static let pauses = [1, 4]

    var timeLimit: Duration { spec.entry["time-limit"]?.duration ?? .seconds(60) }

    static let timeLimitKey = KeyDescriptor(
        "time-limit", .duration, "It is given up after this long, all attempts included.", default: "60s")
    static let certificatesKey = KeyDescriptor(
        "ca-certificates", .path, "A file of certificates (PEM) that the server's is checked against.",
        default: "the system's")

    func secret(_ reference: SecretReference) async throws(NotifierError) -> Secret {
        do { return try await services.secrets.resolve(reference, environment: services.settings.environment) } catch {
            throw .secret(error)
        }
    }

    /// An address that is a secret, or, where the kind allows it, stands in the profile.
    func address(_ value: ConfigValue?) async throws(NotifierError) -> WebAddress {
        guard let value else {
            throw .misconfigured(service: name, reason: "the profile has no address for it", hint: nil)
        }
        if let reference = value.secret {
            let address = try WebAddress(try await secret(reference), of: name)
            try requireEncryption(address, for: "its address is a secret")
            return address
        }
        return try WebAddress(Secret(value.text ?? ""), of: name)
    }

    /// - Parameter what: goes there that nobody else may read.
    func requireEncryption(_ address: WebAddress, for what: String) throws(NotifierError) {
        guard address.isEncrypted || address.isLocal else {
            throw .misconfigured(
                service: name, reason: "\(what), and its address begins with http://, so anybody could read it",
                hint: "use https://")
        }
    }

    func request(_ method: String, _ address: WebAddress) -> CurlMessage {
        var request = CurlMessage(method, address.secret)
        request.secretParts = address.secretParts
        request.certificates = spec.entry["ca-certificates"]?.text
        return request
    }

    func json(_ method: String, _ address: WebAddress, _ body: [UInt8]) -> CurlMessage {
        var request = request(method, address)
        request.headers = [Secret("Content-Type: application/json")]
        request.body = body
        return request
    }

    /// - Throws: ``NotifierError`` when curl is not there.
    func preflight(_ address: WebAddress) throws(NotifierError) -> String {
        guard services.runner.locate("curl") != nil else {
            throw .tool(.notFound(program: "curl", searched: ["PATH"]))
        }
        return "\(address)/… by curl"
    }

    /// Sends it, again where that may help.
    ///
    /// - Parameters:
    ///   - quickly: once, and within a few seconds.
    ///   - refusal: what an answer with a good status may still say.
    func send(
        _ request: CurlMessage, quickly: Bool = false,
        refusal: (CurlMessage.Answer) -> NotifierError? = { _ in nil }
    ) async throws(NotifierError) {
        let begun = services.clock.uptime
        let limit = quickly ? min(timeLimit, .seconds(10)) : timeLimit
        for attempt in 0..<WebService.attempts {
            let left = limit - (services.clock.uptime - begun)
            let answer = try await once(request, within: left)
            let error: NotifierError
            if answer.exitCode == 0, (200..<300).contains(answer.status) {
                guard let refusal = refusal(answer) else { return }
                error = refusal
            } else {
                error = WebTrouble.error(answer, of: name, at: services.clock.now)
            }
            let pause = Duration.seconds(
                answer.retryAfter ?? WebService.pauses[min(attempt, WebService.pauses.count - 1)])
            let spent = services.clock.uptime - begun
            guard !quickly, WebTrouble.mayPass(answer, error), attempt + 1 < WebService.attempts,
                pause <= .seconds(WebService.longestPause), spent + pause + .seconds(1) <= limit
            else { throw error }
            do { try await services.clock.sleep(for: pause) } catch { throw .cancelled(program: "curl") }
        }
    }

    private func once(_ request: CurlMessage, within left: Duration) async throws(NotifierError) -> CurlMessage.Answer {
        var request = request
        request.limit = max(.seconds(1), min(left, .seconds(20)))
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
        case (nil, .exited(let code)): return CurlMessage.answer(result.output.text, exitCode: code)
        }
    }
}

/// What went wrong, in words, and whether it may pass by itself.
enum WebTrouble {
    /// Names that do not resolve, connections refused, lost or too slow.
    /// - Source: https://curl.se/libcurl/c/libcurl-errors.html
    private static let passing: Set<Int32> = [5, 6, 7, 16, 18, 28, 52, 55, 56, 92]

    static func mayPass(_ answer: CurlMessage.Answer, _ error: NotifierError) -> Bool {
        if case .answered(_, let status, _, _, _) = error {
            return [408, 425, 429].contains(status) || (500...599).contains(status)
        }
        return passing.contains(answer.exitCode)
    }

    static func error(_ answer: CurlMessage.Answer, of service: String, at now: Date) -> NotifierError {
        guard answer.status >= 100, answer.exitCode == 0 else {
            return .unreachable(
                service: service, reason: reason(answer), hint: hint(exitCode: answer.exitCode))
        }
        let body = PlainText.line(answer.body.replacing("\n", with: " "), limit: 4000)
        // A page for people is of no use in a message.
        let detail = body.trimmingCharacters(in: .whitespaces).hasPrefix("<") ? "" : MessageText.cut(body, to: 200)
        let isRedirect = (300..<400).contains(answer.status)
        return .answered(
            service: service, status: answer.status, detail: isRedirect ? "" : detail,
            hint: hint(status: answer.status),
            retryAt: answer.retryAfter.map { now.addingTimeInterval(Double(min($0, 86_400))) })
    }

    private static func reason(_ answer: CurlMessage.Answer) -> String {
        let words = PlainText.line(answer.trouble, limit: 200)
        return words.isEmpty ? "curl ended with code \(answer.exitCode)" : words
    }

    private static func hint(exitCode: Int32) -> String? {
        switch exitCode {
        case 6: "is its name right, and does this machine's DNS work?"
        case 7: "is it running, is the port right, and does a firewall let this through?"
        case 28: "it did not answer in time; it is asked again later"
        case 35, 60:
            "its certificate is not one that this machine trusts; name the right authority's with `ca-certificates:`"
        case 77: "the file under `ca-certificates:` cannot be read"
        default: nil
        }
    }

    private static func hint(status: Int) -> String? {
        switch status {
        case 300..<400:
            "it points to another address, which is not followed, for what is secret would go there too; write the right one"
        case 400, 422: "it does not take messages of this form: is the address that of the right service?"
        case 401, 403: "is the token or address still valid? make a new one there, and put it in the secret's place"
        case 404, 405, 410: "is the address right, and does what it names still exist there?"
        case 413: "the message is too long for it"
        case 429: "it gets too many messages; it is asked again later"
        case 500..<600: "it is in trouble itself; it is asked again later"
        default: nil
        }
    }
}
