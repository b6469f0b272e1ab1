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
        let (decrypt, key, note) = decryption(of: file)
        let decompress = file.compression == .gzip ? "gzip -d" : "zstd -d"
        var restore = ManualRestore(
            programs: ["sha256sum", file.encryption.rawValue, file.compression.rawValue]
                + (file.content == .tree ? ["tar"] : []),
            keys: key.map { [$0] } ?? [],
            lines: [
                "[ \"$(sha256sum < \"$ARCHIVE\")\" = \"\(file.sha256)  -\" ] || stop \"$ARCHIVE is damaged\""
            ])
        if let note { restore.notes.append(note) }
        let path = "\(place.folder)/\(file.name)"
        restore.stored = path
        restore.locate = ["ARCHIVE=\"$PLACE\"/\(ShellWord.quoted(path))"]
        if file.content == .tree {
            restore.lines += [
                "\(decrypt) | \(decompress) | tar -xpf - -C \"$DIR\"",
                "(cd \"$DIR\" && sha256sum --quiet -c .holdfast-sha256sums)",
                "proven \"$DIR: every file has its digest\"",
            ]
        } else {
            restore.lines.append("\(decrypt) | \(decompress) > \"$FILE\"")
            restore.name = (file.part as NSString).lastPathComponent
            restore.storedName = restore.name
        }
        return restore.opened(part)
    }

    private func decryption(of file: ArchiveManifest.File) -> (String, ManualRestore.Key?, note: String?) {
        let password = ManualRestore.Key(
            variable: "PASSWORD_FILE", what: "a file with the password of the archives",
            kept: access.settings.password)
        switch file.encryption {
        case .age where !file.hasRecipients:
            // It asks for the passphrase on the terminal, and takes it from nowhere else.
            return ("age -d \"$ARCHIVE\"", nil, "age asks for the password of the archives")
        case .age:
            let key = ManualRestore.Key(
                variable: "IDENTITY_FILE", what: "a file with the age key of one of the recipients of the archives",
                kept: access.settings.identity)
            return ("age -d -i \"$IDENTITY_FILE\" \"$ARCHIVE\"", key, nil)
        case .gpg where file.hasRecipients:
            return ("gpg -d \"$ARCHIVE\"", nil, "gpg needs the secret key of one of the recipients in its ring")
        case .gpg:
            return (
                "gpg --batch --pinentry-mode loopback --passphrase-file \"$PASSWORD_FILE\" -d \"$ARCHIVE\"", password,
                nil
            )
        case .openssl:
            return (
                "openssl enc -d -aes-256-cbc -pbkdf2 -pass \"file:$PASSWORD_FILE\" -in \"$ARCHIVE\"", password, nil
            )
        }
    }
}
