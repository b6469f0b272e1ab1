import BackupModel
import Foundation
import Programs

/// Folders and files as one tar stream with the digests of its files as its last member: what writes it, and what it says of
/// what is in it.
struct TreeStream {
    let stages: [ToolCommand]
    let walk: SelectionWalk.Findings
    private let list: NameList
    private let demands: [String]

    /// - Parameters:
    ///   - demands: what to look for among the names (``PathDemand``).
    ///   - folder: of the repository, which never goes into itself.
    ///   - scratch: private, for the list of names.
    init(
        _ selection: FileSelection, demands: [String], besides folder: String, scratch: String, _ services: Services
    ) throws(RepositoryError) {
        guard !selection.roots.isEmpty, selection.roots.allSatisfy({ $0.hasPrefix("/") }) else {
            throw .unsupported("a selection of files needs absolute paths")
        }
        self.demands = demands
        list = try NameList(in: scratch, services.host)
        do throws(RepositoryError) {
            walk = try SelectionWalk.findings(in: selection, besides: folder, into: list)
            guard walk.count > 0 else {
                throw .sourceUnreadable(
                    detail: walk.unreadable.first.map { "\($0.path): \($0.reason)" } ?? "there is nothing")
            }
        } catch {
            list.remove()
            throw error
        }
        let overlays = selection.substitutes.sorted { $0.key < $1.key }
            .map { FileOverlay(place: $0.key, content: $0.value) }
        stages = [
            Tar.create(names: .file(list.path), in: walk.base, overlays: overlays),
            OwnStreams(program: services.program).digestTar(),
        ]
    }

    func remove() { list.remove() }

    /// - Parameter results: of the stages, first of all.
    func evidence(
        of results: [ToolResult], part: PartPath, location: String
    ) throws(RepositoryError) -> SealedStream.Evidence {
        guard let tally = OwnStreams.tally(results[1].errors.text) else {
            throw .noEvidence(location: location, detail: "a tree was packed and nothing in it was counted")
        }
        let notices = Tar.notices(in: results[0].errors.text)
        // A file that was changed while it was read is in it all the same.
        guard tally.entries + Int64(notices.count) >= walk.count else {
            throw .noEvidence(
                location: location, detail: "tar was given \(walk.count) names and wrote \(tally.entries) entries")
        }
        var evidence = SealedStream.Evidence(
            content: SealedContent(
                bytes: ByteCount(tally.bytes), files: tally.files, base: walk.base, found: try found(besides: notices)))
        evidence.unreadable = walk.unreadable + notices.map(absolute)
        evidence.unreadableCount = walk.unreadableCount + notices.count
        if results[0].termination == .exited(Tar.changedExitCode), notices.isEmpty {
            evidence.unreadable.append(UnreadableItem(path: part.rawValue, reason: results[0].lastWords))
            evidence.unreadableCount += 1
        }
        evidence.unreadable = Array(evidence.unreadable.prefix(100))
        if !results[0].errors.isComplete { evidence.notices.append("more items were unreadable than are listed") }
        if walk.specials > 0 {
            evidence.notices.append(
                "left out \(Words.count(walk.specials, "socket, pipe or device", "sockets, pipes and devices"))")
        }
        return evidence
    }

    /// tar tells of names as it was given them; a profile tolerates paths.
    private func absolute(_ item: UnreadableItem) -> UnreadableItem {
        guard !item.path.hasPrefix("/") else { return item }
        return UnreadableItem(path: prefix + item.path, reason: item.reason)
    }

    private var prefix: String { TreeBase(walk.base).prefix }

    /// The demands that are met by what tar was given and said nothing of; all of that is in the stream, for its entries were counted.
    private func found(besides notices: [UnreadableItem]) throws(RepositoryError) -> Set<String> {
        guard !demands.isEmpty else { return [] }
        let unread = Set(notices.map(\.path))
        var (missing, found) = (demands, Set<String>())
        do throws(SystemFailure) {
            try NameList.read(list.path) { bytes in
                let name = String(decoding: bytes, as: UTF8.self)
                guard !missing.isEmpty, !unread.contains(name) else { return }
                for demand in missing where PathDemand.matches(prefix + name, demand) { found.insert(demand) }
                missing.removeAll(where: found.contains)
            }
        } catch {
            throw .unsupported("\(error.path) cannot be read: \(error.reason)")
        }
        return found
    }
}
