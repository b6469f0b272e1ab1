import BackupModel
import Foundation

/// A text with `{{names}}` in it that a message fills in, each escaped for what the text is.
struct MessageTemplate: Sendable {
    enum Form: Sendable {
        case json, form, plain

        init(contentType: String) {
            let type = contentType.lowercased()
            self = type.contains("json") ? .json : type.contains("x-www-form-urlencoded") ? .form : .plain
        }
    }

    static let names = [
        "event", "subject", "text", "profile", "host", "run", "operation", "outcome", "at", "since", "next", "id",
    ]

    let text: String
    let form: Form

    /// Names that there are not.
    var unknownNames: [String] {
        text.matches(of: Self.pattern).map { String($0.1) }.filter { !Self.names.contains($0) }
    }

    func filled(_ message: NotificationMessage) -> String {
        let values = Self.values(message)
        return text.replacing(Self.pattern) { match in escaped(values[String(match.1)] ?? "") }
    }

    private static var pattern: Regex<(Substring, Substring)> { /\{\{ *([^{}]*?) *\}\}/ }

    private static func values(_ message: NotificationMessage) -> [String: String] {
        [
            "event": message.event.rawValue, "subject": message.subject, "text": MessageText.body(message),
            "profile": message.profile.rawValue, "host": message.host, "run": message.run?.rawValue ?? "",
            "operation": message.operation?.rawValue ?? "", "outcome": message.outcome?.rawValue ?? "",
            "at": Timestamp.format(message.at), "since": message.failingSince.map(Timestamp.format) ?? "",
            "next": message.next ?? "", "id": message.id,
        ]
    }

    private func escaped(_ value: String) -> String {
        switch form {
        case .plain: return value
        case .form:
            let plain = CharacterSet(
                charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
            return value.addingPercentEncoding(withAllowedCharacters: plain) ?? ""
        case .json:
            // A list of one, without its brackets and quotes.
            return String(decoding: JSONBytes.of([value]).dropFirst(2).dropLast(2), as: UTF8.self)
        }
    }
}
