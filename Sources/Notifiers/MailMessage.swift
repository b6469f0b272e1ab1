import BackupModel
import Foundation

/// A message as a mail: headers and text, lines that end with CR LF.
/// - Source: RFC 5322 (headers, dates), RFC 2045 and 2047 (MIME), RFC 3834 (`Auto-Submitted`).
struct MailMessage: Sendable {
    var from: String
    var to: [String]
    var message: NotificationMessage

    func bytes() -> [UInt8] {
        let body = MessageText.body(message).replacing("\n", with: "\r\n") + "\r\n"
        // Lines of the message are at most a thousand characters, and only ASCII is sure to stay as it is.
        let isPlain = body.utf8.allSatisfy { $0 < 128 } && body.split(separator: "\r\n").allSatisfy { $0.count < 900 }
        let headers = [
            "From: \(from)", "To: \(to.joined(separator: ",\r\n "))",
            "Subject: \(Self.encoded(message.subject))", "Date: \(Self.date(message.at))",
            "Message-ID: <\(messageID)>", "Auto-Submitted: auto-generated", "X-Auto-Response-Suppress: All",
            "X-Holdfast-Event: \(message.event.rawValue)", "X-Holdfast-Profile: \(message.profile)",
            "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8",
            "Content-Transfer-Encoding: \(isPlain ? "7bit" : "base64")",
        ]
        let text = isPlain ? body : Self.base64(body)
        return Array((headers.joined(separator: "\r\n") + "\r\n\r\n" + text).utf8)
    }

    /// The same for the same message, so that one that is sent twice can be told.
    private var messageID: String {
        let id = message.id.filter { $0.isASCII && ($0.isLetter || $0.isNumber || "-._".contains($0)) }
        return "\(id)@\(from.split(separator: "@").last ?? "localhost")"
    }

    /// `Sat, 21 Nov 2026 02:30:00 +0000`
    static func date(_ date: Date) -> String {
        let time = UTCTime(date)
        let days = UTCTime.days(year: time.year, month: time.month, day: time.day)
        // 1970-01-01 was a Thursday.
        let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][((days % 7) + 7) % 7]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let clock = time.extended.dropFirst(11).prefix(8)
        return "\(weekday), \(time.day) \(months[time.month - 1]) \(time.year) \(clock) +0000"
    }

    /// A header's text: as it is, or as encoded words of at most 75 characters, each whole characters.
    static func encoded(_ text: String) -> String {
        let plain = PlainText.line(text)
        guard plain.utf8.contains(where: { $0 >= 128 }) || plain.contains("=?") else { return plain }
        var (words, chunk) = ([String](), "")
        for character in plain {
            if chunk.utf8.count + character.utf8.count > 42 {
                words.append(chunk)
                chunk = ""
            }
            chunk.append(character)
        }
        words.append(chunk)
        return words.map { "=?utf-8?B?\(Data($0.utf8).base64EncodedString())?=" }.joined(separator: "\r\n ")
    }

    private static func base64(_ text: String) -> String {
        Data(text.utf8).base64EncodedString(options: [
            .lineLength76Characters, .endLineWithCarriageReturn, .endLineWithLineFeed,
        ])
            + "\r\n"
    }

    /// An address that can stand in a header and in a command without becoming anything else.
    static func isAddress(_ text: String) -> Bool {
        text.utf8.count <= 254
            && text.wholeMatch(of: /[A-Za-z0-9_+][-A-Za-z0-9._+=\/]*@[A-Za-z0-9][-A-Za-z0-9.]*/) != nil
    }
}
