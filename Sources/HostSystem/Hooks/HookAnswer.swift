import BackupModel
import Foundation

/// What a hook wrote, read. Nothing that it writes can do harm: it is bounded, and plain.
struct HookAnswer {
    private let result: ToolResult

    init(_ result: ToolResult) { self.result = result }

    private struct Line: Decodable {
        var message: PlainValue?
        var facts: [String: PlainValue]?
        var state: PlainValue?
    }

    static let mostFacts = 32
    static let longestText = 500

    func report(limit: Duration) -> HookReport {
        var report = HookReport(ending(limit))
        report.duration = result.usage.wall
        // The last line that is a JSON object, wherever it stands among others.
        let lines = result.output.text.split(whereSeparator: \.isNewline)
        let answer = lines.reversed().lazy.compactMap { line -> Line? in
            // A line that is no answer of this form is output like any other.
            line.hasPrefix("{") ? try? JSONDecoder().decode(Line.self, from: Data(line.utf8)) : nil
        }.first
        report.message = answer?.message?.line.map { HookAnswer.plain($0) }
        for (key, value) in (answer?.facts ?? [:]).sorted(by: { $0.key < $1.key }).prefix(HookAnswer.mostFacts) {
            report.facts[HookAnswer.plain(key, limit: 64)] = value.line.map { HookAnswer.plain($0) }
        }
        report.state = answer?.state
        let complaints = result.errors.text.split(whereSeparator: \.isNewline).suffix(2)
        report.complaint = HookAnswer.plain(complaints.joined(separator: "; "))
        report.output = [result.output.text, result.errors.text].map { String($0.suffix(4096)) }
            .filter { !$0.isEmpty }.joined(separator: "\n")
        return report
    }

    private func ending(_ limit: Duration) -> HookReport.Ending {
        switch (result.stopped, result.termination) {
        case (.totalLimit, _), (.stallLimit, _): .timedOut(after: limit)
        case (.cancelled, _), (.pipelineFailed, _): .cancelled
        case (nil, .exited(let code)): .exited(code)
        case (nil, .signaled(let number)): .signaled(number)
        }
    }

    /// Control, bidirectional and line-breaking characters become blanks.
    private static func plain(_ text: String, limit: Int = longestText) -> String {
        var scalars = String.UnicodeScalarView()
        for scalar in text.unicodeScalars.prefix(limit) {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator: scalars.append(" ")
            default: scalars.append(scalar)
            }
        }
        return String(scalars)
    }
}
