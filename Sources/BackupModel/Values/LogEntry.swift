package import Foundation

/// How much a line of a log matters. Raw values are those of syslog(3), as the journal takes them.
package enum LogLevel: Int, Sendable, CaseIterable, Comparable {
    case error = 3
    case warning = 4
    /// What an operator may want to know although all is well.
    case notice = 5
    case info = 6
    /// Single steps, and what tools said.
    case debug = 7

    /// As logs and profiles spell it.
    package var word: String { String(describing: self) }

    package init?(word: String) {
        guard let level = LogLevel.allCases.first(where: { $0.word == word }) else { return nil }
        self = level
    }

    /// What matters less is less.
    package static func < (left: Self, right: Self) -> Bool { left.rawValue > right.rawValue }
}

/// One line of a log. Its text is plain: without secrets and control characters; several lines where it has newlines.
package struct LogEntry: Sendable, Equatable {
    package var time: Date
    package var level: LogLevel
    package var profile: ProfileName
    package var run: RunID?
    /// `began`, `stepEnded`, `partStored`, `notice`, `tool`, `ended` …
    package var event: String
    package var message: String
    /// A source, a repository, a program.
    package var subject: String?
    package var outcome: Outcome?
    package var duration: Duration?
    package var bytes: ByteCount?

    /// Longer messages are cut: a log is bounded whatever tools say.
    package static let longestMessage = 4000

    package init(
        time: Date, level: LogLevel, profile: ProfileName, run: RunID? = nil, event: String, message: String,
        subject: String? = nil, outcome: Outcome? = nil, duration: Duration? = nil, bytes: ByteCount? = nil
    ) {
        self.time = time
        self.level = level
        self.profile = profile
        self.run = run
        self.event = event
        self.message =
            message.utf8.count > LogEntry.longestMessage
            ? message.prefix(LogEntry.longestMessage) + " … (cut)" : message
        self.subject = subject
        self.outcome = outcome
        self.duration = duration
        self.bytes = bytes
    }

    /// For people: time (UTC), level, profile, run and message, once for each line of the message.
    package var plain: String {
        let beginning = "\(Timestamp.format(time)) \(level.word) \(profile) \(run?.rawValue ?? "-"): "
        return message.split(separator: "\n").map { beginning + $0 + "\n" }.joined()
    }
}

extension LogEntry: Codable {
    private enum CodingKeys: String, CodingKey {
        case time, level, profile, run, event, message, subject, outcome, seconds, bytes
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(Timestamp.format(time), forKey: .time)
        try container.encode(level.word, forKey: .level)
        try container.encode(profile, forKey: .profile)
        try container.encodeIfPresent(run, forKey: .run)
        try container.encode(event, forKey: .event)
        try container.encode(message, forKey: .message)
        try container.encodeIfPresent(subject, forKey: .subject)
        try container.encodeIfPresent(outcome, forKey: .outcome)
        try container.encodeIfPresent(duration.map { ($0.inSeconds * 1000).rounded() / 1000 }, forKey: .seconds)
        try container.encodeIfPresent(bytes?.bytes, forKey: .bytes)
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        func bad(_ key: CodingKeys) -> DecodingError {
            DecodingError.dataCorruptedError(forKey: key, in: container, debugDescription: "not of ours")
        }
        guard let time = Timestamp.parse(try container.decode(String.self, forKey: .time)) else { throw bad(.time) }
        guard let level = LogLevel(word: try container.decode(String.self, forKey: .level)) else { throw bad(.level) }
        self.init(
            time: time, level: level, profile: try container.decode(ProfileName.self, forKey: .profile),
            run: try container.decodeIfPresent(RunID.self, forKey: .run),
            event: try container.decode(String.self, forKey: .event),
            message: try container.decode(String.self, forKey: .message),
            subject: try container.decodeIfPresent(String.self, forKey: .subject),
            outcome: try container.decodeIfPresent(Outcome.self, forKey: .outcome),
            duration: try container.decodeIfPresent(Double.self, forKey: .seconds).map { .seconds($0) },
            bytes: try container.decodeIfPresent(Int64.self, forKey: .bytes).map { ByteCount($0) })
    }

    /// One line of JSON, its newline included.
    package func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
    }

    /// - Returns: `nil` for a line that is none of ours, or was only begun.
    package init?(json line: some Sequence<UInt8>) {
        // What a kill cut off is the one thing that is not understood, and there is nothing to be told of it.
        guard let entry = try? JSONDecoder().decode(LogEntry.self, from: Data(line)) else { return nil }
        self = entry
    }
}
