package import BackupModel
import Foundation

/// Carries out a kit's own lines in an environment that has nothing, and compares what comes back with the manifest.
///
/// Nothing is recorded here but what lies in scratch: who calls it has a run of its own.
package struct KitRehearsal: Sendable {
    /// What is rehearsed.
    package struct Sheet: Sendable {
        /// For bash, as it is printed.
        package var script: String
        package var section: Kit.Section
        package init(script: String, section: Kit.Section) {
            self.script = script
            self.section = section
        }
    }

    package struct Proof: Sendable {
        package var part: ManifestPart
        package var proofs: [String]
        package var unproven: [String]
        /// Why it is not what was backed up, or not there.
        package var failure: Failure?
    }

    package struct Result: Sendable {
        package var section: RepositoryName
        package var duration: Duration
        package var parts: [Proof]
        /// What the sheet itself said.
        package var words: KitWords
        /// How its script ended, where not well.
        package var failure: Failure?

        /// `proven: …`, `not proven: …`, `WRONG: …`, `FAILED: …`
        package var said: [String] { words.lines }

        /// What it said of one part.
        package func said(of part: ManifestPart) -> [String] {
            words.lines(of: part.title, among: parts.map(\.part.title))
        }

        /// Everything came back and nothing is other than it was. What could not be compared is in `unproven`.
        package var isProven: Bool { failure == nil && parts.allSatisfy { $0.failure == nil } && !parts.isEmpty }
        package var unproven: [String] {
            parts.flatMap { part in part.unproven.map { "\(part.part.title): \($0)" } }
                + said.filter { $0.hasPrefix("not proven: ") }.map { String($0.dropFirst("not proven: ".count)) }
        }
    }

    let engine: Engine
    private let runner: any ToolRunner
    private let secrets: any SecretStore
    /// Of servers that databases may be loaded into, such as PGHOST, and files of keys that are not on this host.
    private let variables: [String: String]

    /// - Parameter engine: at the repository of the section.
    package init(
        _ engine: Engine, runner: any ToolRunner, secrets: any SecretStore, variables: [String: String] = [:]
    ) {
        self.engine = engine
        self.runner = runner
        self.secrets = secrets
        self.variables = variables
    }

    /// - Throws: ``Failure`` and other errors of the operator's where it cannot even begin.
    package func run(_ sheet: Sheet) async throws -> Result {
        let bytes = sheet.section.parts.reduce(Int64(0)) { $0 + $1.part.bytes.bytes }
        let run = RunID(startedAt: engine.clock.now, entropy: engine.entropy())
        let root = engine.profile.settings.scratch
        let lock = try await engine.locks.acquire(
            .repository(location: engine.primary.location), mode: .shared, purpose: "rehearsing the kit",
            wait: engine.profile.settings.lockWait)
        defer { lock.release() }
        let entry = JournalEntry(
            id: "rehearsal-\(run)", run: run, profile: engine.profile.name, order: 0,
            process: engine.host.currentProcess(), action: .removeFolder(engine.scratch.path(for: run, root: root)))
        try engine.journal.add(entry)
        let folder = try engine.scratch.create(for: run, root: root)
        if let free = engine.host.room(at: folder)?.free, free.bytes < bytes {
            remove(folder, entry)
            throw Failure(
                "\(folder) has \(free) free, and what is to come back has \(ByteCount(bytes))",
                hint: "set `scratch:` in the profile to a folder that has room", kind: .destinationFull)
        }
        do {
            let result = try await rehearse(sheet, in: folder)
            remove(folder, entry)
            return result
        } catch {
            remove(folder, entry)
            throw error
        }
    }

    private func remove(_ folder: String, _ entry: JournalEntry) {
        do {
            try engine.scratch.remove(folder)
            try engine.journal.remove(entry.id)
        } catch {
            engine.observer.observe(
                .notice("left for the next run to sweep: \(RunRecorder.failure(of: error).description)"))
        }
    }

    private func rehearse(_ sheet: Sheet, in folder: String) async throws -> Result {
        let script = folder + "/sheet.sh"
        for name in ["home", "tmp"] {
            try FileManager.default.createDirectory(
                atPath: "\(folder)/\(name)", withIntermediateDirectories: false,
                attributes: [.posixPermissions: 0o700])
        }
        try Data(sheet.script.utf8).write(to: URL(fileURLWithPath: script))
        // What steps say in either of its outputs is one text, in its order: a word belongs to the step that ends after it.
        var command = ToolCommand("bash", ["-c", "exec bash \"$0\" 2>&1", script])
        // Beside these a child has PATH, the user's name and the time zone, and nothing else of ours.
        command.environment = variables.merging([
            "HOME": folder + "/home", "TMPDIR": folder + "/tmp", "TARGET": folder + "/target",
            "FROM": sheet.section.name.rawValue,
        ]) { $1 }
        command.workingDirectory = folder
        command.secrets = try await keys(of: sheet.section)
        command.keptOutput = .mebibytes(1)
        // A server may build an index for hours while nothing that is seen from here moves.
        command.limits.stall = nil
        command.acceptedExitCodes = Set(0...255)
        let clean: @Sendable (String) -> String = { [redact = engine.redact] in redact($0).replacing(folder, with: "…")
        }
        let listener = KitListener(clean)
        let start = engine.clock.uptime
        let ended = try await runner.run(command, reading: listener)
        if ended.stopped == .cancelled { throw CancellationError() }
        let duration = engine.clock.uptime - start
        let lines = (ended.output.text + "\n" + ended.errors.text).split(whereSeparator: \.isNewline).map {
            clean(String($0))
        }
        for line in lines { engine.observer.observe(.notice("kit: \(line)")) }
        let words = listener.words
        var failure: Failure?
        if ended.stopped != nil || ended.termination != .exited(0) {
            let why =
                words.lines.first { line in ["WRONG: ", "stop: "].contains(where: line.hasPrefix) } ?? lines.last
            failure = Failure(
                "the sheet did not bring everything back (\(ended.termination.description))"
                    + (why.map { ": \($0)" } ?? ""),
                hint: "its own words are in the log; correct what is missing, and make the sheet again",
                kind: .unproven)
        }
        var proofs: [Proof] = []
        let titles = sheet.section.parts.map(\.part.title)
        for part in sheet.section.parts {
            let said = words.lines(of: part.part.title, among: titles)
            proofs.append(await KitProof(engine, folder: folder + "/target", said: said).proof(of: part))
        }
        return Result(
            section: sheet.section.name, duration: duration, parts: proofs, words: words, failure: failure)
    }

    /// As the sheet asks for them; none is ever on a disk.
    private func keys(of section: Kit.Section) async throws -> [SecretDelivery] {
        var deliveries: [SecretDelivery] = []
        for key in section.keys where variables[key.variable] == nil {
            guard let reference = key.kept else {
                if key.isOptional { continue }
                throw Failure(
                    "the sheet asks for \(key.variable) (\(key.what)), and it is not on this host",
                    hint: "give it for the rehearsal: --identity FILE", kind: .badProfile)
            }
            let secret: Secret
            do {
                secret = try await secrets.resolve(reference, environment: engine.profile.settings.environment)
            } catch {
                // What it would open stays closed, and the sheet says so.
                if key.isOptional { continue }
                throw error
            }
            switch key.form {
            case .file: deliveries.append(.memoryFile(variable: key.variable, secret))
            case .text: deliveries.append(.environment(variable: key.variable, secret))
            }
        }
        return deliveries
    }
}
