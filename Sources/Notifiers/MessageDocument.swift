import BackupModel
import Foundation

/// A message as the JSON document that programs are given. Its keys are part of the program's interface.
struct MessageDocument: Encodable {
    struct Cause: Encodable {
        var message: String
        var hint: String?
        var kind: String
    }

    struct Item: Encodable {
        var what: String
        var lastSuccess: String?
        var objectiveSeconds: Int
        var since: String
        var hint: String?
    }

    /// Raised when a key changes its meaning; new keys do not raise it.
    var version = 1
    /// The same for a message that is sent twice.
    var id: String
    var event: String
    var subject: String
    var text: String
    var profile: String
    var host: String
    /// RFC 3339, UTC, as all times.
    var at: String
    var run: String?
    var operation: String?
    var repository: String?
    var outcome: String?
    var reminder: Bool
    var test: Bool
    var failingSince: String?
    var failures: [Cause]
    var furtherFailures: Int
    var overdue: [Item]
    var lines: [String]
    var next: String?

    init(_ message: NotificationMessage) {
        id = message.id
        event = message.event.rawValue
        subject = message.subject
        text = MessageText.body(message)
        profile = message.profile.rawValue
        host = message.host
        at = Timestamp.format(message.at)
        run = message.run?.rawValue
        operation = message.operation?.rawValue
        repository = message.repository?.rawValue
        outcome = message.outcome?.rawValue
        reminder = message.isReminder
        test = message.isTest
        failingSince = message.failingSince.map(Timestamp.format)
        failures = message.failures.map { Cause(message: $0.description, hint: $0.hint, kind: $0.kind.rawValue) }
        furtherFailures = message.furtherFailures
        overdue = message.overdue.map {
            Item(
                what: $0.what, lastSuccess: $0.lastSuccess.map(Timestamp.format),
                objectiveSeconds: Int($0.objective.inSeconds), since: Timestamp.format($0.since), hint: $0.hint)
        }
        lines = message.lines
        next = message.next
    }

    /// One line with a newline behind it.
    func bytes() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try Array(encoder.encode(self)) + [UInt8(ascii: "\n")]
    }
}
