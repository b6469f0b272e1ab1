package import BackupModel
import Programs

extension MySQLDump {
    package func byHand(_ part: ManifestPart) -> ManualUse? {
        let notes = part.restoreNotes
        guard notes["format"] != "users" else {
            return ManualUse(
                server: .mysql, programs: [],
                lines: [
                    "if [ \"${GLOBALS:-}\" = yes ]; then", "sql --force < \"$FILE\"", "else",
                    "echo \"left alone: $FILE; look at it, and give GLOBALS=yes to run it\"", "fi",
                ],
                comesFirst: true,
                notes: [
                    "Users and grants of the whole server. Look at the file first; on a new server give GLOBALS=yes."
                ])
        }
        func name(_ key: String, _ word: String) -> String {
            guard let text = notes[key], text.allSatisfy({ $0 == "_" || $0.isASCII && ($0.isLetter || $0.isNumber) })
            else { return "" }
            return " \(word) \(text)"
        }
        let create =
            "CREATE DATABASE \\`$DATABASE\\`" + name("charset", "CHARACTER SET") + name("collation", "COLLATE")
        let lines =
            [
                "sql -e \"\(create)\"",
                // Older clients, and those of MySQL, do not know the first line of newer dumps.
                "sed -e '1{/999999.*sandbox mode/d;}' \"$FILE\" | sql --binary-mode --max-allowed-packet=1G \"$DATABASE\"",
            ]
            + RowsByHand(
                facts: part.facts, count: "sql -N -B -e \"SELECT count(*) FROM $table\" \"$DATABASE\"",
                quoted: MySQLQueries.identifier, what: "database $DATABASE"
            ).lines
        return ManualUse(server: .mysql, programs: ["sed"], lines: lines, database: notes["database"])
    }

    package func prove(_ part: ManifestPart, at path: String) async throws(SourceError) -> RestoreReport {
        let tail: [UInt8]
        do throws(SystemError) { tail = try System.lastBytes(of: path, count: 256) } catch { throw error.reading(path) }
        guard MySQLDumpScanner.isComplete(tail: tail) else {
            throw .mismatch(what: "the restored \(part.part)", expected: "a complete dump", found: "no end marker")
        }
        return RestoreReport(place: path, bytes: part.bytes, proofs: ["the dump is complete"])
    }
}
