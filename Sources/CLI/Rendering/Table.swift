/// Columns for people: as wide as their content, the last one free.
struct Table {
    enum Alignment { case left, right }

    private let headers: [String]
    private let alignments: [Alignment]
    private var rows: [[String]] = []

    init(_ columns: [(String, Alignment)]) {
        headers = columns.map(\.0)
        alignments = columns.map(\.1)
    }

    mutating func add(_ cells: [String]) { rows.append(cells.map(Console.harmless)) }

    var isEmpty: Bool { rows.isEmpty }

    var text: String {
        let all = [headers] + rows
        let widths = headers.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.map { row in
            row.indices.map { column in
                let padding = String(repeating: " ", count: widths[column] - row[column].count)
                switch alignments[column] {
                case .right: return padding + row[column]
                case .left: return column == row.count - 1 ? row[column] : row[column] + padding
                }
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }
}
