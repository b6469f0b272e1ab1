package import BackupModel
import Foundation
import Programs

extension ResticRepository {
    package func byHand(_ part: ManifestPart) async throws(RepositoryError) -> ManualRestore {
        var restore = await places()
        // Of a sheet that has become old the newest snapshot may be wanted.
        let stamp = SnapshotStamp(
            host: "", profile: ProfileName(unchecked: ""), run: RunID(unchecked: ""), content: .part,
            source: part.source,
            part: part.part)
        let tags = stamp.tags.filter { tag in ["kind:", "source:", "part:"].contains(where: tag.hasPrefix) }
        restore.locate = [
            "ID=(\(part.snapshot.rawValue))",
            "[ -z \"${NEWEST:-}\" ] || ID=(latest --host \"$OF_HOST\" --tag \"profile:$PROFILE\"\(ShellWord.quoted("," + tags.joined(separator: ","))))",
        ]
        // No lock is written: the place may be read-only by now, and nobody prunes what is lost.
        if part.isTree {
            restore.lines = ["restic --no-lock restore \"${ID[@]}\" --target \"$DIR\" --verify"]
        } else {
            let path = part.part.rawValue
            let stored = try await ResticReader(access: access, snapshot: part.snapshot).storedPath(path)
            restore.lines = ["restic --no-lock dump \"${ID[@]}\" \(ShellWord.quoted(stored)) > \"$FILE\""]
            restore.name = (path as NSString).lastPathComponent
            restore.storedName = restore.name
        }
        return restore.opened(part)
    }

    /// Without any part: what must be at hand and be set for this place.
    func places() async -> ManualRestore {
        let settings = access.settings
        let password = ManualRestore.Key(
            variable: "PASSWORD_FILE", what: "a file with the password of the repository",
            kept: await access.keptPassword())
        var restore = ManualRestore(programs: ["restic"], keys: [password], lines: [])
        restore.setup = [
            "unset RESTIC_REPOSITORY_FILE RESTIC_PASSWORD RESTIC_PASSWORD_COMMAND",
            "export RESTIC_REPOSITORY=\"$PLACE\" RESTIC_PASSWORD_FILE=\"$PASSWORD_FILE\"",
        ]
        var words: [String] = []
        for option in settings.tuning.options.sorted(by: { $0.key < $1.key }) {
            words.append("-o " + ShellWord.quoted("\(option.key)=\(option.value)"))
        }
        if let file = settings.tuning.certificates {
            words.append("--cacert \"$CERTIFICATES_FILE\"")
            // No secret: those of the system are everywhere, and of others a copy is needed.
            restore.settings.append(ManualRestore.Setting("CERTIFICATES_FILE", file))
            restore.notes.append(
                "the server is known by the certificates (PEM) in \(file): keep a copy of that file, and name it in CERTIFICATES_FILE"
            )
        }
        if !words.isEmpty {
            restore.setup.append("restic() { command restic \(words.joined(separator: " ")) \"$@\"; }")
        }
        // What reaches a server, as restic takes it.
        for entry in spec.entry["environment"]?.entries ?? [] where !spec.replacedVariables.contains(entry.key) {
            if let reference = entry.value.secret {
                restore.keys.append(Self.variable(entry.key, reference))
            } else if let text = entry.value.text {
                restore.settings.append(ManualRestore.Setting(entry.key, text))
            }
        }
        for name in spec.replacedVariables.sorted() {
            restore.keys.append(Self.variable(name, .environment(name)))
        }
        if settings.restCredential != nil { restore.notes.append("the server's password needs restic 0.16.1 or newer") }
        if location.hasPrefix("sftp:") {
            restore.programs.append("ssh")
            restore.notes.append(
                "ssh must get there without a question: try it with `ssh` first, it needs a key of its own")
        }
        if location.hasPrefix("rclone:") {
            restore.programs.append("rclone")
            restore.notes.append(
                "rclone must know that remote: its own configuration is needed, ~/.config/rclone/rclone.conf")
        }
        return restore
    }

    private static func variable(_ name: String, _ reference: SecretReference) -> ManualRestore.Key {
        ManualRestore.Key(
            variable: name, what: "the variable \(name) of restic for this server", kept: reference, form: .text)
    }
}
