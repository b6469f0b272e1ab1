package import BackupModel
import Foundation
import Programs

/// Publishes to a topic of ntfy.
/// - Source: https://docs.ntfy.sh/publish/#publish-as-json: JSON to the server's root; priorities 1 to 5; a message over 4096
///   bytes becomes an attachment. Whoever knows a topic reads it.
package struct NtfyNotifier: Notifier {
    package let spec: NotifierSpec
    private let service: WebService

    package static let kind = NotifierKind(descriptor: descriptor) { (spec, services) throws(NotifierError) in
        NtfyNotifier(spec, services)
    }

    package init(_ spec: NotifierSpec, _ services: Services) {
        self.spec = spec
        service = WebService(spec: spec, services: services, name: "ntfy")
    }

    package func preflight() async throws(NotifierError) -> String {
        if let token = spec.settings["token"]?.secret { _ = try await service.secret(token) }
        return try service.preflight(try await place().server)
    }

    package func deliver(_ message: NotificationMessage) async throws(NotifierError) {
        let place = try await place()
        var request = service.json("POST", place.server, body(message, topic: place.topic))
        request.secretParts.append(Secret(place.topic))
        if let reference = spec.settings["token"]?.secret {
            let token = try await service.secret(reference)
            request.headers.append(Secret(Array("Authorization: Bearer ".utf8) + token.reveal(for: .childProcess)))
            request.secretParts.append(token)
        }
        try await service.send(request)
    }

    private func place() async throws(NotifierError) -> (server: WebAddress, topic: String) {
        // A whole address, the topic last.
        if spec.settings.secret != nil {
            let (server, topic) = try await service.address(spec.settings).split
            return (server, try checked(topic))
        }
        let server = try WebAddress(Secret(spec.settings["server"]?.text ?? "https://ntfy.sh"), of: "ntfy")
        if spec.settings["token"] != nil || spec.settings["topic"]?.secret != nil {
            try service.requireEncryption(server, for: "its topic or token is a secret")
        }
        guard let value = spec.settings["topic"] else { return (server, try checked("")) }
        guard let reference = value.secret else { return (server, try checked(value.text ?? "")) }
        let secret = try await service.secret(reference)
        return (server, try checked(String(decoding: secret.reveal(for: .childProcess), as: UTF8.self)))
    }

    private func checked(_ topic: String) throws(NotifierError) -> String {
        guard topic.wholeMatch(of: /[-_A-Za-z0-9]{1,64}/) != nil else {
            throw .misconfigured(
                service: "ntfy", reason: "its topic is not made of letters, digits, `-` and `_`, at most 64",
                hint: "write the whole address as https://ntfy.sh/TOPIC, or the topic alone under `topic:`")
        }
        return topic
    }

    func body(_ message: NotificationMessage, topic: String) -> [UInt8] {
        let bad = spec.settings["priority"]?.integer.map(Int.init) ?? 4
        let priority =
            switch message.event {
            case .failed, .overdue, .anomaly: bad
            case .partial: min(bad, 3)
            case .recovered, .test, .skipped: 3
            case .started, .succeeded, .digest: 2
            }
        return JSONBytes.of([
            "topic": topic, "title": MessageText.cut(message.subject, to: 200),
            "message": MessageText.cut(MessageText.body(message), toBytes: 4000), "priority": priority,
            "tags": [message.event.isBad ? "warning" : "floppy_disk"],
        ])
    }

    package static let descriptor = KindDescriptor(
        kind: "ntfy",
        summary:
            "A topic of ntfy: a secret that holds its whole address, or server and topic apart. Who knows a topic can read "
            + "it, so the topic is best a secret as well.",
        shape: .either([
            .secret,
            .object([
                KeyDescriptor("server", .string, "Its address.", default: "https://ntfy.sh", refusesSecrets: true),
                KeyDescriptor(
                    "topic", .either([.secret, .string]), "The topic, or a secret that holds it.", required: true),
                KeyDescriptor("token", .secret, "An access token."),
                KeyDescriptor(
                    "priority", .integer(1...5), "Of bad news; good news comes with 3 or less.", default: "4"),
            ]),
        ]),
        siblingKeys: [WebService.timeLimitKey, WebService.certificatesKey],
        example: """
            ntfy: { server: https://ntfy.example.org, topic: file:/etc/holdfast/ntfy-topic, token: env:NTFY_TOKEN, priority: 5 }
            quiet-hours: "22:00-07:00"
            """)
}
