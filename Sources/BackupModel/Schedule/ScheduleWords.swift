/// Why a text is no schedule.
package struct ScheduleSyntaxError: Error, Equatable, Sendable {
    package var message: String
    package var suggestion: String?
    package init(_ message: String, suggestion: String? = nil) {
        self.message = message
        self.suggestion = suggestion
    }
}

/// Names of days and months, and components made of numbers.
enum ScheduleWords {
    static let weekdays = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    static let longWeekdays = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
    static let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]

    /// 1 is Monday.
    static func weekday(_ text: some StringProtocol) -> Int? {
        let lower = text.lowercased()
        return (weekdays.firstIndex { $0.lowercased() == lower } ?? longWeekdays.firstIndex(of: lower)).map { $0 + 1 }
    }

    /// `*`, `3`, `1..5`, `0/15`, `1..9/2`, and lists of these.
    /// - Parameters:
    ///   - what: for messages: `hour`.
    ///   - dash: what stands between the ends of a range.
    ///   - value: reads one number or name.
    static func choices(
        _ text: String, _ what: String, _ range: ClosedRange<Int>, dashes: [String],
        value: (Substring) -> Int? = { number($0) }
    ) throws(ScheduleSyntaxError) -> [Int] {
        var found: [Int] = []
        for item in text.split(separator: ",", omittingEmptySubsequences: false) {
            let halves = item.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            var step = 1
            if halves.count == 2 {
                guard let number = number(halves[1]), number > 0 else {
                    throw ScheduleSyntaxError("`\(item)`: what follows `/` is a step of 1 or more")
                }
                step = number
            }
            var ends: [Substring] = [halves[0]]
            for dash in dashes where ends.count == 1 {
                let parts = halves[0].components(on: dash)
                if parts.count == 2 { ends = parts }
            }
            if ends == ["*"] {
                found += stride(from: range.lowerBound, through: range.upperBound, by: step)
                continue
            }
            var numbers: [Int] = []
            for end in ends {
                guard let number = value(end) else { throw ScheduleSyntaxError("`\(item)` is no \(what)") }
                guard range.contains(number) else {
                    throw ScheduleSyntaxError(
                        "`\(end)` is no \(what): it is \(range.lowerBound) to \(range.upperBound)")
                }
                numbers.append(number)
            }
            let last = numbers.count == 2 ? numbers[1] : (halves.count == 2 ? range.upperBound : numbers[0])
            guard numbers[0] <= last else { throw ScheduleSyntaxError("`\(item)` ends before it begins") }
            found += stride(from: numbers[0], through: last, by: step)
        }
        return found
    }

    /// At most four digits, and nothing else.
    static func number(_ text: some StringProtocol) -> Int? {
        guard (1...4).contains(text.utf8.count), text.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
        return Int(text)
    }
}

extension Substring {
    /// In two at the first `separator`; one where there is none.
    fileprivate func components(on separator: String) -> [Substring] {
        guard let place = firstRange(of: separator) else { return [self] }
        return [self[..<place.lowerBound], self[place.upperBound...]]
    }
}
