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
        let tree = try TreeStream(
            selection, demands: part.demands, besides: access.settings.folder, scratch: try access.scratch(),
            access.services)
        defer { tree.remove() }
        let chain = try await keep(tree.stages, .tree, producers: 2)
        let evidence: SealedStream.Evidence
        do throws(RepositoryError) {
            evidence = try tree.evidence(of: chain.stages, part: part.path, location: access.location)
        } catch {
            drop(chain)
            throw error
        }
        let tally = OwnStreams.tally(chain.stages[1].errors.text)
        var stored = try commit(
            chain,
            Counted(
                bytes: evidence.content.bytes.bytes, entries: tally?.entries, files: evidence.content.files,
                base: evidence.content.base), .tree, began)
        stored.note(evidence)
        stored.inside = evidence.content
        return stored
    }

    /// Encrypted for its own recipients before the repository's compression and encryption.
    func sealed(_ content: PartContent, for recipients: Recipients) async throws(RepositoryError) -> StoredPart {
        let began = access.services.clock.now
        if case .files(let selection) = content, access.settings.mustBeOffSourceDevice {
            try access.services.host.requireOtherDevice(
                access.settings.folder, than: selection.roots, location: access.location)
        }
        let sealed = try SealedStream(
            content, for: recipients, of: part, besides: access.settings.folder, scratch: try access.scratch(),
            access.services)
        defer { sealed.remove() }
        let count = sealed.stages.count
        let chain = try await keep(sealed.stages + [access.own.count()], .dump, producers: count)
        let evidence: SealedStream.Evidence
        let read: ByteCount
        do throws(RepositoryError) {
            guard let tally = OwnStreams.tally(chain.stages[count].errors.text) else {
                throw .noEvidence(location: access.location, detail: "nothing counted what was stored")
            }
            read = ByteCount(tally.bytes)
            evidence = try sealed.evidence(of: chain.stages, stored: read, location: access.location)
        } catch {
            drop(chain)
            throw error.leaving(SnapshotID(rawValue: chain.kept.sha256))
        }
        var stored = try commit(chain, Counted(bytes: read.bytes), .dump, began)
        stored.note(evidence)
        stored.inside = evidence.content
        return stored
    }

    func stream(_ producer: ToolCommand) async throws(RepositoryError) -> StoredPart {
        let began = access.services.clock.now
        let stages = part.stages(of: producer)
        let chain = try await keep(stages + [access.own.count()], .dump, producers: stages.count)
        guard let tally = OwnStreams.tally(chain.stages[stages.count].errors.text) else {
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
        let size = try PrivateCopy.size(of: path)
        var reading = access.own.count()
        reading.input = .file(path)
        let chain = try await keep([reading], .file, producers: 1)
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
    /// - Parameter producers: how many of the first stages belong to the source rather than to the repository.
    private func keep(
        _ head: [ToolCommand], _ content: ArchiveManifest.File.Content, producers: Int
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
            throw result.failure(producers: producers, keeping: access.location, access.services.host)
        }
        guard let last = result.stages.last, let kept = OwnStreams.kept(last.output.text),
            try access.folder.size(of: "\(pending.folder)/\(name)") == kept.bytes, kept.bytes > 0,
            kept.sha256.utf8.count == 64
        else {
            pending.abandon(name)
            throw .noEvidence(location: access.location, detail: "\(name) was written, and is not what was counted")
        }
        access.written.note("\(access.folder.path)/\(pending.folder)/\(name)", kept.sha256)
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

extension StoredPart {
    mutating func note(_ evidence: SealedStream.Evidence) {
        unreadable = evidence.unreadable
        unreadableCount = evidence.unreadableCount
        notices += evidence.notices
    }
}
