/// A few small numbers, 0 to 63: the hours, minutes, days or months that a rule names.
package struct NumberSet: Sendable, Hashable {
    private var bits: UInt64 = 0

    package init(_ numbers: some Sequence<Int>) {
        for number in numbers where (0..<64).contains(number) { insert(number) }
    }

    package mutating func insert(_ number: Int) { bits |= 1 << UInt64(number) }
    package func contains(_ number: Int) -> Bool { bits & (1 << UInt64(number)) != 0 }
    package var isEmpty: Bool { bits == 0 }
    package var count: Int { bits.nonzeroBitCount }
    /// Ascending.
    package var numbers: [Int] { (0..<64).filter(contains) }

    /// `*`, `06`, `01..05,07`: as systemd writes a component.
    /// - Parameters:
    ///   - all: what `*` stands for.
    ///   - name: how one number is written.
    package func text(all: ClosedRange<Int>, name: (Int) -> String) -> String {
        text(all: all, between: "..", name: name)
    }

    package func text(all: ClosedRange<Int>, between: String, name: (Int) -> String) -> String {
        let numbers = numbers
        if numbers.count == all.count { return "*" }
        var runs: [(first: Int, last: Int)] = []
        for number in numbers {
            if let last = runs.last, last.last + 1 == number {
                runs[runs.count - 1].last = number
            } else {
                runs.append((number, number))
            }
        }
        return runs.map { run in
            switch run.last - run.first {
            case 0: name(run.first)
            case 1: name(run.first) + "," + name(run.last)
            default: name(run.first) + between + name(run.last)
            }
        }.joined(separator: ",")
    }
}
