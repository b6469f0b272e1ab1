import BackupModel
import Foundation
import Programs

/// Stores one part as one encrypted file. Success takes: every program of the chain ended as it should, before it the one that
/// fed it; what was counted in the clear agrees with what was produced; what was kept is there with the size that was counted.
struct ArchiveCapture: Sendable {
    let access: ArchiveAccess
    let keys: ArchiveKeys
    let part: CapturedPart
    let stamp: SnapshotStamp
    let progress: @Sendable (TransferProgress) -> Void

    private struct Counted {
        var bytes: Int64
        var entries: Int64?
        var files: Int64?
        var base: String?
    }

    func files(_ selection: FileSelection) async throws(RepositoryError) -> StoredPart {
        guard !selection.roots.isEmpty, selection.roots.allSatisfy({ $0.hasPrefix("/") }) else {
            throw .unsupported("a selection of files needs absolute paths")
        }
        if access.settings.mustBeOffSourceDevice {
            try access.services.host.requireOtherDevice(
                access.settings.folder, than: selection.roots, location: access.location)
        }
        let began = access.services.clock.now
        let list = try NameList(in: try access.scratch(), access.services.host)
        defer { list.remove() }
        let walk = try SelectionWalk.findings(in: selection, besides: access.settings.folder, into: list)
        guard walk.count > 0 else {
            throw .sourceUnreadable(
                detail: walk.unreadable.first.map { "\($0.path): \($0.reason)" } ?? "there is nothing")
        }
        let overlays = selection.substitutes.sorted { $0.key < $1.key }
            .map { FileOverlay(place: $0.key, content: $0.value) }
        let chain = try await keep(
            [Tar.create(names: .file(list.path), in: walk.base, overlays: overlays), access.own.digestTar()], .tree)
        guard let tally = OwnStreams.tally(chain.stages[1].errors.text) else {
            drop(chain)
            throw .noEvidence(location: access.location, detail: "the archive was made and nothing in it was counted")
        }
        let notices = Tar.notices(in: chain.stages[0].errors.text)
        var unreadable = walk.unreadable + notices
        var count = walk.unreadableCount + notices.count
        // A file that was changed while it was read is in the archive all the same.
        if tally.entries + Int64(notices.count) < walk.count {
            drop(chain)
            throw .noEvidence(
                location: access.location,
                detail: "tar was given \(walk.count) names and wrote \(tally.entries) entries")
        }
        if chain.stages[0].termination == .exited(Tar.changedExitCode), notices.isEmpty {
            unreadable.append(
                UnreadableItem(path: part.path.rawValue, reason: chain.stages[0].lastWords))
            count += 1
        }
        var stored = try commit(
            chain,
            Counted(bytes: tally.bytes, entries: tally.entries, files: tally.files, base: walk.base), .tree, began)
        stored.unreadable = Array(unreadable.prefix(100))
        stored.unreadableCount = count
        if !chain.stages[0].errors.isComplete { stored.notices.append("more items were unreadable than are listed") }
        if walk.specials > 0 {
            stored.notices.append(
                "left out \(Words.count(walk.specials, "socket, pipe or device", "sockets, pipes and devices"))")
        }
        return stored
    }

    func stream(_ producer: ToolCommand) async throws(RepositoryError) -> StoredPart {
        let began = access.services.clock.now
        let chain = try await keep([producer, access.own.count()], .dump)
        guard let tally = OwnStreams.tally(chain.stages[1].errors.text) else {
            drop(chain)
            throw .noEvidence(location: access.location, detail: "nothing counted what was stored")
        }
        // Where the system keeps no account of the producer, nobody else notices.
        guard tally.bytes > 0 else {
            drop(chain)
            throw .producedNothing(tool: producer.name, void: nil)
        }
        let read = ByteCount(tally.bytes)
        let produced = chain.stages[0].producedBytes
        let agrees = produced.map { part.bytesAreExact ? $0 == read : $0 >= read } ?? true
        guard agrees, part.bytes.map({ $0 == read }) ?? true else {
            drop(chain)
            throw .miscounted(
                part: part.path, produced: part.bytes ?? produced ?? .zero, stored: read,
                void: SnapshotID(rawValue: chain.kept.sha256))
        }
        var stored = try commit(chain, Counted(bytes: read.bytes), .dump, began)
        if produced == nil {
            stored.notices.append("the system kept no account of what \(producer.name) wrote; it was not compared")
        }
        return stored
    }

    func file(_ path: String) async throws(RepositoryError) -> StoredPart {
        let began = access.services.clock.now
        let size: Int64
        do throws(SystemFailure) {
            guard let status = try SystemFolder.status(path), status.type == .file else {
                throw SystemFailure(code: SystemFailure.noEntry, path: path)
            }
            size = status.size
        } catch {
            throw .sourceUnreadable(detail: "\(error.path): \(error.reason)")
        }
        guard size > 0 else { throw .producedNothing(tool: "the copy \(path)", void: nil) }
        var reading = access.own.count()
        reading.input = .file(path)
        let chain = try await keep([reading], .file)
        let read = OwnStreams.tally(chain.stages[0].errors.text)?.bytes ?? 0
        guard read == size else {
            drop(chain)
            throw .miscounted(
                part: part.path, produced: ByteCount(size), stored: ByteCount(read),
                void: SnapshotID(rawValue: chain.kept.sha256))
        }
        return try commit(chain, Counted(bytes: size), .file, began)
    }

    // MARK: - The chain

    private struct Chain {
        var stages: [ToolResult]
        var kept: OwnStreams.Kept
        /// In the repository.
        var run: String
        var name: String
    }

    /// Runs `head`, the compressor, the encryptor and what keeps it, into a file of its own.
    private func keep(
        _ head: [ToolCommand], _ content: ArchiveManifest.File.Content
    ) async throws(RepositoryError) -> Chain {
        let pending = ArchivePending(access: access, run: stamp.run)
        let name = try pending.reserve(stamp, content, now: access.services.clock.now)
        let path = "\(access.folder.path)/\(pending.folder)/\(name)"
        let stages = head + [access.compressor(), try access.encryptor(keys), access.own.keep(path)]
        let watch = watch("\(pending.folder)/\(name)")
        defer { watch.cancel() }
        let result: PipelineResult
        do throws(RepositoryError) {
            result = try await access.pipe(stages)
        } catch {
            pending.abandon(name)
            throw error
        }
        guard result.committed, result.stages.allSatisfy(\.didItsWork) else {
            // It removes its file itself, unless it was killed.
            pending.abandon(name)
            throw result.failure(
                producers: head.count == 1 ? 1 : content == .tree ? 2 : 1, keeping: access.location,
                access.services.host)
        }
        guard let last = result.stages.last, let kept = OwnStreams.kept(last.output.text),
            try access.folder.size(of: "\(pending.folder)/\(name)") == kept.bytes, kept.bytes > 0,
            kept.sha256.utf8.count == 64
        else {
            pending.abandon(name)
            throw .noEvidence(location: access.location, detail: "\(name) was written, and is not what was counted")
        }
        return Chain(stages: result.stages, kept: kept, run: pending.folder, name: name)
    }

    /// Tells how much is written, now and then.
    private func watch(_ file: String) -> Task<Void, Never> {
        Task { [access, progress] in
            while !Task.isCancelled {
                do {
                    try await access.services.clock.sleep(for: .milliseconds(500))
                    guard let size = try access.folder.size(of: file) else { continue }
                    progress(TransferProgress(bytes: ByteCount(size)))
                } catch { return }
            }
        }
    }

    /// Takes back what turned out to be no good.
    private func drop(_ chain: Chain) { ArchivePending(access: access, run: stamp.run).abandon(chain.name) }

    private func commit(
        _ chain: Chain, _ counted: Counted, _ content: ArchiveManifest.File.Content, _ began: Date
    ) throws(RepositoryError) -> StoredPart {
        let began = part.capturedAt ?? began
        let file = ArchiveManifest.File(
            name: chain.name, sha256: chain.kept.sha256, bytes: chain.kept.bytes, content: content,
            contentBytes: counted.bytes, entries: counted.entries, files: counted.files, base: counted.base,
            source: stamp.source?.rawValue ?? "", part: part.path.rawValue, captured: Timestamp.format(began),
            utcOffset: TimeZone.current.secondsFromGMT(for: began), compression: access.settings.compression,
            encryption: access.settings.encryption, hasRecipients: access.settings.hasRecipients, tags: stamp.tags)
        do throws(RepositoryError) {
            try ArchivePending(access: access, run: stamp.run).add(file, host: stamp.host)
        } catch {
            drop(chain)
            throw error
        }
        var usage: [String: ResourceUsage] = [:]
        for stage in chain.stages {
            let name = stage.command.name
            usage[name] = usage[name].map { $0.adding(stage.usage) } ?? stage.usage
        }
        return StoredPart(
            snapshot: SnapshotID(rawValue: file.sha256), time: Timestamp.parse(file.captured) ?? began,
            bytes: ByteCount(counted.bytes), files: counted.files, addedBytes: ByteCount(file.bytes), usage: usage)
    }
}
