package import BackupModel
import Foundation
import Programs

extension ResticRepository {
    package func byHand(_ part: ManifestPart) async throws(RepositoryError) -> ManualRestore {
        let restic = "restic -r \"$FROM\" --password-file \"$PASSWORD_FILE\""
        let target = "\"$TARGET\"/" + ShellWord.quoted(part.source.rawValue)
        let snapshot = part.snapshot.rawValue
        var lines = ["mkdir -p \(target)"]
        if part.isTree {
            lines.append("\(restic) restore \(snapshot) --target \(target)")
        } else {
            let path = part.part.rawValue
            let name = ShellWord.quoted((path as NSString).lastPathComponent)
            // One version of restic stores a stream under a flat name.
            lines.append(
                "\(restic) dump \(snapshot) \(ShellWord.quoted(path)) > \(target)/\(name)"
                    + " || \(restic) dump \(snapshot) \(ShellWord.quoted(ResticPartName.flat(path))) > \(target)/\(name)"
            )
        }
        let password = ManualRestore.Key(
            variable: "PASSWORD_FILE", what: "a file with the password of the repository",
            kept: spec.entry["password"]?.secret)
        // What reaches a server, as restic takes it.
        let variables = (spec.entry["environment"]?.entries ?? []).map { entry in
            ManualRestore.Key(
                variable: entry.key, what: "the variable of restic for this server", kept: entry.value.secret)
        }
        return ManualRestore(programs: ["restic"], keys: [password] + variables, lines: lines).opening(part)
    }
}
