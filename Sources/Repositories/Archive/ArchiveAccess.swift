import BackupModel
import Digests
import Foundation
import Programs
import Synchronization

/// What every operation of one archive repository needs: its folder, its keys, asked for once, and the programs.
final class ArchiveAccess: Sendable {
    let settings: ArchiveSettings
    let services: Services
    let folder: ArchiveFolder
    let own: OwnStreams
    private let cacheFolder: String
    private let counter = Atomic<Int>(0)
    let reserved = ReservedNames()
    let written = WrittenFiles()
    private let ready = AskedOnce<ArchiveKeys>()

    /// Where the repository is; its folder holds no more than what is seen of it where that is on a server.
    let location: String

    init(_ settings: ArchiveSettings, _ services: Services, cacheFolder: String, location: String? = nil) {
        self.settings = settings
        self.location = location ?? settings.folder
        self.services = services
        self.cacheFolder = cacheFolder
        folder = ArchiveFolder(path: settings.folder, location: location)
        own = OwnStreams(program: services.program)
    }

    var starts: Int { counter.load(ordering: .relaxed) }
    func countStarts(_ count: Int) { counter.add(count, ordering: .relaxed) }

    func requirePlace() throws(RepositoryError) {
        try settings.requiredMount?.require(for: settings.folder, location: location, services.host)
    }

    // MARK: - Keys

    /// Asked for once, also when several parts are stored at the same time; after a failure the next caller asks anew.
    func keys() async throws(RepositoryError) -> ArchiveKeys {
        try await ready.value { () throws(RepositoryError) in try await self.prepare(try self.folder.header()) }
    }

    private func prepare(_ header: ArchiveHeader) async throws(RepositoryError) -> ArchiveKeys {
        let recipients = try recipients()
        let password = try await password()
        guard let password else { return ArchiveKeys(header: header, recipients: recipients) }
        guard let key = header.keys.first, let salt = key.saltBytes else {
            throw .unsupported(
                "the repository at \(location) was made without a password, and the profile names one: take `password:` out, or "
                    + "make a new repository in another folder")
        }
        let derived: AuthenticationKey
        let check: String
        do throws(DigestError) {
            derived = try ArchiveHeader.Key.derive(password, salt: salt, rounds: key.rounds)
            check = try ArchiveHeader.Key.check(derived)
        } catch {
            throw .unsupported(error.description)
        }
        guard check == key.check else { throw .wrongPassword(location: location) }
        return ArchiveKeys(header: header, recipients: recipients, password: password, code: derived)
    }

    func password() async throws(RepositoryError) -> Secret? {
        guard let reference = settings.password else { return nil }
        let password = try await services.secret(reference)
        let bytes = password.reveal(for: .comparison)
        guard !bytes.isEmpty else { throw .unsupported("the password of the repository at \(location) is empty") }
        guard !bytes.contains(where: { $0 == 0 || $0 == 10 || $0 == 13 }) else {
            throw .unsupported(
                "the password of the repository at \(location) has a line break in it; gpg and openssl read one line only"
            )
        }
        if settings.encryption == .age, bytes.count > 1000 || bytes.contains(where: { $0 < 32 || $0 == 127 }) {
            throw .unsupported(
                "the password of the repository at \(location) has control characters in it, or more than 1000 bytes; age "
                    + "reads it as from a terminal")
        }
        return password
    }

    func identity() async throws(RepositoryError) -> Secret? {
        guard let reference = settings.identity else { return nil }
        return try await services.secret(reference)
    }

    /// Sorted. Read anew by every process, so that a file of them that was changed shows.
    func recipients() throws(RepositoryError) -> [String] {
        var recipients = settings.recipients.filter { !$0.isEmpty }
        if let file = settings.recipientsFile {
            guard let data = FileManager.default.contents(atPath: file) else {
                throw .unsupported("the recipients file \(file) cannot be read: nothing was encrypted")
            }
            recipients += Age.recipients(in: String(decoding: data, as: UTF8.self))
        }
        guard !settings.hasRecipients || !recipients.isEmpty else {
            throw .unsupported(
                "no recipient is named\(settings.recipientsFile.map { " in \($0)" } ?? ""): files that nobody can open are no "
                    + "backup")
        }
        return Array(Set(recipients)).sorted()
    }

    /// A folder for gpg, so that nothing of the user's own plays a part.
    func gnupgHome() throws(RepositoryError) -> String { try privateFolder("gnupg") }
    /// For small files that a program takes by name.
    func scratch() throws(RepositoryError) -> String { try privateFolder("archive") }

    private func privateFolder(_ name: String) throws(RepositoryError) -> String {
        let path = "\(cacheFolder)/\(name)"
        do throws(SystemFailure) {
            try SystemFolder.makePrivate(path)
        } catch {
            throw .unsupported("the folder \(error.path) cannot be made: \(error.reason)")
        }
        return path
    }

    // MARK: - The stages of a file

    func compressor() -> ToolCommand {
        switch settings.compression {
        case .zstd: Zstandard.compress()
        case .gzip: Gzip.compress()
        }
    }

    func encryptor(_ keys: ArchiveKeys) throws(RepositoryError) -> ToolCommand {
        switch (settings.encryption, keys.password) {
        case (.age, _) where settings.hasRecipients: return Age.encrypt(to: keys.recipients)
        case (.age, let password?): return own.age(password)
        case (.gpg, _) where settings.hasRecipients: return GnuPG.encrypt(onlyTo: keys.recipients)
        case (.gpg, let password?): return GnuPG.encrypt(passphrase: password, home: try gnupgHome())
        case (.openssl, let password?): return OpenSSL.encrypt(passphrase: password)
        case (.age, nil), (.gpg, nil), (.openssl, nil):
            throw .unsupported("\(settings.encryption.rawValue) needs a `password:`")
        }
    }

    /// What opens a file: its digest is compared as it flows, then come its decryption and its decompression.
    /// - Parameter supply: what prints the file, where it is not in the folder.
    /// - Throws: ``RepositoryError/keyNotNamed(file:how:)`` where the profile names no key for it.
    func opening(
        _ file: ArchiveManifest.File, in run: String, from supply: ToolCommand? = nil
    ) async throws(RepositoryError) -> [ToolCommand] {
        var decrypting = try await decryptor(file)
        decrypting.whenOrphaned = .leave
        let decompressing =
            switch file.compression {
            case .zstd: Zstandard.decompress()
            case .gzip: Gzip.decompress()
            }
        if let supply { return [supply, own.match(file.sha256), decrypting, decompressing].map(prepared) }
        return [own.match(file.sha256, in: "\(folder.path)/\(run)/\(file.name)"), decrypting, decompressing].map(
            prepared)
    }

    private func decryptor(_ file: ArchiveManifest.File) async throws(RepositoryError) -> ToolCommand {
        switch file.encryption {
        case .age where file.hasRecipients:
            guard let identity = try await identity() else {
                throw .keyNotNamed(
                    file: file.name,
                    how:
                        "give `--identity FILE` with the age key, or name it under `identity:` (`identity: file:/path`); it is "
                        + "not needed for backups and is best kept elsewhere")
            }
            return Age.decrypt(with: identity)
        case .gpg where file.hasRecipients: return GnuPG.decrypt()
        case .age, .gpg, .openssl:
            guard let password = try await password() else {
                throw .keyNotNamed(file: file.name, how: "name its password under `password:`")
            }
            return switch file.encryption {
            case .age: own.age(password, decrypting: true)
            case .gpg: GnuPG.decrypt(passphrase: password, home: try gnupgHome())
            case .openssl: OpenSSL.decrypt(passphrase: password)
            }
        }
    }

    func prepared(_ command: ToolCommand) -> ToolCommand {
        var command = command
        command.niceness = services.settings.niceness
        return command
    }

    // MARK: - Starting

    /// Runs a chain of programs.
    func pipe(
        _ stages: [ToolCommand], refusingEmpty: Bool = true, reading reader: (any LineReader)? = nil
    ) async throws(RepositoryError) -> PipelineResult {
        guard !Task.isCancelled else { throw .cancelled }
        countStarts(stages.count)
        do throws(ToolError) {
            return try await services.runner.pipeline(
                stages.map(prepared), refusingEmpty: refusingEmpty, reading: reader)
        } catch {
            throw .tool(error)
        }
    }

    /// Runs a chain that reads what a file has inside.
    /// - Parameters:
    ///   - file: in the repository; its digest has been compared, so what fails now is the key.
    ///   - place: where the last of them writes, if that is a place that is restored to.
    func read(
        _ stages: [ToolCommand], of file: ArchiveManifest.File, into place: String? = nil,
        reading reader: (any LineReader)? = nil
    ) async throws(RepositoryError) -> [ToolResult] {
        let result = try await pipe(stages, refusingEmpty: false, reading: reader)
        guard !result.committed || !result.stages.allSatisfy(\.didItsWork) else { return result.stages }
        if result.stages.contains(where: { $0.stopped == .cancelled }) { throw .cancelled }
        // What supplies the file may stand before it.
        let first = result.stages.firstIndex { $0.command.arguments.starts(with: ["stream", "match"]) } ?? 0
        let matching = result.stages[first]
        if matching.termination == .exited(OwnStreams.refusedExitCode) {
            throw .damaged(location: location, detail: "\(file.name): \(matching.lastWords)")
        }
        let errors = result.stages[first + 1].errors.text
        let failed = result.firstFailure.map { result.stages[$0] } ?? result.stages[0]
        if failed.stopped == .stallLimit || failed.stopped == .totalLimit {
            throw .timedOut(tool: failed.command.name, limit: "its time limit")
        }
        // It failed by itself; those before it end with it.
        if let place, let last = result.stages.last, !last.didItsWork, last.endedByItself,
            last.termination == .exited(OwnStreams.fullExitCode) || RestorePlace.isFull(last.errors.text)
        {
            throw RestorePlace.full(place, last.lastWords, services.host)
        }
        let isWrong =
            switch file.encryption {
            case .age: Age.tellsOfWrongKey(errors)
            case .gpg: GnuPG.tellsOfWrongKey(errors)
            // What a wrong passphrase makes of a file is noise, which is no compressed file.
            case .openssl: OpenSSL.tellsOfWrongKey(errors) || (result.firstFailure == first + 2 && failed.endedByItself)
            }
        if isWrong, file.hasRecipients {
            let reason = errors.split(whereSeparator: \.isNewline).first ?? "no key"
            let marks = ["age: error: ", "gpg: "].filter(reason.hasPrefix)
            throw .noKey(
                file: file.name, tool: file.encryption.rawValue,
                detail: String(reason.dropFirst(marks.first?.count ?? 0)))
        }
        if isWrong { throw .wrongPassword(location: location) }
        if case .exited(OwnStreams.refusedExitCode) = failed.termination, failed.command.program == own.program {
            throw .damaged(location: location, detail: "\(file.name): \(failed.lastWords)")
        }
        throw .toolFailed(
            tool: failed.command.name, how: failed.termination.description, detail: failed.lastWords)
    }
}

/// The keys of one archive repository.
struct ArchiveKeys: Sendable {
    var header: ArchiveHeader
    /// Sorted; empty where files are encrypted with the password.
    var recipients: [String]
    var password: Secret?
    /// What manifests are authenticated with.
    var code: AuthenticationKey?

    /// What is pinned: other recipients, or another passphrase, are another repository.
    func ids() throws(RepositoryError) -> [String] {
        do throws(DigestError) {
            var ids: [String] = []
            for recipient in recipients { ids.append(try SHA256.digest(of: Array(recipient.utf8)).description) }
            return (ids + (password == nil ? [] : header.keys.map(\.check))).sorted()
        } catch {
            throw .unsupported(error.description)
        }
    }
}

extension ToolCommand {
    /// For messages.
    var name: String {
        guard arguments.first == "stream", arguments.count > 1 else { return (program as NSString).lastPathComponent }
        return "holdfast stream \(arguments[1])"
    }
}

extension ToolResult {
    var endedByItself: Bool { if case .exited = termination { stopped == nil } else { false } }
    /// Of our own program without the marks that it puts before what it says, and without its advice: whoever quotes it has some.
    var lastWords: String {
        var lines = errors.text.split(whereSeparator: \.isNewline)
        if command.arguments.first == "stream" {
            lines = lines.filter { !$0.hasPrefix("  → ") }.map { $0.hasPrefix("error: ") ? $0.dropFirst(7) : $0 }
        }
        return lines.suffix(5).joined(separator: "\n")
    }
}
