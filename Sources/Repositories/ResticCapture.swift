import BackupModel
import Foundation
import Programs

/// Stores one part as one snapshot. Success takes four things: restic ended as it should, its summary was read, the byte
/// counts agree, and the snapshot is in the repository.
struct ResticCapture: Sendable {
    let access: ResticAccess
    let restic: Restic
    let part: CapturedPart
    let stamp: SnapshotStamp
    let progress: @Sendable (TransferProgress) -> Void

    // MARK: - The three kinds of content

    func files(_ selection: FileSelection) async throws(RepositoryError) -> StoredPart {
        guard !selection.roots.isEmpty, selection.roots.allSatisfy({ $0.hasPrefix("/") }) else {
            throw .unsupported("a selection of files needs absolute paths")
        }
        if access.settings.mustBeOffSourceDevice, let path = access.folder?.path {
            try access.services.host.requireOtherDevice(path, than: selection.roots, location: access.location)
        }
        let before = try access.folder?.snapshotIDs()
        let reader = ResticOutputReader(progress: progress)
        let result = try await access.start(restic.backup(selection, as: stamp), reading: reader)
        guard result.didItsWork else {
            let failure = access.failure(of: result)
            if case .cancelled = failure { _ = await dropVoid(before: before) }
            throw failure
        }
        let diagnostics = ResticDiagnostics(result.errors.text)
        if result.termination == .exited(Restic.incompleteExitCode), ResticFailure.tellsOfDamage(diagnostics) {
            throw .damaged(location: access.location, detail: diagnostics.items.first?.reason ?? diagnostics.telling)
        }
        var stored = try await proven(reader.backupSummary, since: before, started: result)
        stored.usage = ["restic": result.usage]
        stored.unreadable = Array(diagnostics.items.prefix(100))
        stored.unreadableCount = diagnostics.items.count
        if result.termination == .exited(Restic.incompleteExitCode), diagnostics.items.isEmpty {
            stored.unreadable = [UnreadableItem(path: part.path.rawValue, reason: diagnostics.telling)]
            stored.unreadableCount = 1
        }
        if !result.errors.isComplete { stored.notices.append("more items were unreadable than are listed") }
        return stored
    }

    func stream(_ producer: ToolCommand) async throws(RepositoryError) -> StoredPart {
        let before = try access.folder?.snapshotIDs()
        let (producers, taken) = try await pipe(part.stages(of: producer), since: before)
        var stored = taken
        guard let produced = producers[0].producedBytes else {
            stored.notices.append("the system kept no account of what \(name(of: producer)) wrote; it was not compared")
            return stored
        }
        let agrees = part.bytesAreExact ? produced == stored.bytes : produced >= stored.bytes
        guard agrees, part.bytes.map({ $0 == stored.bytes }) ?? true else {
            _ = await dropVoid(before: before)
            throw .miscounted(
                part: part.path, produced: part.bytes ?? produced, stored: stored.bytes, void: stored.snapshot)
        }
        return stored
    }

    /// Encrypted on its way: neither restic nor its cache ever has anything else.
    func sealed(_ content: PartContent, for recipients: Recipients) async throws(RepositoryError) -> StoredPart {
        if case .files(let selection) = content, access.settings.mustBeOffSourceDevice, let path = access.folder?.path {
            try access.services.host.requireOtherDevice(path, than: selection.roots, location: access.location)
        }
        let sealed = try SealedStream(
            content, for: recipients, of: part, besides: access.folder?.path,
            scratch: try access.server.privateFolder("sealed"), access.services)
        defer { sealed.remove() }
        let before = try access.folder?.snapshotIDs()
        let (producers, taken) = try await pipe(sealed.stages, since: before)
        var stored = taken
        do throws(RepositoryError) {
            let evidence = try sealed.evidence(of: producers, stored: stored.bytes, location: access.location)
            stored.inside = evidence.content
            stored.note(evidence)
        } catch {
            _ = await dropVoid(before: before)
            throw error.leaving(stored.snapshot)
        }
        return stored
    }

    /// - Returns: how the producers ended, and what restic stored of the last one.
    private func pipe(
        _ producers: [ToolCommand], since before: Set<SnapshotID>?
    ) async throws(RepositoryError) -> (producers: [ToolResult], stored: StoredPart) {
        guard !Task.isCancelled else { throw .cancelled }
        let reader = ResticOutputReader(progress: progress)
        let result: PipelineResult
        access.countStart()
        do throws(ToolError) {
            result = try await access.services.runner.pipeline(
                producers + [restic.backupStandardInput(as: part.path, stamp, at: part.capturedAt)],
                refusingEmpty: true, reading: reader)
        } catch {
            throw .tool(error)
        }
        let sink = result.stages[producers.count]
        guard result.committed, result.stages.allSatisfy(\.didItsWork) else {
            let void = await dropVoid(before: before)
            throw streamFailure(result, void: void)
        }
        var stored = try await proven(reader.backupSummary, since: before, started: sink)
        stored.path = ResticPartName.stored(part.path, by: restic.version)
        stored.usage = ["restic": sink.usage]
        for source in result.stages.dropLast() {
            // A producer may be a restic too.
            stored.usage.merge([name(of: source.command): source.usage]) { $0.adding($1) }
        }
        return (Array(result.stages.dropLast()), stored)
    }

    func file(_ path: String) async throws(RepositoryError) -> StoredPart {
        // restic makes a snapshot of nothing and calls that success or not, depending on its version.
        let size = try PrivateCopy.size(of: path)
        let before = try access.folder?.snapshotIDs()
        let reader = ResticOutputReader(progress: progress)
        var command = restic.backupStandardInput(as: part.path, stamp, at: part.capturedAt)
        command.input = .file(path)
        let result = try await access.start(command, reading: reader)
        guard result.didItsWork else {
            _ = await dropVoid(before: before)
            throw access.failure(of: result)
        }
        var stored = try await proven(reader.backupSummary, since: before, started: result)
        stored.path = ResticPartName.stored(part.path, by: restic.version)
        stored.usage = ["restic": result.usage]
        guard stored.bytes.bytes == size else {
            _ = await dropVoid(before: before)
            throw .miscounted(
                part: part.path, produced: ByteCount(size), stored: stored.bytes, void: stored.snapshot)
        }
        return stored
    }

    // MARK: - Evidence

    /// - Parameter before: the snapshots that were there, where they can be seen.
    private func proven(
        _ summary: ResticBackupSummary?, since before: Set<SnapshotID>?, started result: ToolResult
    ) async throws(RepositoryError) -> StoredPart {
        guard let summary else {
            throw .noEvidence(location: access.location, detail: "restic ended well and gave no summary")
        }
        let snapshot = try await find(summary.snapshotID, before)
        return StoredPart(
            snapshot: snapshot,
            time: summary.started ?? access.services.clock.now.addingTimeInterval(-result.usage.wall.inSeconds),
            bytes: ByteCount(summary.bytesProcessed), files: summary.filesProcessed,
            addedBytes: summary.addedBytes.map { ByteCount($0) })
    }

    /// The whole id of the snapshot that restic names, found in the repository itself.
    private func find(_ name: String, _ before: Set<SnapshotID>?) async throws(RepositoryError) -> SnapshotID {
        let candidates: [SnapshotID]
        if let folder = access.folder {
            candidates = try folder.snapshotIDs().filter { $0.rawValue.hasPrefix(name) }
        } else {
            candidates = try await tagged().map(\.id).filter { $0.rawValue.hasPrefix(name) }
        }
        // Eight digits may, once in a very long while, also begin an older one.
        let fresh = candidates.count > 1 ? candidates.filter { before?.contains($0) != true } : candidates
        guard fresh.count == 1, let snapshot = fresh.first else {
            throw .noEvidence(
                location: access.location,
                detail: fresh.isEmpty
                    ? "restic says that it made snapshot \(name.prefix(8)), and it is not there"
                    : "several snapshots begin with \(name)")
        }
        if let folder = access.folder, try !folder.holdsIntact(snapshot) {
            throw .damaged(
                location: access.location, detail: "the new file snapshots/\(snapshot.rawValue) is not whole")
        }
        return snapshot
    }

    /// Snapshots of this very part of this very run.
    /// - Parameter list: what is run of the listing that is handed to it.
    private func tagged(
        _ list: (ToolCommand) -> ToolCommand = { $0 }, by restic: Restic? = nil
    ) async throws(RepositoryError) -> [Snapshot] {
        let own = stamp.tags.filter { tag in ["run:", "source:", "part:", "kind:"].contains { tag.hasPrefix($0) } }
        let output = try await access.run(list((restic ?? self.restic).snapshots(tags: own))).output
        do throws(ResticListing.Unreadable) {
            return try ResticListing.snapshots(output.head + output.tail)
        } catch {
            throw .damaged(location: access.location, detail: error.description)
        }
    }

    // MARK: - Failures

    /// Looks for a snapshot that a failure left all the same, and drops it. Goes on although the run was cancelled.
    /// - Returns: one that is still there. Where it cannot be looked for, nothing is known; no manifest will ever name it.
    private func dropVoid(before: Set<SnapshotID>?) async -> SnapshotID? {
        // Somebody may be waiting for the end of it. On a disk that is full restic goes on trying with its cache for minutes, and a
        // repository of this machine is read as quickly without.
        let restic = access.folder == nil ? restic : restic.uncached
        @Sendable func brief(_ command: ToolCommand) -> ToolCommand {
            var command = command
            command.limits.total = .seconds(120)
            return command
        }
        return await uncancelled { () async -> SnapshotID? in
            do throws(RepositoryError) {
                // 0.14 leaves its lock behind when it is interrupted in the first moments.
                if access.folder != nil { _ = try await ResticLocks(access: access).clearDead() }
                // A folder that shows no new snapshot needs no restic to say so.
                if let folder = access.folder, let before, try folder.snapshotIDs().isSubset(of: before) { return nil }
                guard let void = try await tagged(brief, by: restic).last?.id else { return nil }
                do throws(RepositoryError) {
                    _ = try await access.run(brief(restic.forget([void])))
                } catch {
                    return void
                }
                if let folder = access.folder { return try folder.snapshotIDs().contains(void) ? void : nil }
                return try await tagged(brief, by: restic).contains { $0.id == void } ? void : nil
            } catch {
                return nil
            }
        }
    }

    private func streamFailure(_ result: PipelineResult, void: SnapshotID?) -> RepositoryError {
        let last = result.stages.count - 1
        let sink = result.stages[last]
        if result.stages.contains(where: { $0.stopped == .cancelled }) { return .cancelled }
        if result.wasEmpty { return .producedNothing(tool: name(of: result.stages[0].command), void: void) }
        let failed = result.stages.dropLast().firstIndex { !$0.didItsWork }
        guard result.firstFailure != last, let index = result.firstFailure ?? failed else {
            let failure = access.failure(of: sink)
            switch failure {
            case .sourceUnreadable(let detail), .toolFailed(_, _, let detail):
                return .producerFailed(
                    tool: "restic", how: sink.termination.description, detail: detail, void: void)
            default: return failure
            }
        }
        let source = result.stages[index]
        if let stopped = source.stopped, stopped != .pipelineFailed {
            let limits = source.command.limits
            let limit = stopped == .totalLimit ? limits.total : limits.stall
            return .producerFailed(
                tool: name(of: source.command),
                how: "stopped after \(limit.map { "\(Int($0.inSeconds)) s" } ?? "its limit")"
                    + (stopped == .stallLimit ? " without a sign of life" : ""),
                detail: lastWords(of: source), void: void)
        }
        return .producerFailed(
            tool: name(of: source.command), how: source.termination.description, detail: lastWords(of: source),
            void: void)
    }

    private func lastWords(of result: ToolResult) -> String {
        result.errors.text.split(whereSeparator: \.isNewline).suffix(5).joined(separator: "\n")
    }

    private func name(of command: ToolCommand) -> String { command.name }
}
