package import BackupModel
import Foundation
import Programs
import Synchronization

/// A source of any kind whose parts are encrypted before they enter a repository, whatever that is.
///
/// The kind itself knows nothing of it: what it hands over for storing is sealed on the way, and when it restores, it reads
/// through the decryption. What was encrypted is told by the part, not by the profile, so parts from before and after a change
/// of the profile restore side by side.
package struct EncryptedSource: DumpSource {
    private let inner: any DumpSource
    private let services: Services
    /// `nil` where the profile does not say so (any more) and only what is stored is encrypted.
    private let settings: EncryptSettings?
    private let identity: SecretReference?
    private let found = Found()

    package var spec: SourceSpec { inner.spec }

    /// - Parameter identity: given at the moment of need; it wins over the profile's.
    init(_ inner: any DumpSource, _ services: Services, identity: SecretReference?) {
        self.inner = inner
        self.services = services
        settings = EncryptSettings(inner.spec)
        self.identity = identity ?? settings?.identity
    }

    private actor Found {
        private var recipients: Recipients?
        func value(_ find: @Sendable () async throws(SourceError) -> Recipients) async throws(SourceError) -> Recipients
        {
            if let recipients { return recipients }
            let new = try await find()
            if let recipients { return recipients }
            recipients = new
            return new
        }
    }

    package func recipients() async throws(SourceError) -> Recipients? {
        guard let settings else { return nil }
        return try await found.value { () throws(SourceError) in
            guard services.runner.locate(settings.program.rawValue) != nil else {
                throw .tool(.notFound(program: settings.program.rawValue, searched: ["the search path"]))
            }
            let lookup = RecipientLookup(
                settings.program, listed: settings.recipients, file: settings.recipientsFile, runner: services.runner)
            do throws(RecipientLookup.Problem) {
                return try await lookup.find()
            } catch {
                switch error {
                case .tool(let error): throw .tool(error)
                case .cancelled: throw .cancelled
                case .fileUnreadable, .nobody, .unusable: throw .noRecipients(error.description, hint: error.hint)
                }
            }
        }
    }

    package func preflight(_ context: CaptureContext) async throws(SourceError) -> SourcePreview {
        guard let recipients = try await recipients() else { return try await inner.preflight(context) }
        try await tryOut(recipients)
        var preview = try await inner.preflight(context)
        preview.parts = preview.parts.map { sealed($0, isTree: $0 == FilesSource.part, recipients.program) }
        preview.summary +=
            ", encrypted with \(recipients.program.rawValue) for \(Words.count(recipients.keys.count, "recipient"))"
        let version = try await services.succeed(recipients.program == .age ? Age.version : GnuPG.version).output.text
        preview.tools[recipients.program.rawValue] = EncryptedSource.number(in: version)
        return preview
    }

    /// Encrypts nothing for them: a key that is mistyped shows now and not when everything is under way.
    private func tryOut(_ recipients: Recipients) async throws(SourceError) {
        var command = recipients.encryptor
        command.whenOrphaned = .signal(.terminate)
        command.limits = ToolCommand.Limits(total: .seconds(60))
        let result = try await services.run(command)
        guard result.didItsWork else {
            if result.stopped == .cancelled { throw .cancelled }
            throw .noRecipients(
                "\(recipients.program.rawValue) cannot encrypt for \(recipients.words): \(tellingEnd(of: result.errors.text))",
                hint: "correct the recipients under `encrypt:`")
        }
    }

    /// `age 1.1.1`, `gpg (GnuPG) 2.2.40`, `v1.1.1` and `1.1.1` have one.
    private static func number(in text: String) -> String {
        let words = text.split(whereSeparator: \.isNewline).first?.split(separator: " ") ?? []
        let found = words.map { $0.hasPrefix("v") ? $0.dropFirst() : $0 }.first { $0.first?.isNumber == true }
        return String((found ?? "unknown").prefix(40))
    }

    /// Under which name a part is stored.
    private func sealed(_ path: PartPath, isTree: Bool, _ program: Recipients.Program) -> PartPath {
        PartPath(
            rawValue: (isTree ? "/\(spec.kind)/\(spec.name).tar" : path.rawValue) + "." + program.ending)
    }

    // MARK: - Capturing

    package func capture(
        _ context: CaptureContext, storing store: PartStore
    ) async throws(SourceError) -> [PartReport] {
        guard let recipients = try await recipients() else { return try await inner.capture(context, storing: store) }
        let seals = Mutex<[SnapshotID: Seal]>([:])
        do throws(SourceError) {
            let reports = try await inner.capture(context) { part throws(RepositoryError) in
                let isTree = if case .files = part.content { true } else { false }
                var outer = part
                outer.path = sealed(part.path, isTree: isTree, recipients.program)
                outer.content = .sealed(part.content, recipients)
                let stored = try await store(outer)
                guard let inside = stored.inside else {
                    throw .noEvidence(
                        location: "snapshot \(stored.snapshot)", detail: "nothing says that it is encrypted")
                }
                let seal = Seal(
                    path: outer.path, stored: stored,
                    encryption: PartEncryption(
                        recipients: recipients, part: part.path, bytes: inside.bytes, files: inside.files,
                        base: inside.base))
                seals.withLock { $0[stored.snapshot] = seal }
                // What the kind notes is of what it captured.
                var plain = stored
                plain.bytes = inside.bytes
                plain.files = inside.files
                return plain
            }
            return try closed(reports, seals.withLock { $0 })
        } catch {
            guard case .incomplete(let reports, let failures) = error else { throw error }
            throw .incomplete(try closed(reports, seals.withLock { $0 }), failures: failures)
        }
    }

    private struct Seal: Sendable {
        var path: PartPath
        var stored: StoredPart
        var encryption: PartEncryption
    }

    private func closed(
        _ reports: [PartReport], _ seals: [SnapshotID: Seal]
    ) throws(SourceError) -> [PartReport] {
        var closed: [PartReport] = []
        for report in reports {
            guard let seal = seals[report.stored.snapshot] else {
                throw .mismatch(what: "\(report.path)", expected: "an encrypted part", found: "one that is not")
            }
            var report = report
            report.path = seal.path
            report.stored = seal.stored
            report.encryption = seal.encryption
            closed.append(report)
        }
        return closed
    }

    // MARK: - Restoring

    package func restore(
        _ request: RestoreRequest, _ context: CaptureContext
    ) async throws(SourceError) -> RestoreReport {
        guard let encryption = request.part.encryption else { return try await inner.restore(request, context) }
        guard let decryptor = try await decryptor(encryption.recipients) else {
            return try await putDown(request, encryption, context)
        }
        let plain = opened(request, encryption, decryptor)
        return try await tellingWrongKeys(request.part, encryption) { () throws(SourceError) in
            var report = try await inner.restore(plain, context)
            report.proofs += EncryptedSource.proofs(encryption)
            return report
        }
    }

    package func prove(_ request: ProofRequest, _ context: CaptureContext) async throws(SourceError) -> ProofReport {
        let part = request.restore.part
        guard let encryption = part.encryption else { return try await inner.prove(request, context) }
        guard let decryptor = try await decryptor(encryption.recipients) else {
            var report = ProofReport(try await putDown(request.restore, encryption, context))
            // It is about a file that is gone by then.
            report.restored.notices = []
            report.remedies = [
                "give the key of one of \(encryption.recipients.words) with --identity FILE; where it is kept elsewhere for good, "
                    + "`drill: { unopened: accept }` in source \(part.source)"
            ]
            if spec.drill.acceptsUnopened { report.restored.excused = report.restored.unproven }
            return report
        }
        var plain = request
        plain.restore = opened(request.restore, encryption, decryptor)
        let asked = plain
        return try await tellingWrongKeys(part, encryption) { () throws(SourceError) in
            var report = try await inner.prove(asked, context)
            report.restored.proofs += EncryptedSource.proofs(encryption)
            return report
        }
    }

    package func roomToProve(_ part: ManifestPart) -> ByteCount {
        guard let encryption = part.encryption else { return inner.roomToProve(part) }
        var plain = part
        plain.bytes = encryption.bytes
        return max(part.bytes, inner.roomToProve(plain))
    }

    package func isLoadedToProve(_ part: ManifestPart) -> Bool {
        inner.isLoadedToProve(part.encryption == nil ? part : EncryptedSource.inside(part))
    }

    private static func proofs(_ encryption: PartEncryption) -> [String] {
        ["decrypted whole"] + (encryption.base == nil ? [] : ["every file has its digest"])
    }

    private func opened(
        _ request: RestoreRequest, _ encryption: PartEncryption, _ decryptor: ToolCommand
    ) -> RestoreRequest {
        var plain = request
        plain.part = EncryptedSource.inside(request.part)
        plain.reader = UnsealedReader(
            base: request.reader, sealed: request.part.part, encryption: encryption, decryptor: decryptor,
            services: services)
        return plain
    }

    private func tellingWrongKeys<Value>(
        _ part: ManifestPart, _ encryption: PartEncryption, _ body: () async throws(SourceError) -> Value
    ) async throws(SourceError) -> Value {
        do throws(SourceError) { return try await body() } catch {
            let words = error.description
            guard Age.tellsOfWrongKey(words) || GnuPG.tellsOfWrongKey(words) else { throw error }
            throw .wrongIdentity(part.title, recipients: encryption.recipients.words)
        }
    }

    package func livePlace(of part: ManifestPart) async throws(SourceError) -> LivePlace {
        guard let encryption = part.encryption else { return try await inner.livePlace(of: part) }
        guard try await decryptor(encryption.recipients) != nil else {
            return .nowhere(
                "it is encrypted for \(encryption.recipients.words), and no key is there: give one with --identity FILE"
            )
        }
        var plain = part
        plain.part = encryption.part
        plain.encryption = nil
        return try await inner.livePlace(of: plain)
    }

    package func closeFile(at path: String) async throws(SourceError) -> Bool {
        try await inner.closeFile(at: path)
    }

    package func users(of part: ManifestPart) async throws(SourceError) -> String? { try await inner.users(of: part) }

    package func databaseServer(_ context: CaptureContext) async throws(SourceError) -> (any DatabaseServer)? {
        try await inner.databaseServer(context)
    }

    package func byHand(_ part: ManifestPart) -> ManualUse? { inner.byHand(EncryptedSource.inside(part)) }

    package func prove(_ part: ManifestPart, at path: String) async throws(SourceError) -> RestoreReport {
        try await inner.prove(EncryptedSource.inside(part), at: path)
    }

    /// A part as its source knows it.
    private static func inside(_ part: ManifestPart) -> ManifestPart {
        guard let encryption = part.encryption else { return part }
        var plain = part
        plain.part = encryption.part
        plain.bytes = encryption.bytes
        plain.files = encryption.files
        plain.encryption = nil
        return plain
    }

    /// `nil` where there is no key to try.
    private func decryptor(_ recipients: Recipients) async throws(SourceError) -> ToolCommand? {
        var command: ToolCommand
        switch recipients.program {
        case .age:
            guard let identity else { return nil }
            let secret: Secret
            do { secret = try await services.secrets.resolve(identity, environment: spec.environment) } catch {
                throw .secret(error)
            }
            command = Age.decrypt(with: secret)
        case .gpg:
            // gpg says with an error that it has none of them.
            let ring = try await services.run(GnuPG.secretKeys(recipients.keys)).output.text
            guard !GnuPG.keys(in: ring).isEmpty else { return nil }
            command = GnuPG.decrypt()
        }
        command.whenOrphaned = .leave
        return command
    }

    private func putDown(
        _ request: RestoreRequest, _ encryption: PartEncryption, _ context: CaptureContext
    ) async throws(SourceError) -> RestoreReport {
        guard request.database == nil else {
            throw .unsupported(
                "\(request.part.title) is encrypted, and there is no key to load it into a database with",
                hint: "give the key of one of \(encryption.recipients.words) with --identity FILE")
        }
        let target = "\(request.directory)/\(baseName(request.part.part.rawValue))"
        var report = try await DumpReceiver(services: services, context: context).receive(request, as: target) {
            (_) throws(SourceError) in
            RestoreProof(unproven: ["what is inside: it was not decrypted"])
        }
        report.notices.append(
            "\(request.part.part) is encrypted for \(encryption.recipients.words) and no key was there, so the encrypted file "
                + "was put down; open it with: \(EncryptedSource.opening(target, encryption))")
        return report
    }

    /// What opens a file without us.
    private static func opening(_ file: String, _ encryption: PartEncryption) -> String {
        let decryption =
            switch encryption.recipients.program {
            case .age: ToolCommand("age", ["-d", "-i", "KEY", file])
            case .gpg: ToolCommand("gpg", ["--decrypt", file])
            }
        let into =
            encryption.base != nil
            ? " | tar -x -C FOLDER" : " > " + ToolCommand(baseName(encryption.part.rawValue)).displayed
        return decryption.displayed + into
    }
}
