import BackupModel
import Programs

extension ManualRestore {
    /// The same, and what opens a part that was encrypted before it was stored, in its own place.
    func opening(_ part: ManifestPart) -> ManualRestore {
        guard let encryption = part.encryption else { return self }
        func name(_ path: PartPath) -> String {
            ShellWord.quoted(String(path.rawValue.split(separator: "/").last ?? "part"))
        }
        let target = "\"$TARGET\"/" + ShellWord.quoted(part.source.rawValue)
        let file = target + "/" + name(part.part)
        var opened = self
        let program = encryption.recipients.program
        let decryption: String
        switch program {
        case .age:
            decryption = "age -d -i \"$SOURCE_IDENTITY_FILE\" \(file)"
            opened.keys.append(
                Key(
                    variable: "SOURCE_IDENTITY_FILE",
                    what: "a file with the age keys that sources were encrypted for", kept: nil))
        case .gpg: decryption = "gpg -d \(file)"
        }
        opened.programs.append(program.rawValue)
        if encryption.base != nil {
            opened.programs += ["sha256sum", "tar"]
            opened.lines += [
                "\(decryption) | tar -xpf - -C \(target)",
                "(cd \(target) && sha256sum --quiet -c .holdfast-sha256sums)",
            ]
        } else {
            opened.lines.append("\(decryption) > \(target)/\(name(encryption.part))")
        }
        opened.lines.append("rm \(file)")
        return opened
    }
}
