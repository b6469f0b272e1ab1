package import BackupModel

/// Posts to a webhook of Discord.
/// - Source: https://discord.com/developers/docs/resources/webhook#execute-webhook: at most 2000 characters; with `wait=true` it
///   answers when the message is there. https://discord.com/developers/docs/topics/rate-limits: 429 with `Retry-After`.
package struct DiscordNotifier: Notifier {
    package let spec: NotifierSpec
    private let service: WebService

    package static let kind = NotifierKind(descriptor: descriptor) { (spec, services) throws(NotifierError) in
        DiscordNotifier(spec, services)
    }

    package init(_ spec: NotifierSpec, _ services: Services) {
        self.spec = spec
        service = WebService(spec: spec, services: services, name: "Discord")
    }

    package func preflight() async throws(NotifierError) -> String {
        try service.preflight(try await service.address(spec.settings))
    }

    package func deliver(_ message: NotificationMessage) async throws(NotifierError) {
        let address = try await service.address(spec.settings).adding("wait", "true")
        try await service.send(service.json("POST", address, Self.body(message)))
    }

    static func body(_ message: NotificationMessage) -> [UInt8] {
        let title = "**\(escaped(message.subject, limit: 400))**\n"
        let text = escaped(MessageText.body(message), limit: 2000 - title.utf16.count)
        return JSONBytes.of([
            "content": title + text,
            // Nobody is called by what stands in a message, and no link in it is looked up.
            "allowed_mentions": ["parse": [String]()], "flags": 4,
        ])
    }

    /// Without a meaning for Discord's markup; cut so that no escape is cut in two.
    static func escaped(_ text: String, limit: Int) -> String {
        var (result, count) = ("", 0)
        for character in text {
            let piece = "\\*_~`|>#[]()<:-@".contains(character) ? "\\\(character)" : String(character)
            count += piece.utf16.count
            guard count < limit else { return result + "…" }
            result += piece
        }
        return result
    }

    package static let descriptor = KindDescriptor(
        kind: "discord", summary: "A webhook of a Discord channel. Its address is a secret.", shape: .secret,
        siblingKeys: [WebService.timeLimitKey, WebService.certificatesKey],
        example: """
            discord: env:DISCORD_WEBHOOK
            on: [failed, recovered]
            """)
}
