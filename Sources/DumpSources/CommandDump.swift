package import BackupModel
import Programs

/// What any program prints, streamed into the repository, or a file that it writes.
package struct CommandDump: DumpSource {
    package let spec: SourceSpec
    private let settings: CommandSettings
    private let services: Services

    package static let kind = DumpSourceKind(descriptor: CommandSettings.descriptor) {
        (spec, services) throws(SourceError) in try CommandDump(spec, services)
    }

    package init(_ spec: SourceSpec, _ services: Services) throws(SourceError) {
        self.spec = spec
        self.services = services
        settings = try CommandSettings(spec.settings)
    }

    package func preflight(_ context: CaptureContext) async throws(SourceError) -> SourcePreview {
        let command = try await command(context)
        if let passage = try await services.passage(settings.through) {
            return SourcePreview(
                summary: "what \(baseName(settings.run[0])) \(product) in \(passage.description)", parts: [part])
        }
        guard services.runner.locate(command.program) != nil else {
            throw .tool(.notFound(program: command.program, searched: ["the search path"]))
        }
        return SourcePreview(summary: "what \(baseName(command.program)) \(product)", parts: [part])
    }

    package func capture(
        _ context: CaptureContext, storing store: PartStore
    ) async throws(SourceError) -> [PartReport] {
        let command = try await command(context)
        let captured: CapturedPart
        switch settings.product {
        case .file where isElsewhere, .output:
            captured = CapturedPart(
                path: part, content: .stream(services.prepared(command)), bytesAreExact: settings.bytesAreExact)
        case .file(let template):
            let path = filled(template, context)
            try await write(path, with: command)
            captured = CapturedPart(path: part, content: .file(path))
        }
        let stored: StoredPart
        do { stored = try await store(captured) } catch { throw .repository(error) }
        guard stored.bytes > .zero else { throw .producedNothing(tool: baseName(command.program)) }
        var facts = Facts()
        facts.bytes = stored.bytes
        return [
            PartReport(
                path: part, stored: stored, condition: .clean, facts: facts,
                restoreNotes: ["name": baseName(part.rawValue)])
        ]
    }

    package func restore(
        _ request: RestoreRequest, _ context: CaptureContext
    ) async throws(SourceError) -> RestoreReport {
        guard request.database == nil else {
            throw .unsupported("what a command wrote has no database name", hint: "restore it into a folder")
        }
        let target = "\(request.directory)/\(baseName(request.part.part.rawValue))"
        return try await DumpReceiver(services: services, context: context).receive(request, as: target) {
            (_) throws(SourceError) in
            RestoreProof(unproven: ["its content: only its number of bytes is known"])
        }
    }

    package func livePlace(of part: ManifestPart) async throws(SourceError) -> LivePlace {
        .nowhere("what a command wrote goes back by a command: restore it with --to DIR and load it")
    }

    private var part: PartPath { PartPath(rawValue: "/command/" + (settings.name ?? "\(spec.name).dump")) }

    private var product: String {
        switch settings.product {
        case .output: "prints"
        case .file(let path): "writes to \(path)"
        }
    }

    private func filled(_ text: String, _ context: CaptureContext) -> String {
        text.split(separator: CommandSettings.scratchPlaceholder, omittingEmptySubsequences: false)
            .joined(separator: context.scratch)
    }

    private func command(_ context: CaptureContext) async throws(SourceError) -> ToolCommand {
        let passage = try await services.passage(settings.through)
        var words = settings.run.map { filled($0, context) }
        if case .file(let template) = settings.product, isElsewhere {
            let far = WrittenElsewhere(template, run: context.run, source: spec.name)
            words = far.words(settings.run)
        }
        let folder = passage == nil ? settings.directory ?? profileFolder : "/"
        if passage == nil, words[0].contains("/"), !words[0].hasPrefix("/"), let folder {
            words[0] = "\(folder)/\(words[0])"
        }
        var command = ToolCommand(words[0], Array(words.dropFirst()))
        command.workingDirectory = folder
        command.limits = ToolCommand.Limits(total: settings.timeLimit, stall: settings.stallLimit)
        command.teardown = TeardownStep.terminateFirst
        // As a producer it must end by SIGPIPE, after its consumer; alone it must not outlive us.
        command.whenOrphaned = settings.product == .output || isElsewhere ? .leave : .signal(.terminate)
        if let name = settings.user {
            guard let user = services.host.user(named: name) else {
                throw .missing("the user \(name)", hint: "correct `user:`, or create that user")
            }
            command.user = user
        }
        for (variable, value) in settings.environment {
            switch value {
            case .plain(let text): command.environment[variable] = text
            case .secret(let reference):
                do {
                    let secret = try await services.secrets.resolve(reference, environment: spec.environment)
                    command.secrets.append(.environment(variable: variable, secret))
                } catch { throw .secret(error) }
            }
        }
        guard let passage else { return command }
        guard settings.environment.keys.allSatisfy(CommandSettings.isVariable) else {
            throw .unsupported("a variable that no shell knows beside `through:`", hint: "correct `environment:`")
        }
        return passage.enclose(command)
    }

    /// In a container or on another host, whose files are none of ours.
    private var isElsewhere: Bool { settings.through.map { $0.localUser == nil } ?? false }

    private var profileFolder: String? {
        let file = spec.entry.location.file
        return file.hasPrefix("/") ? parentFolder(file) : nil
    }

    /// Runs the command, and demands that it has left a new file with something in it.
    private func write(_ path: String, with command: ToolCommand) async throws(SourceError) {
        let before = FileStatus.seen(path)
        let result = try await services.succeed(command)
        let tool = baseName(command.program)
        let after: FileStatus
        do { after = try FileStatus(path, followingLinks: false) } catch {
            throw .toolFailed(
                tool: tool, how: result.termination.description, detail: "it did not leave \(path): \(error)")
        }
        guard after.kind == .file else {
            throw .toolFailed(tool: tool, how: result.termination.description, detail: "\(path) is not a regular file")
        }
        guard after.size > 0 else { throw .producedNothing(tool: tool) }
        guard after != before else {
            throw .toolFailed(
                tool: tool, how: result.termination.description,
                detail: "\(path) is still the file that was there before: nothing new was written")
        }
    }
}
