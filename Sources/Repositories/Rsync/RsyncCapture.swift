import BackupModel
import Digests
import Foundation
import Programs

/// Stores one part as a tree or a file. Success takes: the programs ended as they should; every name that rsync was given is
/// there, or it is told why not; everything that is there has a digest.
struct RsyncCapture: Sendable {
    let access: RsyncAccess
    let part: CapturedPart
    let stamp: SnapshotStamp
    let progress: @Sendable (TransferProgress) -> Void

    private var pending: RsyncPending { RsyncPending(access: access, run: stamp.run) }

    // MARK: - Trees

    func files(_ selection: FileSelection) async throws(RepositoryError) -> StoredPart {
        guard !selection.roots.isEmpty, selection.roots.allSatisfy({ $0.hasPrefix("/") }) else {
            throw .unsupported("a selection of files needs absolute paths")
        }
        if access.settings.mustBeOffSourceDevice {
            try access.services.host.requireOtherDevice(
                access.settings.folder, than: selection.roots, location: access.location)
        }
        let began = part.capturedAt ?? access.services.clock.now
        _ = try await access.rsyncVersion()
        let list = try NameList(in: try access.scratch(), access.services.host, omittingBase: true)
        defer { list.remove() }
        let walk = try SelectionWalk.findings(in: selection, besides: access.settings.folder, into: list)
        guard walk.count > 0 else {
            throw .sourceUnreadable(
                detail: walk.unreadable.first.map { "\($0.path): \($0.reason)" } ?? "there is nothing")
        }
        let previous = try RsyncRuns(access: access).newest(before: stamp, base: walk.base)
        let name = try pending.reserve(stamp, .tree)
        do throws(RepositoryError) {
            return try await copy(selection, walk, list.path, to: name, linkingTo: previous, began: began)
        } catch {
            pending.abandon(name)
            throw error
        }
    }

    private func copy(
        _ selection: FileSelection, _ walk: SelectionWalk.Findings, _ names: String, to name: String,
        linkingTo previous: (run: String, part: RsyncManifest.Part)?, began: Date
    ) async throws(RepositoryError) -> StoredPart {
        let tree = "\(pending.path)/\(name)"
        let (access, list) = (access, pending.list(of: name))
        let earlier = previous.map { "\(access.folder.path)/\($0.run)/\($0.part.name)" }
        let overlays = selection.substitutes.sorted { $0.key < $1.key }
            .map { FileOverlay(place: $0.key, content: $0.value) }
        let result = try await access.run(
            Rsync.copy(
                names: .file(names), in: walk.base, to: tree, linkingTo: earlier,
                comparesFractions: try access.folder.keepsFractions(),
                comparesContents: access.settings.comparesContents, overlays: overlays),
            reading: RsyncSizes(progress: progress))
        let ending = try end(of: result)
        let told = Rsync.notices(in: result.errors.text)

        let written = try await Blocking.run { stop throws(RepositoryError) in
            do throws(SystemFailure) {
                let missing = try CopiedTree.missing(names, in: tree, stop: stop)
                // A list that is damaged, or gone, proves nothing: then all is read anew.
                let records = try previous.flatMap { (previous) throws(SystemFailure) in
                    let path = "\(access.folder.path)/\(previous.run)/\(RsyncManifest.sumsName)"
                    return try SystemFolder.status(path) == nil ? nil : try previous.part.records(in: path)
                }
                let earlierList = records.map { TreeListWriter.Previous(tree: earlier ?? "", list: $0) }
                let writer = try TreeListWriter.write(tree, as: name, previous: earlierList, to: list, stop: stop)
                return Written(
                    tally: writer.tally, missing: missing.names, missingCount: missing.count,
                    closed: writer.unreadable, closedCount: writer.unreadableCount)
            } catch {
                throw access.error(error)
            }
        }
        guard ending == .partial || written.missingCount == 0 else {
            throw .noEvidence(
                location: access.location,
                detail: "rsync ended well, and \(Words.count(written.missingCount, "name")) of \(walk.count) "
                    + "\(written.missingCount == 1 ? "is" : "are") not there: \(written.missing.first ?? "")")
        }
        var stored = try commit(
            RsyncManifest.Part(
                id: "", name: name, content: .tree, sha256: "", files: written.tally.files,
                bytes: written.tally.bytes, entries: written.tally.entries, base: walk.base,
                source: stamp.source?.rawValue ?? "", part: part.path.rawValue, captured: Timestamp.format(began),
                utcOffset: TimeZone.current.secondsFromGMT(for: began), tags: stamp.tags, offset: 0, length: 0),
            added: written.tally.addedBytes, usage: ["rsync": result.usage])
        let items = unreadable(walk, told, written)
        stored.unreadable = Array(items.prefix(100))
        stored.unreadableCount = max(
            items.count, walk.unreadableCount + written.missingCount + written.closedCount,
            ending == .partial ? 1 : 0)
        if ending == .partial, stored.unreadable.isEmpty {
            stored.unreadable = [UnreadableItem(path: part.path.rawValue, reason: result.lastWords)]
        }
        if !result.errors.isComplete { stored.notices.append("more items were unreadable than are listed") }
        if walk.specials > 0 {
            stored.notices.append(
                "left out \(Words.count(walk.specials, "socket, pipe or device", "sockets, pipes and devices"))")
        }
        return stored
    }

    private struct Written: Sendable {
        var tally: TreeListWriter.Tally
        var missing: [String]
        var missingCount: Int
        var closed: [UnreadableItem]
        var closedCount: Int
    }

    /// Each item once, with the reason that rsync gave.
    private func unreadable(
        _ walk: SelectionWalk.Findings, _ told: [UnreadableItem], _ written: Written
    ) -> [UnreadableItem] {
        let base = TreeBase(walk.base).prefix
        let inTree = "\(pending.path)/"
        var items = walk.unreadable
        var known = Set(items.map(\.path))
        let reasons = Dictionary(told.map { ($0.path, $0.reason) }) { first, _ in first }
        for name in written.missing {
            let path = base + name
            guard known.insert(path).inserted else { continue }
            items.append(UnreadableItem(path: path, reason: reasons[path] ?? "rsync did not store it"))
        }
        for item in told + written.closed where !written.missing.contains(where: { item.path == base + $0 }) {
            var item = item
            // What it could not do to the copy concerns the original.
            if item.path.hasPrefix(inTree) {
                item.path = base + item.path.dropFirst(inTree.count).drop { $0 != "/" }.dropFirst()
            } else if !item.path.hasPrefix("/") {
                item.path = base + item.path
            }
            if known.insert(item.path).inserted { items.append(item) }
        }
        return items
    }

    private func end(of result: ToolResult) throws(RepositoryError) -> Rsync.Ending {
        let ending = Rsync.ending(result.termination, errors: result.errors.text)
        switch ending {
        case .complete, .partial: return ending
        case .full: throw access.full(result.lastWords)
        case .readOnly: throw .readOnly(location: access.location, detail: result.lastWords)
        case .failed:
            throw .toolFailed(
                tool: "rsync", how: Rsync.meaning(result.termination), detail: result.lastWords)
        }
    }

    // MARK: - Files

    func stream(_ producer: ToolCommand) async throws(RepositoryError) -> StoredPart {
        try await keep(part.stages(of: producer), .dump) {
            (result: PipelineResult, read: ByteCount, void) throws(RepositoryError) in
            // Where the system keeps no account of the producer, nobody else notices.
            guard read > .zero else { throw .producedNothing(tool: producer.name, void: nil) }
            let produced = result.stages[0].producedBytes
            let agrees = produced.map { part.bytesAreExact ? $0 == read : $0 >= read } ?? true
            guard agrees, part.bytes.map({ $0 == read }) ?? true else {
                throw .miscounted(
                    part: part.path, produced: part.bytes ?? produced ?? .zero, stored: read, void: void)
            }
            return produced == nil
                ? ["the system kept no account of what \(producer.name) wrote; it was not compared"] : []
        }
    }

    func file(_ path: String) async throws(RepositoryError) -> StoredPart {
        let size = try PrivateCopy.size(of: path)
        var reading = access.own.count()
        reading.input = .file(path)
        return try await keep([reading], .file) { (_, read: ByteCount, void) throws(RepositoryError) in
            guard read.bytes == size else {
                throw .miscounted(part: part.path, produced: ByteCount(size), stored: read, void: void)
            }
            return []
        }
    }

    /// Encrypted for recipients of its own: a file, whatever it was made of.
    func sealed(_ content: PartContent, for recipients: Recipients) async throws(RepositoryError) -> StoredPart {
        if case .files(let selection) = content, access.settings.mustBeOffSourceDevice {
            try access.services.host.requireOtherDevice(
                access.settings.folder, than: selection.roots, location: access.location)
        }
        let sealed = try SealedStream(
            content, for: recipients, of: part, besides: access.settings.folder, scratch: try access.scratch(),
            access.services)
        defer { sealed.remove() }
        var evidence: SealedStream.Evidence?
        var stored = try await keep(sealed.stages, .dump) {
            (result: PipelineResult, read: ByteCount, void) throws(RepositoryError) in
            do throws(RepositoryError) {
                evidence = try sealed.evidence(of: result.stages, stored: read, location: access.location)
            } catch {
                throw error.leaving(void)
            }
            return []
        }
        if let evidence {
            stored.note(evidence)
            stored.inside = evidence.content
        }
        return stored
    }

    /// Runs `head` and what keeps its output in a file of its own.
    /// - Parameter judge: throws where what was kept is no good; returns notices.
    private func keep(
        _ head: [ToolCommand], _ content: RsyncManifest.Part.Content,
        _ judge: (PipelineResult, ByteCount, SnapshotID) throws(RepositoryError) -> [String]
    ) async throws(RepositoryError) -> StoredPart {
        let began = part.capturedAt ?? access.services.clock.now
        let name = try pending.reserve(stamp, content)
        do throws(RepositoryError) {
            let result = try await access.pipe(head + [access.own.keep("\(pending.path)/\(name)")])
            guard result.committed, result.stages.allSatisfy(\.didItsWork) else {
                throw result.failure(producers: head.count, keeping: access.location, access.services.host)
            }
            guard let last = result.stages.last, let kept = OwnStreams.kept(last.output.text),
                try access.folder.size(of: "\(pending.folder)/\(name)") == kept.bytes, kept.sha256.utf8.count == 64
            else {
                throw .noEvidence(location: access.location, detail: "\(name) was written, and is not what was counted")
            }
            let notices = try judge(result, ByteCount(kept.bytes), SnapshotID(rawValue: kept.sha256))
            let record = SumLines.Record.file(
                path: Array(name.utf8), size: kept.bytes, digest: Array(kept.sha256.utf8))
            let list = pending.list(of: name)
            try access.folder.write(
                SumLines.text(record), to: String(list.dropFirst(access.folder.path.count + 1)))
            var usage: [String: ResourceUsage] = [:]
            for stage in result.stages {
                usage[stage.command.name] = usage[stage.command.name].map { $0.adding(stage.usage) } ?? stage.usage
            }
            var stored = try commit(
                RsyncManifest.Part(
                    id: "", name: name, content: content, sha256: kept.sha256, files: 1, bytes: kept.bytes,
                    source: stamp.source?.rawValue ?? "", part: part.path.rawValue,
                    captured: Timestamp.format(began), utcOffset: TimeZone.current.secondsFromGMT(for: began),
                    tags: stamp.tags, offset: 0, length: 0),
                added: kept.bytes, usage: usage)
            stored.notices = notices
            return stored
        } catch {
            // It removes its file itself, unless it was killed.
            pending.abandon(name)
            throw error
        }
    }

    // MARK: - The note

    private func commit(
        _ unnamed: RsyncManifest.Part, added: Int64, usage: [String: ResourceUsage]
    ) throws(RepositoryError) -> StoredPart {
        var part = unnamed
        let list = String(pending.list(of: part.name).dropFirst(access.folder.path.count + 1))
        let digest: String
        do throws(DigestError) { digest = try access.folder.digest(of: list) } catch {
            throw .noEvidence(location: access.location, detail: "the list of \(part.name) cannot be read: \(error)")
        }
        part.length = try access.folder.size(of: list) ?? 0
        if part.content == .tree { part.sha256 = digest }
        part.id = try RsyncAccess.id(["part", stamp.run.rawValue, part.name, digest])
        try pending.add(part, host: stamp.host)
        return StoredPart(
            snapshot: SnapshotID(rawValue: part.id), time: Timestamp.parse(part.captured) ?? Date(),
            bytes: ByteCount(part.bytes), files: part.content == .tree ? part.files : nil,
            addedBytes: ByteCount(added), usage: usage)
    }
}
