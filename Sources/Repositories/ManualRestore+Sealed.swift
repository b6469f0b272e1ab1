import BackupModel
import Programs

extension ManualRestore {
    /// The same, and what opens a part that was encrypted before it was stored, in its own place.
    func opened(_ part: ManifestPart) -> ManualRestore {
        guard let encryption = part.encryption else { return self }
        var restore = self
        let program = encryption.recipients.program
        restore.programs.append(program.rawValue)
        let decrypt: String
        switch program {
        case .age:
            decrypt = "age -d -i \"$SOURCE_IDENTITY_FILE\" \"$SEALED\""
            restore.keys.append(
                Key(
                    variable: "SOURCE_IDENTITY_FILE",
                    what: "a file with an age key that sources were encrypted for (\(encryption.recipients.words)); "
                        + "without it they come back as they were encrypted", kept: nil, isOptional: true))
        case .gpg:
            decrypt = "gpg -d \"$SEALED\""
            restore.notes.append("gpg needs the secret key of \(encryption.recipients.words) in its ring")
        }
        var lines = ["SEALED=\"$FILE\""]
        if encryption.base != nil {
            restore.programs += ["sha256sum", "tar"]
            restore.name = nil
            lines += [
                "\(decrypt) | tar -xpf - -C \"$DIR\"", "(cd \"$DIR\" && sha256sum --quiet -c .holdfast-sha256sums)",
                "proven \"$DIR: every file has its digest\"",
            ]
        } else {
            let name = String(encryption.part.rawValue.split(separator: "/").last ?? "part")
            restore.name = name
            lines += ["FILE=\"$DIR\"/\(ShellWord.quoted(name))", "\(decrypt) > \"$FILE\""]
        }
        lines.append("rm \"$SEALED\"")
        if program == .age {
            lines =
                ["if [ -n \"${SOURCE_IDENTITY_FILE:-}\" ]; then"] + lines + [
                    "else", "unproven \"$FILE was not opened: SOURCE_IDENTITY_FILE is not set\"", "fi",
                ]
        }
        restore.opening = lines
        return restore
    }
}
