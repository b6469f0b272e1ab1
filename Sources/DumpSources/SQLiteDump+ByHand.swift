package import BackupModel
import Programs

extension SQLiteDump {
    package func byHand(_ part: ManifestPart) -> ManualUse? {
        var notes: [String] = []
        if let original = part.restoreNotes["original"] {
            notes.append(
                "It is the database itself. It was at \(original): stop what uses it, remove an old -wal and -shm there, and put it there."
            )
        }
        guard part.condition != .damaged else {
            return ManualUse(
                server: nil, programs: [], lines: ["unproven \"$FILE: it was damaged when it was backed up\""],
                notes: notes)
        }
        // Nobody's ~/.sqliterc.
        let shell = "sqlite3 -batch -init /dev/null \"$FILE\""
        let lines =
            [
                "[ \"$(\(shell) 'PRAGMA integrity_check' < /dev/null)\" = ok ] && proven \"$FILE: integrity check\" ||"
                    + " stop \"$FILE: PRAGMA integrity_check finds damage\""
            ]
            + RowsByHand(
                facts: part.facts, count: "\(shell) \"SELECT count(*) FROM $table\"", quoted: SQLiteShell.identifier,
                what: "$FILE"
            ).lines
        return ManualUse(server: nil, programs: ["sqlite3"], lines: lines, notes: notes)
    }

    package func prove(_ part: ManifestPart, at path: String) async throws(SourceError) -> RestoreReport {
        let proof = try await compare(path, part)
        return RestoreReport(
            place: path, bytes: part.bytes, files: 1, proofs: proof.proofs, unproven: proof.unproven,
            notices: proof.notices)
    }
}
