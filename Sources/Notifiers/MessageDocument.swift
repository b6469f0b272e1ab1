import BackupModel
import Foundation

/// A message as the JSON document that programs are given. Its keys are part of the program's interface.
struct MessageDocument: Encodable {
    struct Cause: Encodable {
        var message: String
        var hint: String?
        var kind: String
    }

    /// Raised when a key changes its meaning; new keys do not raise it.
    var version = 1
    var event: String
    var subject: String
    var profile: String
    var host: String
    var run: String
    var operation: String
    var outcome: String
    /// RFC 3339, UTC.
    var failingSince: String?
    var failures: [Cause]
    var furtherFailures: Int
    var next: String?

    init(_ message: NotificationMessage) {
        event = message.event.rawValue
        subject = message.subject
        profile = message.profile.rawValue
        host = message.host
        run = message.run.rawValue
        operation = message.operation.rawValue
        outcome = message.outcome.rawValue
        failingSince = message.failingSince.map(Timestamp.format)
        failures = message.failures.map { Cause(message: $0.description, hint: $0.hint, kind: $0.kind.rawValue) }
        furtherFailures = message.furtherFailures
        next = message.next
    }

    /// One line with a newline behind it.
    func bytes() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try Array(encoder.encode(self)) + [UInt8(ascii: "\n")]
    }
}
