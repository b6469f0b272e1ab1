import BackupModel
import Digests
import Foundation
import HostSystem
import Programs
import Repositories
import Synchronization

/// Restores an archive file that stands alone, without a profile: ours, or one that an older script made.
///
/// It is read three times: for its digest, before anything is decrypted; to test what is in it, before anything is written;
/// and to unpack it. The second and third time it must be the same as the first, or its end never comes out.
struct ArchiveRestore {
    struct Report {
        var digest: String
        /// The manifest that the digest is in; `nil` when there was none, and so nothing to compare with.
        var manifest: String?
        /// Whether that is proven, in words; `nil` without one.
        var proof: String?
        var isProven = false
        var entries: Int64 = 0
        var files: Int64 = 0
        var bytes: Int64 = 0
    }

    let runner: any ToolRunner
    /// Absolute, without links at its end.
    let archive: String
    let form: ArchiveForm
    let passphrase: Secret?
    let identity: Secret?
    /// A file of the keys that may sign manifests.
    let signers: String?
    let warn: (String) -> Void

    /// - Parameter target: absolute; `nil` to test only.
    /// - Throws: ``Failure``, and then nothing is in the target that was not there before; or `CancellationError`.
    func run(into target: String?) async throws -> Report {
        let decryptor = try decryptor()
        var (report, manifest) = try verify()
        try await requireProof(of: manifest, decryptor, &report)
        let isOurs = manifest?.isOurs == true
        try await probeKey()
        let names = TopLevelNames()
        try await read(decryptor, report.digest, last: lister(isOurs), reading: names)
        (report.entries, report.files, report.bytes) = names.counts
        guard let target else { return report }

        let now = Date()
        let staging = try StagingFolder(
            in: target, run: RunID(startedAt: now, entropy: UInt32.random(in: .min ... .max)))
        do {
            for name in names.names.sorted() where staging.isTaken(name) {
                throw Failure(
                    "\(target)/\(name) is there already, and nothing was restored",
                    hint: "give a folder that has none, or move it elsewhere first", kind: .usage)
            }
            try await read(decryptor, report.digest, last: ArchiveDecryption.unpacking(into: staging.tree))
            try staging.complete()
        } catch {
            if let problem = staging.discard() { warn("what was unpacked could not be removed: \(problem)") }
            throw error
        }
        if let problem = staging.discard() { warn("the working folder could not be removed: \(problem)") }
        return report
    }

    private func decryptor() throws -> ToolCommand? {
        switch form.encryption {
        case .none: return nil
        case .gpg: return ArchiveDecryption.gpg(passphrase)
        case .openssl:
            guard let passphrase else {
                throw Failure(
                    "\(archive) is encrypted, and there is no passphrase",
                    hint: "give --password-file FILE, or name the file in BACKUP_PASSPHRASE_FILE", kind: .usage)
            }
            return ArchiveDecryption.openssl(passphrase)
        case .age where try isOpenedByPassphrase:
            guard let passphrase else {
                throw Failure(
                    "\(archive) is encrypted with a passphrase, and there is none",
                    hint: "give --password-file FILE, or name the file in BACKUP_PASSPHRASE_FILE", kind: .usage)
            }
            return OwnStreams(program: Services.ownProgram).age(passphrase, decrypting: true)
        case .age:
            guard let identity else {
                throw Failure(
                    "\(archive) is encrypted with age, and there is no identity",
                    hint: "give --identity FILE with the secret key",
                    kind: .usage)
            }
            return ArchiveDecryption.age(identity)
        }
    }

    private var isOpenedByPassphrase: Bool {
        get throws { Age.wantsPassphrase(try head()) }
    }

    /// Hashes the file and looks for what it should be.
    private func verify() throws -> (Report, SiblingManifest?) {
        let digest: SHA256Digest
        do {
            digest = try FileDigest().digest(ofFile: archive) { _ in !Task.isCancelled }
        } catch .stopped {
            throw CancellationError()
        } catch {
            throw Failure("\(archive) cannot be read: \(error)")
        }
        var report = Report(digest: digest.description)
        guard let manifest = try SiblingManifest.beside(archive, stem: form.stem) else {
            warn("no manifest lies beside \(archive): nothing was verified" + unnoticed)
            return (report, nil)
        }
        guard manifest.agrees(with: report.digest) else {
            throw Failure(
                "\(archive) is not the file that its manifest speaks of: its SHA-256 is \(report.digest), which is not in "
                    + manifest.path,
                hint: "it is damaged, incomplete, or the manifest of another one; take the copy from another place",
                kind: .damaged)
        }
        report.manifest = manifest.path
        return (report, manifest)
    }

    /// Whoever could exchange the archive could exchange its manifest too, but for the manifest's own proof.
    private func requireProof(
        of manifest: SiblingManifest?, _ decryptor: ToolCommand?, _ report: inout Report
    ) async throws {
        guard let manifest else {
            guard signers == nil else {
                throw Failure(
                    "\(archive) has no manifest beside it that could be signed",
                    hint: "fetch it too, or leave out --signers",
                    kind: .usage)
            }
            return
        }
        guard manifest.isOurs else {
            guard signers == nil else {
                throw Failure("the manifest \(manifest.path) is not authentic: it bears no signature", kind: .damaged)
            }
            report.proof =
                "the manifest itself is a script's and bears no proof: the two could have been exchanged together"
            return
        }
        let proof = try await LoneManifest(manifest.text, runner).proof(
            passphrase: passphrase, signers: signers, needsCode: form.encryption == .openssl)
        switch proof {
        case .holds(let by):
            report.proof = "the manifest itself is authentic, \(by)"
            report.isProven = true
        case .untested(let why): report.proof = "whether the manifest itself is authentic was not tested: \(why)"
        case .fails(let why):
            // A wrong passphrase looks alike, and is told first. Nothing is written.
            try await probeKey()
            if try form.encryption == .gpg && passphrase != nil || form.encryption == .age && isOpenedByPassphrase {
                try await read(decryptor, report.digest, last: lister(true), reading: TopLevelNames())
            }
            throw Failure(
                "the manifest \(manifest.path) is not authentic: \(why)",
                hint: "it was changed, or exchanged together with the archive; nothing was restored, so take both from "
                    + "another place",
                kind: .damaged)
        }
    }

    private var unnoticed: String {
        form.noticesDamage
            ? "" : form.encryption == .openssl ? ", and openssl does not detect damage" : ", and it is not encrypted"
    }

    /// openssl tells a wrong passphrase from a right one by chance only. What was encrypted begins with bytes that are known.
    private func probeKey() async throws {
        guard form.encryption == .openssl, let passphrase else { return }
        let head = try head()
        guard head.starts(with: ArchiveDecryption.opensslMark), head.count >= 16 + 16 else {
            throw Failure("\(archive) is nothing that openssl encrypted", kind: .damaged)
        }
        var command = ArchiveDecryption.openssl(passphrase, padded: false)
        command.input = .bytes(Array(head.prefix(head.count - head.count % 16)))
        let result = try await runner.run(command)
        if result.stopped == .cancelled { throw CancellationError() }
        guard result.didItsWork else { throw failure(of: result) }
        guard form.canBegin(with: result.output.head) else {
            throw Failure(
                "this is not the passphrase of \(archive)",
                hint: "what was encrypted with it begins otherwise; was another file its passphrase at the time?",
                kind: .wrongPassword)
        }
    }

    private func head() throws -> [UInt8] {
        guard let file = FileHandle(forReadingAtPath: archive) else { throw Failure("\(archive) cannot be opened") }
        return [UInt8](try file.read(upToCount: 4096) ?? Data())
    }

    /// What holds our own digests inside is compared with them in any case.
    private func lister(_ isOurs: Bool) -> ToolCommand {
        OwnStreams(program: Services.ownProgram).command([
            "list-tar", "--safe", isOurs ? "--check" : "--check-when-present",
        ])
    }

    private func read(
        _ decryptor: ToolCommand?, _ digest: String, last: ToolCommand, reading reader: (any LineReader)? = nil
    ) async throws {
        var first = OwnStreams(program: Services.ownProgram).command(["match", digest])
        first.input = .file(archive)
        let stages = [first, decryptor, form.decompressor, last].compactMap(\.self)
        let result = try await runner.pipeline(stages, refusingEmpty: true, reading: reader)
        if result.stages.contains(where: { $0.stopped == .cancelled }) { throw CancellationError() }
        if result.committed, let end = result.stages.last, end.didItsWork {
            (reader as? TopLevelNames)?.finish(end.errors.text)
            return
        }
        throw failure(of: result)
    }
}

extension ArchiveRestore {
    /// The stage that has most to say about why it failed: a program that could not write any more only tells of the next one.
    private func failure(of result: PipelineResult) -> Failure {
        let failed = result.stages.filter { stage in
            guard stage.stopped == nil, !stage.didItsWork else { return false }
            return stage.termination != .signaled(SIGPIPE)
        }
        let telling =
            failed.last { !$0.errors.text.contains("Broken pipe") && $0.command.arguments.first == "stream" }
            ?? failed.first { !$0.errors.text.contains("roken pipe") } ?? failed.first ?? result.stages[0]
        if let wrong = failed.first(where: { ArchiveDecryption.saysWrongKey($0.errors.text) }),
            form.encryption != .openssl
        {
            return failure(of: wrong)
        }
        return failure(of: telling)
    }

    private func failure(of result: ToolResult) -> Failure {
        let lines = result.errors.text.split(whereSeparator: \.isNewline).map(String.init)
        if let said = lines.first(where: ArchiveDecryption.saysWrongKey), form.encryption != .openssl {
            return Failure(
                "this is not the key of \(archive): \(said)", hint: "nothing was restored", kind: .wrongPassword)
        }
        if result.command.arguments.first == "stream" {
            // It has said it in our own words.
            let said = lines.first { $0.hasPrefix("error: ") }.map { String($0.dropFirst("error: ".count)) }
            let code = if case .exited(let code) = result.termination { code } else { Int32(1) }
            return Failure(
                "\(archive): \(said ?? result.termination.description)",
                hint: "nothing was restored", kind: code == ExitStatus.damaged.rawValue ? .damaged : .failed)
        }
        // tar's last line only says that there were others.
        let said = lines.last { !$0.isEmpty && !$0.contains("due to previous errors") } ?? "it said nothing"
        let how = "\(result.command.program) ended with \(result.termination): \(said)"
        if result.command.program == "tar" {
            return Failure(
                "\(archive) could not be unpacked: \(how)", hint: "nothing was restored",
                kind: lines.contains { $0.contains("No space left on device") } ? .destinationFull : .failed)
        }
        return Failure(
            "\(archive) cannot be read to its end: \(how)",
            hint: "it is damaged or incomplete; nothing was restored, so take the copy from another place",
            kind: .damaged)
    }
}

/// Collects the names at the top of an archive from its listing, and counts.
private final class TopLevelNames: LineReader {
    private struct State {
        var names: Set<String> = []
        var counts: (Int64, Int64, Int64) = (0, 0, 0)
    }
    private let state = Mutex(State())

    var names: Set<String> { state.withLock { $0.names } }
    var counts: (Int64, Int64, Int64) { state.withLock { $0.counts } }

    /// Only the name is looked at, up to its first slash: nothing is decoded that need not be.
    func read(line bytes: UnsafeRawBufferPointer) {
        let prefix = Array("{\"path\":\"".utf8)
        guard bytes.starts(with: prefix) else { return }
        var rest = bytes.dropFirst(prefix.count)
        while rest.starts(with: [46, 47]) { rest = rest.dropFirst(2) }
        let quoted = rest.prefix { $0 != 47 && $0 != 34 }
        // Names with escapes are rare, and are seen when they are moved.
        guard !quoted.contains(92), !quoted.elementsEqual([46]) else { return }
        let name = String(decoding: quoted, as: UTF8.self)
        state.withLock { _ = $0.names.insert(name) }
    }

    func finish(_ summary: String) {
        guard let line = summary.split(whereSeparator: \.isNewline).last,
            // Counts are for people: whether all came was decided by the exit code.
            let counts = try? JSONDecoder().decode([String: Int64].self, from: Data(line.utf8))
        else { return }
        state.withLock { $0.counts = (counts["entries"] ?? 0, counts["files"] ?? 0, counts["bytes"] ?? 0) }
    }
}
