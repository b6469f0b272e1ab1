/// Who made a server or a client program. The two families understand each other's protocol, not each other's options.
package enum MySQLFamily: String, Sendable, Equatable { case mariadb, mysql }

/// `10.11.19` of MariaDB or `8.0.36` of MySQL, out of what a client prints or a server says.
package struct MySQLVersion: Sendable, Equatable, CustomStringConvertible {
    package var family: MySQLFamily
    /// The number alone.
    package var number: String

    /// - Parameter text: `10.11.19-MariaDB-0+deb12u1-log` of a server (MySQL says `8.0.36`);
    ///   `mariadb-dump  Ver 10.19 Distrib 10.11.19-MariaDB, for …`, `mariadb-dump from 11.4.2-MariaDB, client 10.19 for …` or
    ///   `mysqldump  Ver 8.0.36 for Linux on x86_64 (MySQL Community Server - GPL)` of a client.
    /// - Source: the programs of MariaDB 10.11.19; https://dev.mysql.com/doc/refman/8.0/en/mysqldump.html
    package init?(_ text: String) {
        let words = text.split { $0.isWhitespace || $0 == "," }
        func number(_ word: Substring) -> String { String(word.prefix { $0.isNumber || $0 == "." }) }
        func isNumber(_ word: Substring) -> Bool { word.first?.isNumber == true }
        if let word = words.first(where: { isNumber($0) && $0.contains("MariaDB") }) {
            (family, self.number) = (.mariadb, number(word))
        } else if let word = words.first(where: isNumber) {
            (family, self.number) = (text.contains("MariaDB") ? .mariadb : .mysql, number(word))
        } else {
            return nil
        }
    }

    package var description: String { (family == .mariadb ? "MariaDB " : "MySQL ") + number }

    /// `[10, 11, 19]`
    package var parts: [Int] { number.split(separator: ".").compactMap { Int($0) } }

    /// Of one family, and of an older series: `10.6` beside `10.11`.
    package func isOlderSeries(than other: MySQLVersion) -> Bool {
        family == other.family && parts.prefix(2).lexicographicallyPrecedes(other.parts.prefix(2))
    }
}
