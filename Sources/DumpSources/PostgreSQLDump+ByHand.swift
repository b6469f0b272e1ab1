package import BackupModel
import Programs

extension PostgreSQLDump {
    package func byHand(_ part: ManifestPart) -> ManualUse? {
        let notes = part.restoreNotes
        guard notes["format"] != "globals" else {
            return ManualUse(
                server: .postgres, programs: ["psql"],
                lines: [
                    "if [ \"${GLOBALS:-}\" = yes ]; then", "psql -X -q -w -d \"${PGDATABASE:-postgres}\" -f \"$FILE\"",
                    "else", "echo \"left alone: $FILE; look at it, and give GLOBALS=yes to run it\"", "fi",
                ],
                comesFirst: true,
                notes: [
                    "Roles and tablespaces of the whole server. Look at the file first: it sets the passwords of roles, and names the "
                        + "folders of tablespaces, which must be there.",
                    "On a new server give GLOBALS=yes. A role that is there already is told as an error and is no trouble.",
                ])
        }
        var create = "createdb -w --template=template0"
        if let encoding = notes["encoding"] { create += " --encoding=\(ShellWord.quoted(encoding))" }
        let plain = create + " -- \"$DATABASE\""
        var lines: [String] = []
        if let owner = notes["owner"], owner.allSatisfy({ !$0.isNewline && $0 != "\0" }) {
            // What the dump gives to its owner cannot be given to nobody.
            let query = "SELECT count(*) FROM pg_roles WHERE rolname = \(PostgreSQLQueries.literal(owner))"
            lines += [
                "[ \"$(psql -XAtwq -d \"${PGDATABASE:-postgres}\" -c \(ShellWord.quoted(query)))\" = 1 ] ||"
                    + " stop \(ShellWord.quoted("the role \(owner) is missing: give GLOBALS=yes, or make it: createuser \(owner)"))"
            ]
        }
        let locales = PostgreSQLLocale(notes).words
        if locales.isEmpty {
            lines.append(plain)
        } else {
            lines += locales.map { "\(create) \($0.joined(separator: " ")) -- \"$DATABASE\" ||" }
            lines.append("{ echo \"once more, with the locale of this server:\"; \(plain); }")
        }
        let isCustom = notes["format"] == PostgreSQLSettings.Format.custom.rawValue
        lines.append(
            isCustom
                ? "pg_restore -w --exit-on-error -d \"$DATABASE\" -- \"$FILE\""
                : "psql -X -q -w -v ON_ERROR_STOP=1 -o /dev/null -d \"$DATABASE\" -f \"$FILE\"")
        lines +=
            RowsByHand(
                facts: part.facts, count: "psql -XAtwq -d \"$DATABASE\" -c \"SELECT count(*) FROM $table\"",
                quoted: { $0 }, what: "database $DATABASE"
            ).lines
        let name = ":\"db\""
        var properties = PostgreSQLProperties(notes)?.statements(naming: name) ?? []
        if let owner = notes["owner"] {
            properties.append("ALTER DATABASE \(name) OWNER TO \(PostgreSQLQueries.identifier(owner));")
        }
        // A line of a sheet is one line.
        let lined = properties.filter { !$0.contains { $0.isNewline || $0 == "\0" } }
        if !lined.isEmpty {
            lines += [
                "echo \"settings and grants of database $DATABASE (an ERROR names what is missing: make it, and repeat this line)\"",
                "printf '%s\\n' " + lined.map(ShellWord.quoted).joined(separator: " ")
                    + " | psql -X -q -w -v db=\"$DATABASE\" -d \"${PGDATABASE:-postgres}\"",
            ]
        }
        return ManualUse(
            server: .postgres, programs: ["createdb", "psql"] + (isCustom ? ["pg_restore"] : []), lines: lines,
            database: notes["database"],
            notes: lined.count == properties.count
                ? []
                : ["Of the database itself \(properties.count - lined.count) settings with line breaks are left out."])
    }

    /// A file alone: that the dump is whole. Its rows are counted where it has been loaded.
    package func prove(_ part: ManifestPart, at path: String) async throws(SourceError) -> RestoreReport {
        let isCustom = part.restoreNotes["format"] == PostgreSQLSettings.Format.custom.rawValue
        let tail: [UInt8]
        do throws(SystemError) { tail = try System.lastBytes(of: path, count: 1024) } catch {
            throw error.reading(path)
        }
        guard isCustom || PostgreSQLQueries.isComplete(plainTail: tail) else {
            throw .mismatch(what: "the restored \(part.part)", expected: "a complete dump", found: "no end marker")
        }
        return RestoreReport(
            place: path, bytes: part.bytes, proofs: isCustom ? [] : ["the dump is complete"],
            unproven: isCustom ? ["that the archive decodes: it was not loaded here"] : [])
    }
}
