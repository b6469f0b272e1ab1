import ArgumentParser
import BackupModel
import Foundation
import HostSystem
import Programs
import Tools

/// Restores an archive file instead of a restore point of a profile.
struct ArchiveOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Restore this archive: .tar, .gz or .zst behind it, and .enc, .age or .gpg.", valueName: "file"))
    var archive: String?

    @Option(
        help: ArgumentHelp(
            "The archive's passphrase, which also proves its manifest; else the file that BACKUP_PASSPHRASE_FILE names.",
            valueName: "file"))
    var passwordFile: String?

    @Option(help: ArgumentHelp("The secret key, for what age encrypted: an archive, or sources.", valueName: "file"))
    var identity: String?

    @Option(
        help: ArgumentHelp(
            "Who may have signed the archive's manifest: public keys of ssh, or allowed signers.", valueName: "file"))
    var signers: String?

    var isWanted: Bool { archive != nil }

    func validate() throws {
        if archive == nil, passwordFile != nil || signers != nil {
            throw ValidationError("--password-file and --signers go with --archive")
        }
    }

    /// - Parameter target: absolute.
    func restore(into target: String?, dryRun: Bool, _ console: Console) async throws -> ExitStatus {
        guard let target = dryRun ? target ?? "" : target else {
            throw Failure(
                "into which folder?", hint: "holdfast restore --archive \(archive ?? "FILE") FOLDER", kind: .usage)
        }
        let runner = try SupervisedRunner()
        Interruption.onHurry { runner.close() }
        console.redact = { runner.redactor.redact($0) }
        let (path, form) = try file()
        let secrets = SecretResolver(runner: runner)
        let restore = ArchiveRestore(
            runner: runner, archive: path, form: form,
            passphrase: try await passphrase(form, secrets),
            identity: try await secret(identity, secrets),
            signers: signers.map { ($0 as NSString).expandingTildeInPath }, warn: { console.warn($0) })
        let report = try await restore.run(into: dryRun ? nil : target)
        show(report, path, dryRun ? nil : target, console)
        return .success
    }

    private func file() throws(Failure) -> (path: String, form: ArchiveForm) {
        let given = archive ?? ""
        guard let form = ArchiveForm(fileName: URL(fileURLWithPath: given).lastPathComponent) else {
            throw Failure(
                "the name of \(given) does not say what it is",
                hint: "archives end in .tar, then .gz or .zst, then .enc (openssl), .age or .gpg", kind: .usage)
        }
        guard let real = realpath(given, nil) else {
            throw Failure("\(given) cannot be opened: \(String(cString: strerror(errno)))", kind: .notFound)
        }
        defer { free(real) }
        // The name that was given tells the form and the manifest; a link's target may bear another.
        guard let name = ArchiveForm(fileName: URL(fileURLWithPath: String(cString: real)).lastPathComponent) else {
            return (String(cString: real), form)
        }
        return (String(cString: real), name)
    }

    private func passphrase(_ form: ArchiveForm, _ secrets: SecretResolver) async throws -> Secret? {
        let variable = ProcessInfo.processInfo.environment["BACKUP_PASSPHRASE_FILE"].flatMap { $0.isEmpty ? nil : $0 }
        switch form.encryption {
        // That of age is for the manifest alone.
        case .openssl, .gpg, .age: return try await secret(passwordFile ?? variable, secrets)
        case .none: return nil
        }
    }

    private func secret(_ path: String?, _ secrets: SecretResolver) async throws -> Secret? {
        guard let path else { return nil }
        let full = URL(fileURLWithPath: NSString(string: path).expandingTildeInPath).path
        return try await secrets.resolve(.file(full), environment: [:])
    }

    private func show(_ report: ArchiveRestore.Report, _ path: String, _ target: String?, _ console: Console) {
        if console.isJSON {
            console.print(
                JSONValue.object([
                    ("archive", .string(path)), ("target", JSONValue(target)), ("sha256", .string(report.digest)),
                    ("manifest", JSONValue(report.manifest)), ("authentic", .boolean(report.isProven)),
                    ("entries", JSONValue(report.entries)),
                    ("files", JSONValue(report.files)), ("bytes", JSONValue(report.bytes)),
                ]))
            return
        }
        if report.manifest != nil { console.say("verified: its SHA-256 is the one in the manifest beside it") }
        if let proof = report.proof { console.say(proof) }
        let what = "\(report.files) files (\(ByteCount(report.bytes)))"
        if let target {
            console.print("restored \(what) from \(Console.harmless(path)) to \(Console.harmless(target))")
        } else {
            console.print("\(Console.harmless(path)) holds \(what); nothing was restored")
        }
    }
}
