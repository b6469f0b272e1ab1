package import BackupModel
import Foundation
import Programs

/// Posts alerts to Alertmanager. An alert's labels stay the same until it ends, and by them it is ended.
/// - Source: https://prometheus.io/docs/alerting/latest/alerts_api/: `POST /api/v2/alerts`; an alert without `endsAt` ends by itself
///   after five minutes, so each has one; checked with Alertmanager 0.25.
package struct AlertmanagerNotifier: Notifier {
    package let spec: NotifierSpec
    private let service: WebService

    package static let kind = NotifierKind(descriptor: descriptor) { (spec, services) throws(NotifierError) in
        AlertmanagerNotifier(spec, services)
    }

    package init(_ spec: NotifierSpec, _ services: Services) {
        self.spec = spec
        service = WebService(spec: spec, services: services, name: "Alertmanager")
    }

    private var address: ConfigValue? { spec.settings["url"] ?? (spec.settings.entries.isEmpty ? spec.settings : nil) }

    package func preflight() async throws(NotifierError) -> String {
        if let password = spec.settings["password"]?.secret { _ = try await service.secret(password) }
        return try service.preflight(try await place())
    }

    private func place() async throws(NotifierError) -> WebAddress {
        let address = try await service.address(address)
        if spec.settings["password"] != nil { try service.requireEncryption(address, for: "it gets a password") }
        return address.appending("/api/v2/alerts")
    }

    package func deliver(_ message: NotificationMessage) async throws(NotifierError) {
        let address = try await place()
        var request = service.json("POST", address, JSONBytes.of(alerts(message)))
        if let password = spec.settings["password"]?.secret {
            request.user = (spec.settings["user"]?.text ?? "", try await service.secret(password))
        }
        try await service.send(request)
    }

    private static let severities = ["critical", "warning"]

    /// One alert for each severity, of which one at most goes on; what ends and had never begun is no matter to Alertmanager.
    func alerts(_ message: NotificationMessage) -> [[String: Any]] {
        let now = service.services.clock.now
        let active: String? =
            switch message.event {
            case .failed, .overdue: "critical"
            case .partial, .anomaly: "warning"
            case .recovered, .succeeded: nil
            case .started, .skipped, .digest, .test: "info"
            }
        if message.isTest || active == "info" {
            return [alert(message, active ?? "info", ends: now.addingTimeInterval(300))]
        }
        let lasting = spec.settings["expires"]?.duration ?? .seconds(14 * 86_400)
        return Self.severities.map { severity in
            alert(message, severity, ends: severity == active ? now.addingTimeInterval(lasting.inSeconds) : now)
        }
    }

    private func alert(_ message: NotificationMessage, _ severity: String, ends: Date) -> [String: Any] {
        var labels: [String: String] = [:]
        for entry in spec.settings["labels"]?.entries ?? [] { labels[entry.key] = entry.value.text }
        let operation = message.operation.map { $0.rawValue.prefix(1).uppercased() + $0.rawValue.dropFirst() }
        labels["alertname"] = "Holdfast" + (message.isTest ? "Test" : operation ?? "Overdue")
        labels["profile"] = message.profile.rawValue
        labels["host"] = message.host
        labels["severity"] = severity
        if let repository = message.repository { labels["repository"] = repository.rawValue }
        var alert: [String: Any] = [
            "labels": labels,
            "annotations": [
                "summary": message.subject, "description": MessageText.cut(MessageText.body(message), toBytes: 8000),
            ],
            "endsAt": Timestamp.format(ends),
        ]
        if let since = message.failingSince { alert["startsAt"] = Timestamp.format(min(since, ends)) }
        return alert
    }

    package static let descriptor = KindDescriptor(
        kind: "alertmanager",
        summary:
            "Alerts in Prometheus' Alertmanager: its address, or a secret that holds it. An alert is named after the work "
            + "(`HoldfastBackup`, `HoldfastVerify` …, `HoldfastOverdue`), bears the labels profile, host and severity (critical, "
            + "warning), and ends when all is well again.",
        shape: .either([
            .object([
                KeyDescriptor(
                    "url", .either([.secret, .string]), "Its address, without `/api`.", required: true,
                    refusesSecrets: true),
                KeyDescriptor("user", .string, "For a server that asks for one."),
                KeyDescriptor("password", .secret, "That user's."),
                KeyDescriptor("labels", .dictionary(.string), "Further labels of every alert."),
                KeyDescriptor(
                    "expires", .duration,
                    "After this long without news an alert ends by itself; longer than what lies between two runs.",
                    default: "14d"),
            ]), .secret, .string,
        ]),
        siblingKeys: [WebService.timeLimitKey, WebService.certificatesKey],
        example: """
            alertmanager: { url: "http://localhost:9093", labels: { team: ops } }
            """,
        check: { entry in
            guard let labels = entry["alertmanager"]?["labels"] else { return [] }
            let ours = ["alertname", "profile", "host", "severity", "repository"]
            return labels.entries.compactMap { label in
                let isName = label.key.wholeMatch(of: /[a-zA-Z_][a-zA-Z0-9_]*/) != nil
                guard !isName || ours.contains(label.key) else { return nil }
                return ConfigProblem(
                    at: label.keyLocation, keyPath: "alertmanager.labels",
                    message: isName
                        ? "`\(label.key)` is a label that every alert has anyway"
                        : "`\(PlainText.line(label.key, limit: 60))` is no name of a label: letters, digits and `_`")
            }
        })
}
