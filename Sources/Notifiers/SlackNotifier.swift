package import BackupModel
import Foundation

/// Posts to an incoming webhook of Slack, or of what understands the same, such as Mattermost.
/// - Source: https://api.slack.com/messaging/webhooks, https://api.slack.com/reference/block-kit/blocks: a header of at most 150
///   characters, a text of at most 3000.
package struct SlackNotifier: Notifier {
    package let spec: NotifierSpec
    private let service: WebService

    package static let kind = NotifierKind(descriptor: descriptor) { (spec, services) throws(NotifierError) in
        SlackNotifier(spec, services)
    }

    package init(_ spec: NotifierSpec, _ services: Services) {
        self.spec = spec
        service = WebService(spec: spec, services: services, name: "Slack")
    }

    package func preflight() async throws(NotifierError) -> String {
        try service.preflight(try await service.address(spec.settings))
    }

    package func deliver(_ message: NotificationMessage) async throws(NotifierError) {
        let address = try await service.address(spec.settings)
        try await service.send(service.json("POST", address, Self.body(message)))
    }

    /// Plain text blocks know no markup; what stands between `<` and `>` would still be a mention.
    static func body(_ message: NotificationMessage) -> [UInt8] {
        func block(_ type: String, _ text: String) -> [String: Any] {
            ["type": type, "text": ["type": "plain_text", "text": text, "emoji": false] as [String: Any]]
        }
        let subject = escaped(message.subject, limit: 150)
        return JSONBytes.of([
            "text": subject,
            "blocks": [
                block("header", subject), block("section", escaped(MessageText.body(message), limit: 3000)),
            ],
        ])
    }

    /// Cut so that no escape is cut in two.
    static func escaped(_ text: String, limit: Int) -> String {
        var (result, count) = ("", 0)
        for character in text {
            let piece =
                switch character {
                case "&": "&amp;"
                case "<": "&lt;"
                case ">": "&gt;"
                default: String(character)
                }
            count += piece.utf16.count
            guard count < limit else { return result + "…" }
            result += piece
        }
        return result
    }

    package static let descriptor = KindDescriptor(
        kind: "slack",
        summary: "An incoming webhook of Slack, or of what understands the same, such as Mattermost. Its address is a "
            + "secret.",
        shape: .secret, siblingKeys: [WebService.timeLimitKey, WebService.certificatesKey],
        example: """
            slack: file:/etc/holdfast/slack-url
            on: [failed, recovered, overdue]
            """)
}

/// JSON with its keys in order.
enum JSONBytes {
    static func of(_ value: Any) -> [UInt8] {
        // What is handed in is made of texts, numbers, lists and maps, which cannot fail.
        let data = try? JSONSerialization.data(withJSONObject: value, options: [.sortedKeys, .withoutEscapingSlashes])
        return Array(data ?? Data())
    }
}
