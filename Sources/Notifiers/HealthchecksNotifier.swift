package import BackupModel
import Foundation
import Programs

/// Pings a check of Healthchecks.io, or of one's own server of that kind, at the beginning and the end of every run: it tells when
/// pings no longer come.
/// - Source: https://healthchecks.io/docs/http_api/: `/start`, `/fail` and `/log` after the address; `rid`, a UUID, ties start and
///   end together; 200 with `OK (not found)` or `OK (rate limited)` from older servers.
package struct HealthchecksNotifier: Notifier {
    package let spec: NotifierSpec
    private let service: WebService

    package var usualEvents: Set<NotificationEvent> { [.started, .succeeded, .recovered, .partial, .failed, .skipped] }
    /// A prune that succeeds must not pass for a backup.
    package var usualOperations: Set<RunRecord.Operation>? { [.backup] }
    package var hearsEveryRun: Bool { true }
    /// A success of yesterday must not be taken for one of today.
    package var patience: Duration { .seconds(3600) }

    /// The server takes 100 kB.
    private static let mostBytes = 10_000

    package static let kind = NotifierKind(descriptor: descriptor) { (spec, services) throws(NotifierError) in
        HealthchecksNotifier(spec, services)
    }

    package init(_ spec: NotifierSpec, _ services: Services) {
        self.spec = spec
        service = WebService(spec: spec, services: services, name: "Healthchecks")
    }

    package func preflight() async throws(NotifierError) -> String {
        try service.preflight(try await service.address(address))
    }

    private var address: ConfigValue? { spec.settings["url"] ?? (spec.settings.secret != nil ? spec.settings : nil) }

    package func deliver(_ message: NotificationMessage) async throws(NotifierError) {
        var address = try await service.address(address).appending(Self.suffix(message))
        if let run = message.run, !message.isTest, let id = Self.uuid(run) { address = address.adding("rid", id) }
        var request = service.request("POST", address)
        if spec.settings["body"]?.boolean == true {
            let text = message.subject + "\n\n" + MessageText.body(message)
            request.headers = [Secret("Content-Type: text/plain; charset=utf-8")]
            request.body = Array(MessageText.cut(text, toBytes: Self.mostBytes).utf8)
        }
        let now = service.services.clock.now
        try await service.send(request, quickly: message.event == .started) { answer in
            let said = answer.body.lowercased()
            if said.contains("not found") {
                return .answered(
                    service: "Healthchecks", status: 404, detail: "it knows no such check",
                    hint: "is the address right, and does the check still exist?", retryAt: nil)
            }
            guard said.contains("rate limited") else { return nil }
            return .answered(
                service: "Healthchecks", status: 429, detail: "it gets too many pings", hint: "it is asked again later",
                retryAt: now.addingTimeInterval(60))
        }
    }

    /// Degraded is a success: the backup itself is good.
    static func suffix(_ message: NotificationMessage) -> String {
        switch message.event {
        case .started: "/start"
        case .failed: "/fail"
        case .partial: message.outcome == .degraded ? "" : "/fail"
        case .succeeded, .recovered: ""
        case .skipped, .anomaly, .overdue, .digest, .test: "/log"
        }
    }

    /// The run's id as a UUID of version 8, in which it can still be read: `20261121-0230-8000-8000-0000007f3a9c`.
    static func uuid(_ run: RunID) -> String? {
        guard
            let match = run.rawValue.wholeMatch(
                of: /([0-9]{8})T([0-9]{4})([0-9]{2})Z-([0-9a-f]{6})/)
        else { return nil }
        return "\(match.1)-\(match.2)-80\(match.3)-8000-000000\(match.4)"
    }

    package static let descriptor = KindDescriptor(
        kind: "healthchecks",
        summary:
            "A check of Healthchecks.io or of a server of one's own of that kind. It is pinged when a run begins, and when it "
            + "ends well or not; a skipped run is a line in its log, neither. It hears of every run, at any hour, and tells "
            + "when no ping comes. Its address is a secret.",
        shape: .either([
            .secret,
            .object([
                KeyDescriptor("url", .secret, "The check's ping address.", required: true),
                KeyDescriptor(
                    "body", .boolean, "Whether what failed is sent along, ten kilobytes at most; else nothing is told.",
                    default: "false"),
            ]),
        ]),
        siblingKeys: [WebService.timeLimitKey, WebService.certificatesKey],
        example: """
            healthchecks: file:/etc/holdfast/healthchecks-url
            """)
}
