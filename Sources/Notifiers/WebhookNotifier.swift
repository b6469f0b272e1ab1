package import BackupModel
import Foundation
import Programs

/// Sends the message to any address: as the JSON document that programs get, or in a form of the operator's.
package struct WebhookNotifier: Notifier {
    package let spec: NotifierSpec
    private let service: WebService

    package static let kind = NotifierKind(descriptor: descriptor) { (spec, services) throws(NotifierError) in
        WebhookNotifier(spec, services)
    }

    package init(_ spec: NotifierSpec, _ services: Services) {
        self.spec = spec
        service = WebService(spec: spec, services: services, name: "the webhook")
    }

    private var address: ConfigValue? {
        spec.settings.entries.isEmpty || spec.settings.secret != nil ? spec.settings : spec.settings["url"]
    }

    package func preflight() async throws(NotifierError) -> String {
        let address = try await service.address(address)
        if try await !headers().secrets.isEmpty {
            try service.requireEncryption(address, for: "a header of it is a secret")
        }
        return try service.preflight(address)
    }

    package func deliver(_ message: NotificationMessage) async throws(NotifierError) {
        let method = spec.settings["method"]?.text ?? "POST"
        let address = try await service.address(address)
        var request = service.request(method, address)
        let (lines, secrets) = try await headers()
        if !secrets.isEmpty { try service.requireEncryption(address, for: "a header of it is a secret") }
        request.headers = lines
        request.secretParts += secrets
        if method != "GET" {
            request.headers.append(Secret("Content-Type: \(Self.contentType(spec.entry))"))
            do { request.body = try body(message) } catch {
                throw .misconfigured(
                    service: service.name, reason: "the message has no JSON: \(error)", hint: nil)
            }
        }
        try await service.send(request)
    }

    private func body(_ message: NotificationMessage) throws -> [UInt8] {
        guard let template = Self.template(spec.entry) else { return try MessageDocument(message).bytes() }
        return Array(template.filled(message).utf8)
    }

    private func headers() async throws(NotifierError) -> (lines: [Secret], secrets: [Secret]) {
        var (lines, secrets): ([Secret], [Secret]) = ([], [])
        for entry in spec.settings["headers"]?.entries ?? [] {
            guard let reference = entry.value.secret else {
                lines.append(Secret("\(entry.key): \(entry.value.text ?? "")"))
                continue
            }
            let secret = try await service.secret(reference)
            let bytes = secret.reveal(for: .childProcess)
            guard !bytes.contains(10), !bytes.contains(13) else {
                throw .misconfigured(
                    service: service.name,
                    reason: "the secret \(reference) for the header \(entry.key) has a line break in it",
                    hint: "write it on one line")
            }
            lines.append(Secret(Array("\(entry.key): ".utf8) + bytes))
            secrets.append(secret)
        }
        return (lines, secrets)
    }

    private static func contentType(_ entry: ConfigValue) -> String {
        entry["webhook"]?["content-type"]?.text ?? "application/json"
    }

    private static func template(_ entry: ConfigValue) -> MessageTemplate? {
        entry["webhook"]?["body"]?.text.map {
            MessageTemplate(text: $0, form: MessageTemplate.Form(contentType: contentType(entry)))
        }
    }

    package static let descriptor = KindDescriptor(
        kind: "webhook",
        summary:
            "Any address of HTTP, or a secret that holds it. Without `body:` it gets the JSON document that `command` gets.",
        shape: .either([
            .object([
                KeyDescriptor(
                    "url", .either([.secret, .string]), "The address.", required: true, refusesSecrets: true),
                KeyDescriptor("method", .choice(["POST", "PUT", "GET"]), "GET sends no body.", default: "POST"),
                KeyDescriptor(
                    "headers", .dictionary(.either([.secret, .string])),
                    "Headers by their names: texts, or secrets that hold the whole value."),
                KeyDescriptor("content-type", .string, "What the body is.", default: "application/json"),
                KeyDescriptor(
                    "body", .string,
                    "A template. `{{subject}}` and the like are filled in, escaped for JSON or a form by the content type: "
                        + MessageTemplate.names.joined(separator: ", ") + "."),
            ]), .secret, .string,
        ]),
        siblingKeys: [WebService.timeLimitKey, WebService.certificatesKey],
        example: """
            webhook:
              url: https://hooks.example.org/backup
              headers: { Authorization: file:/etc/holdfast/hook-authorization }
              body: '{"title": "{{subject}}", "text": "{{text}}"}'
            """,
        check: problems)

    private static func problems(_ entry: ConfigValue) -> [ConfigProblem] {
        var problems: [ConfigProblem] = []
        for header in entry["webhook"]?["headers"]?.entries ?? [] {
            let isName = header.key.wholeMatch(of: /[-A-Za-z0-9!#$%&'*+.^_`|~]+/) != nil
            let isPlain = header.value.text?.unicodeScalars.allSatisfy { $0.value >= 32 && $0.value != 127 } ?? true
            guard !isName || !isPlain else { continue }
            problems.append(
                ConfigProblem(
                    at: header.keyLocation, keyPath: "webhook.headers",
                    message: isName
                        ? "the value of `\(header.key)` has a line break or another control character in it"
                        : "`\(PlainText.line(header.key, limit: 60))` is no name of a header"))
        }
        guard let template = template(entry), let place = entry["webhook"]?["body"]?.location else { return problems }
        for name in template.unknownNames {
            problems.append(
                ConfigProblem(
                    at: place, keyPath: "webhook.body",
                    message: "`{{\(PlainText.line(name, limit: 60))}}` is nothing that a message has; there are "
                        + MessageTemplate.names.joined(separator: ", "),
                    suggestion: Nearest.match(name, in: MessageTemplate.names)))
        }
        if case .json = template.form, problems.isEmpty {
            let sample = NotificationMessage(
                profile: ProfileName(unchecked: "app"), host: "host", run: nil, operation: nil, event: .test,
                outcome: nil, at: Date(timeIntervalSince1970: 0))
            let data = Data(template.filled(sample).utf8)
            do { _ = try JSONSerialization.jsonObject(with: data, options: .fragmentsAllowed) } catch {
                problems.append(
                    ConfigProblem(
                        at: place, keyPath: "webhook.body",
                        message:
                            "is no JSON when it is filled in; put `{{…}}` between quotes, or name another `content-type:`"
                    ))
            }
        }
        return problems
    }
}
