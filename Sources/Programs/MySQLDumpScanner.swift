import Foundation

/// Reads a dump as it goes by: which tables it has data of, how many rows, and whether it came to its end. So what is counted is
/// what is in the dump itself, and no lock and no second look at the server is needed, which would see another moment.
///
/// The programs write statements that begin at the beginning of a line, one row after another between parentheses, and no line
/// break within a string: those are `\n` in there. What stored routines, triggers and events say stands between two `DELIMITER`s.
///
/// - Source: mariadb-dump 10.11.19; https://github.com/MariaDB/server/blob/10.11/client/mysqldump.c
package struct MySQLDumpScanner: Sendable {
    /// By the names of tables, those without any row included.
    package private(set) var rows: [String: Int64] = [:]
    /// The last thing that it says is that it is complete.
    package private(set) var isComplete = false
    /// The place in the binary log that it corresponds to: `bin.000001:3506`.
    package private(set) var position: String?
    package private(set) var bytes: Int64 = 0

    private enum State {
        /// At the beginning of a line, of which `start` is known.
        case line
        /// Nothing matters until the line ends.
        case rest
        /// A line whose text matters.
        case text
        case name(isInsert: Bool)
        /// A backquote in a name: the end of it, or one half of a quoted one.
        case nameQuote(isInsert: Bool)
        /// Behind the name, before the first row.
        case columns(quoted: Bool)
        case rows
    }

    private var state = State.line
    private var start: [UInt8] = []
    private var text: [UInt8] = []
    private var isBody = false
    private var table = ""
    private var count: Int64 = 0
    private var depth = 0
    private var quote: UInt8 = 0
    private var isEscaped = false

    package init() {}

    private static let insert = Array("INSERT INTO `".utf8)
    private static let lock = Array("LOCK TABLES `".utf8)
    private static let place = Array("-- CHANGE MAST".utf8)
    private static let source = Array("-- CHANGE REPL".utf8)
    private static let end = Array("-- Dump comple".utf8)
    private static let delimiter = Array("DELIMITER ".utf8)
    /// Enough to know what a line is.
    private static let enough = 14

    package mutating func read(_ input: UnsafeRawBufferPointer) {
        bytes += Int64(input.count)
        var index = 0
        while index < input.count {
            switch state {
            case .line: begin(input[index], &index)
            case .rest:
                while index < input.count, input[index] != 10 { index += 1 }
                if index < input.count {
                    index += 1
                    state = .line
                }
            case .text:
                let byte = input[index]
                index += 1
                if byte == 10 {
                    note()
                } else if text.count < 1024 {
                    text.append(byte)
                }
            case .name(let isInsert):
                let byte = input[index]
                index += 1
                if byte == 96 { state = .nameQuote(isInsert: isInsert) } else { text.append(byte) }
            case .nameQuote(let isInsert):
                if input[index] == 96 {
                    text.append(96)
                    index += 1
                    state = .name(isInsert: isInsert)
                } else {
                    named(isInsert: isInsert)
                }
            case .columns(let quoted):
                let byte = input[index]
                index += 1
                if byte == 96 {
                    state = .columns(quoted: !quoted)
                } else if !quoted, byte == 83 || byte == 115 {
                    // The last letter of VALUES; before it there is nothing but names in quotes.
                    state = .rows
                    (depth, quote, isEscaped, count) = (0, 0, false, 0)
                }
            case .rows: tuples(input, &index)
            }
        }
    }

    /// Collects the beginning of a line.
    private mutating func begin(_ byte: UInt8, _ index: inout Int) {
        if byte == 10 {
            if !start.isEmpty { judgeShort() }
            start.removeAll(keepingCapacity: true)
            index += 1
            return
        }
        start.append(byte)
        index += 1
        // A name may begin with anything.
        let isName = !isBody && start.count == MySQLDumpScanner.insert.count
        if isName, start == MySQLDumpScanner.insert || start == MySQLDumpScanner.lock {
            isComplete = false
            text.removeAll(keepingCapacity: true)
            state = .name(isInsert: start == MySQLDumpScanner.insert)
            start.removeAll(keepingCapacity: true)
        } else if start.count == MySQLDumpScanner.enough {
            isComplete = !isBody && start == MySQLDumpScanner.end
            let isPlace = !isBody && (start == MySQLDumpScanner.place || start == MySQLDumpScanner.source)
            text.removeAll(keepingCapacity: true)
            state = isPlace ? .text : .rest
            start.removeAll(keepingCapacity: true)
        }
    }

    /// A whole line that is short.
    private mutating func judgeShort() {
        isComplete = false
        guard start.starts(with: MySQLDumpScanner.delimiter) else { return }
        isBody = start.dropFirst(MySQLDumpScanner.delimiter.count).filter { $0 != 32 && $0 != 13 } != [59]
    }

    private mutating func named(isInsert: Bool) {
        table = String(decoding: text, as: UTF8.self)
        text.removeAll(keepingCapacity: true)
        if isInsert {
            state = .columns(quoted: false)
        } else {
            rows[table, default: 0] += 0
            state = .rest
        }
    }

    private mutating func tuples(_ input: UnsafeRawBufferPointer, _ index: inout Int) {
        var (index_, depth_, quote_, isEscaped_, count_) = (index, depth, quote, isEscaped, count)
        let end = input.count
        var isOver = false
        while index_ < end {
            let byte = input[index_]
            index_ += 1
            if quote_ != 0 {
                if isEscaped_ {
                    isEscaped_ = false
                } else if byte == 92 {
                    isEscaped_ = true
                } else if byte == quote_ {
                    quote_ = 0
                }
                continue
            }
            switch byte {
            case 39, 34: quote_ = byte
            case 40:
                if depth_ == 0 { count_ += 1 }
                depth_ += 1
            case 41: depth_ -= 1
            case 59 where depth_ == 0: isOver = true
            default: break
            }
            if isOver { break }
        }
        (index, depth, quote, isEscaped, count) = (index_, depth_, quote_, isEscaped_, count_)
        if isOver {
            rows[table, default: 0] += count
            state = .rest
        }
    }

    /// `-- CHANGE MASTER TO MASTER_LOG_FILE='bin.000001', MASTER_LOG_POS=3506;`
    private mutating func note() {
        let words = String(decoding: text, as: UTF8.self)
        text.removeAll(keepingCapacity: true)
        state = .line
        guard let file = words.range(of: "_LOG_FILE='"), let number = words.range(of: "_LOG_POS=") else { return }
        position =
            words[file.upperBound...].prefix { $0 != "'" } + ":"
            + words[number.upperBound...].prefix { $0.isNumber }
    }

    /// What it found, for the source to read.
    package struct Report: Codable, Sendable, Equatable {
        package var bytes: Int64
        package var rows: [String: Int64]
        package var position: String?
    }

    /// Whether a dump was written to its end.
    /// - Parameter tail: the last quarter of a kilobyte or so.
    package static func isComplete(tail: [UInt8]) -> Bool {
        let lines = String(decoding: tail, as: UTF8.self).split(whereSeparator: \.isNewline)
        return lines.last?.hasPrefix("-- Dump completed") ?? false
    }

    package var report: Report { Report(bytes: bytes, rows: rows, position: position) }
}
