package import BackupModel
import Foundation
import Programs

extension ArchiveRepository {
    package func byHand(_ part: ManifestPart) async throws(RepositoryError) -> ManualRestore {
        try await ArchiveByHand(access: access).restore(part)
    }
}

/// How archives come back with standard tools.
struct ArchiveByHand: Sendable {
    let access: ArchiveAccess

    func restore(_ part: ManifestPart) async throws(RepositoryError) -> ManualRestore {
        let place = try await ArchiveRuns(access: access).place(of: part.snapshot)
        guard case .file(let file) = place.content else { throw .notFound(what: "a part in snapshot \(part.snapshot)") }
        let stored = "\"$FROM\"/" + ShellWord.quoted("\(place.folder)/\(file.name)")
        let target = "\"$TARGET\"/" + ShellWord.quoted(part.source.rawValue)
        let (decrypt, key) = decryption(of: file, at: stored)
        let decompress = file.compression == .gzip ? "gzip -d" : "zstd -d"
        var lines = [
            "echo \(file.sha256)\"  \"\(stored) | sha256sum -c", "mkdir -p \(target)",
        ]
        if file.encryption == .age, !file.hasRecipients {
            lines.append("echo 'age asks for the password of the archives'")
        }
        if file.content == .tree {
            lines.append("\(decrypt) | \(decompress) | tar -xpf - -C \(target)")
            lines.append("(cd \(target) && sha256sum --quiet -c .holdfast-sha256sums)")
        } else {
            let name = (file.part as NSString).lastPathComponent
            lines.append("\(decrypt) | \(decompress) > \(target)/\(ShellWord.quoted(name))")
        }
        return ManualRestore(
            programs: ["sha256sum", file.encryption.rawValue, file.compression.rawValue]
                + (file.content == .tree ? ["tar"] : []),
            keys: key.map { [$0] } ?? [], lines: lines
        ).opening(part)
    }

    private func decryption(of file: ArchiveManifest.File, at path: String) -> (String, ManualRestore.Key?) {
        let password = ManualRestore.Key(
            variable: "PASSWORD_FILE", what: "a file with the password of the archives",
            kept: access.settings.password)
        return switch file.encryption {
        case .age where !file.hasRecipients:
            // It asks for the passphrase on the terminal, and takes it from nowhere else.
            ("age -d \(path)", nil)
        case .age:
            (
                "age -d -i \"$IDENTITY_FILE\" \(path)",
                ManualRestore.Key(
                    variable: "IDENTITY_FILE", what: "the age key of one of the recipients",
                    kept: access.settings.identity)
            )
        case .gpg where file.hasRecipients: ("gpg -d \(path)", nil)
        case .gpg:
            (
                "gpg --batch --pinentry-mode loopback --passphrase-file \"$PASSWORD_FILE\" -d \(path)", password
            )
        case .openssl:
            ("openssl enc -d -aes-256-cbc -pbkdf2 -pass \"file:$PASSWORD_FILE\" -in \(path)", password)
        }
    }
}
