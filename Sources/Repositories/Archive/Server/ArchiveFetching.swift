import BackupModel
import Foundation
import Programs

extension ArchiveTarget {
    /// The same part from this place: fetched first, by the program that reaches it, unless somebody has fetched all of it into
    /// a folder already.
    func byHand(_ primary: ManualRestore) -> ManualRestore {
        guard let stored = primary.stored, location.folder == nil else { return primary }
        var restore = primary
        restore.settings = server.manualSettings
        restore.keys += server.manualKeys
        if let file = server.certificates {
            restore.settings.append(ManualRestore.Setting("CERTIFICATES_FILE", file))
            restore.notes.append(
                "the server is known by the certificates (PEM) in \(file): keep a copy of that file, and name it in CERTIFICATES_FILE"
            )
        }
        let fetch = fetching(stored)
        restore.programs += fetch.programs
        restore.settings += fetch.settings
        if let note = fetch.note { restore.notes.append(note) }
        restore.locate =
            ["if [ -d \"$PLACE\" ]; then", "ARCHIVE=\"$PLACE\"/\(ShellWord.quoted(stored))", "else"]
            + ["ARCHIVE=\"$TARGET/.fetched\"", fetch.line, "fi"]
        restore.cleanup.append("rm -f \"$TARGET/.fetched\"")
        return restore
    }

    private func fetching(
        _ path: String
    ) -> (line: String, programs: [String], settings: [ManualRestore.Setting], note: String?) {
        let plain = ShellWord.quoted(path)
        if let address = S3Address(location.text) {
            let region = server.manualSettings.contains { $0.variable == "AWS_DEFAULT_REGION" }
            return (
                "aws --endpoint-url \"$ENDPOINT\"\(server.certificates == nil ? "" : " --ca-bundle \"$CERTIFICATES_FILE\"") s3 cp --no-progress --quiet \"$S3_FOLDER\"/\(plain) \"$ARCHIVE\"",
                ["aws"],
                [
                    ManualRestore.Setting("ENDPOINT", address.endpoint),
                    ManualRestore.Setting(
                        "S3_FOLDER",
                        "s3://"
                            + ([address.bucket] + (address.prefix.isEmpty ? [] : [address.prefix])).joined(
                                separator: "/")),
                ] + (region ? [] : [ManualRestore.Setting("AWS_DEFAULT_REGION", address.regionOfHost ?? "us-east-1")]),
                nil
            )
        }
        if let batch = server.sftp(at: location) {
            let address = batch.address
            var words = ["sftp", "-q", "-b", "-"]
            if let connection = batch.connection {
                words += ["-D", ShellWord.quoted(connection)]
            } else {
                words += address.port.map { ["-P", String($0)] } ?? []
                words += (batch.options.map { $0 == "-p" ? "-P" : $0 } + [address.destination]).map(ShellWord.quoted)
            }
            return (
                "printf 'get \"%s\" \"%s\"\\n' \(ShellWord.quoted(address.path))/\(plain) \"$ARCHIVE\" | "
                    + words.joined(separator: " ") + " > /dev/null", ["sftp"], [],
                "sftp must get there without a question: try it first, it needs a key of its own"
            )
        }
        let remote = String(location.text.dropFirst("rclone:".count))
        return (
            "rclone\(server.certificates == nil ? "" : " --ca-cert \"$CERTIFICATES_FILE\"") copyto \(ShellWord.quoted("\(remote)/\(path)")) \"$ARCHIVE\"",
            ["rclone"], [],
            "rclone must know that remote: its own configuration is needed, ~/.config/rclone/rclone.conf"
        )
    }
}

extension ServerAccess {
    /// What the profile gives for the backend and is a secret.
    var manualKeys: [ManualRestore.Key] {
        secretVariables.sorted { $0.key < $1.key }.map { name, reference in
            ManualRestore.Key(
                variable: name, what: "the variable \(name) of what reaches this place", kept: reference, form: .text)
        }
    }

    /// What is none.
    var manualSettings: [ManualRestore.Setting] {
        plainVariables.sorted { $0.key < $1.key }.map { ManualRestore.Setting($0.key, $0.value) }
    }
}
