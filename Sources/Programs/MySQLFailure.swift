/// Why a client program ended badly, by the numbers in its messages: those are the same in every language.
///
/// - Source: https://mariadb.com/kb/en/mariadb-error-code-reference/ (10.11),
///   https://dev.mysql.com/doc/mysql-errors/8.0/en/client-error-reference.html
package enum MySQLFailure: Sendable, Equatable {
    case unreachable
    case noSuchDatabase
    case notAuthenticated
    case notPermitted
    case busy
    case databaseExists
    /// The server's disk or a table of its own is full.
    case full
    /// A table was altered or dropped after the dump's view began.
    case changedMeanwhile
    case tooLarge
    /// A view refers to what is not there any more, or its definer is gone.
    case brokenView
    case other

    package init(diagnostics: String) {
        let codes = MySQLFailure.codes(in: diagnostics)
        self = codes.lazy.compactMap { MySQLFailure.known[$0] }.first ?? .other
        if self == .other {
            if diagnostics.contains("nsufficient privileges") { self = .notPermitted }
            if diagnostics.contains("No space left on device") { self = .full }
        }
    }

    private static let known: [Int: MySQLFailure] = [
        1045: .notAuthenticated, 1698: .notAuthenticated, 1130: .notAuthenticated, 1251: .notAuthenticated,
        2054: .notAuthenticated, 2059: .notAuthenticated, 1862: .notAuthenticated,
        1049: .noSuchDatabase, 1007: .databaseExists,
        1044: .notPermitted, 1142: .notPermitted, 1143: .notPermitted, 1227: .notPermitted, 1370: .notPermitted,
        1419: .notPermitted,
        1040: .busy, 1203: .busy, 1226: .busy, 1205: .busy, 1213: .busy,
        2002: .unreachable, 2003: .unreachable, 2005: .unreachable, 2006: .unreachable, 2013: .unreachable,
        2026: .unreachable, 1053: .unreachable, 1927: .unreachable,
        1114: .full, 1021: .full, 1356: .brokenView, 1449: .brokenView,
        1412: .changedMeanwhile, 1146: .changedMeanwhile,
        1153: .tooLarge, 2020: .tooLarge,
    ]

    /// `ERROR 1045 (28000)`, `Got error: 1045: "…`, `… for table 'x' (1142)`, `Error 2013: Lost …`
    static func codes(in text: String) -> [Int] {
        var codes: [Int] = []
        let words = text.split { $0.isWhitespace }
        for (index, word) in words.enumerated() {
            let digits = word.drop { $0 == "(" }.prefix { $0.isNumber }
            guard digits.count == 4, let code = Int(digits) else { continue }
            let before = index > 0 ? words[index - 1].lowercased() : ""
            if word.hasPrefix("(") ? word.dropFirst(5).hasPrefix(")") : before.hasPrefix("error") { codes.append(code) }
        }
        return codes
    }
}
