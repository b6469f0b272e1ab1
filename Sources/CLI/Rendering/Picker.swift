import BackupModel
import Foundation

/// Lets somebody at a terminal pick a restore point by its number.
struct Picker {
    private let console: Console
    init(_ console: Console) { self.console = console }

    /// - Throws: ``Failure`` when there is nothing to pick, or the input ends.
    func pick(_ points: [RestorePoint]) throws -> RestorePoint {
        guard !points.isEmpty else {
            throw Failure("there are no restore points yet", hint: "`holdfast backup` takes the first", kind: .notFound)
        }
        let shown = Array(points.prefix(20))
        for (index, point) in shown.enumerated() {
            let number = String(index + 1)
            let sources = Set(point.entries.map(\.part.source.rawValue)).sorted().joined(separator: " ")
            console.print(
                String(repeating: " ", count: 3 - number.count)
                    + "\(number)  \(Format.time(point.time))  \(point.bytes)  "
                    + sources)
        }
        while true {
            let text = try Question.ask("Which one? [1]")
            if text.isEmpty { return shown[0] }
            if let number = Int(text), shown.indices.contains(number - 1) { return shown[number - 1] }
            console.print("a number from 1 to \(shown.count), or Ctrl-C")
        }
    }
}
