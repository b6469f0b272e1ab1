package import BackupModel

/// One kind of notifier: its keys, and how it is made from them.
package struct NotifierKind: Sendable {
    package var descriptor: KindDescriptor
    package var make: @Sendable (NotifierSpec, Services) throws(NotifierError) -> any Notifier

    package init(
        descriptor: KindDescriptor,
        make: @escaping @Sendable (NotifierSpec, Services) throws(NotifierError) -> any Notifier
    ) {
        self.descriptor = descriptor
        self.make = make
    }
}

/// Every kind of notifier there is. A new kind is one file and one line here.
package enum NotifierRegistry {
    package static let kinds: [NotifierKind] = [
        CommandNotifier.kind,
        EmailNotifier.kind,
        SlackNotifier.kind,
        DiscordNotifier.kind,
        NtfyNotifier.kind,
        WebhookNotifier.kind,
        HealthchecksNotifier.kind,
        AlertmanagerNotifier.kind,
    ]

    package static func make(_ spec: NotifierSpec, _ services: Services) throws(NotifierError) -> any Notifier {
        guard let kind = kinds.first(where: { $0.descriptor.kind == spec.kind }) else {
            throw .unsupported(kind: spec.kind)
        }
        return try kind.make(spec, services)
    }
}
