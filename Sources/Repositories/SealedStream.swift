import BackupModel
import Foundation
import Programs

/// A part that is encrypted on its way: the programs that come before the repository's own, of which the last encrypts. A tree
/// becomes a tar stream with the digests of its files inside; everything is counted in the clear, in passing.
///
/// No program of it may end by our death alone: it ends after what comes behind it, which must never take that for an end.
struct SealedStream {
    let stages: [ToolCommand]
    private let part: CapturedPart
    private let program: Recipients.Program
    private let tree: TreeStream?
    /// Of a finished file.
    private let size: Int64?

    /// What is inside, as the programs say it.
    struct Evidence {
        var content: SealedContent
        var unreadable: [UnreadableItem] = []
        var unreadableCount = 0
        var notices: [String] = []
    }

    /// - Parameters:
    ///   - folder: of the repository, which never goes into itself; `nil` for one elsewhere.
    ///   - scratch: private, for a list of names.
    init(
        _ content: PartContent, for recipients: Recipients, of part: CapturedPart, besides folder: String?,
        scratch: String, _ services: Services
    ) throws(RepositoryError) {
        self.part = part
        program = recipients.program
        let own = OwnStreams(program: services.program)
        var head: [ToolCommand]
        switch content {
        case .files(let selection):
            let tree = try TreeStream(
                selection, demands: part.demands, besides: folder ?? "/dev/null", scratch: scratch, services)
            head = tree.stages
            (self.tree, size) = (tree, nil)
        case .stream(let producer):
            head = part.stages(of: producer) + [own.count()]
            (tree, size) = (nil, nil)
        case .file(let path):
            let bytes = try PrivateCopy.size(of: path)
            var reading = own.count()
            reading.input = .file(path)
            head = [reading]
            (tree, size) = (nil, bytes)
        case .sealed: throw .unsupported("a part cannot be encrypted twice")
        }
        head.append(recipients.encryptor)
        stages = head.map { command in
            var command = command
            command.whenOrphaned = .leave
            command.niceness = services.settings.niceness
            return command
        }
    }

    /// Gives back what was needed.
    func remove() { tree?.remove() }

    /// Of all that encrypts, only what comes out of it is stored.
    /// - Parameters:
    ///   - results: of the stages, in their order; they did their work.
    ///   - stored: what the repository read.
    func evidence(
        of results: [ToolResult], stored: ByteCount, location: String
    ) throws(RepositoryError) -> Evidence {
        let encryptor = results[stages.count - 1]
        // gpg also writes to its own folder.
        guard encryptor.producedBytes.map({ program == .age ? $0 == stored : $0 >= stored }) ?? true else {
            throw .miscounted(
                part: part.path, produced: encryptor.producedBytes ?? .zero, stored: stored,
                void: SnapshotID(rawValue: ""))
        }
        // It never gets smaller: one that left off before the end would leave something that opens, and is not all.
        let fed =
            tree == nil ? OwnStreams.tally(results[stages.count - 2].errors.text).map { ByteCount($0.bytes) } : nil
        if let fed = fed ?? results[stages.count - 2].producedBytes, stored <= fed {
            throw .noEvidence(
                location: location,
                detail: "\(encryptor.command.name) was given \(fed.bytes) bytes and wrote \(stored.bytes)")
        }
        if let tree { return try tree.evidence(of: results, part: part.path, location: location) }
        guard let tally = OwnStreams.tally(results[stages.count - 2].errors.text) else {
            throw .noEvidence(location: location, detail: "nothing counted what was encrypted")
        }
        let read = ByteCount(tally.bytes)
        guard read > .zero else { throw .producedNothing(tool: results[0].command.name, void: nil) }
        let produced = size.map { ByteCount($0) } ?? results[0].producedBytes
        let agrees = produced.map { size != nil || part.bytesAreExact ? $0 == read : $0 >= read } ?? true
        guard agrees, part.bytes.map({ $0 == read }) ?? true else {
            throw .miscounted(
                part: part.path, produced: part.bytes ?? produced ?? .zero, stored: read,
                void: SnapshotID(rawValue: ""))
        }
        return Evidence(content: SealedContent(bytes: read, files: 1))
    }
}

extension RepositoryError {
    /// The same, with the snapshot that came of it all the same.
    func leaving(_ void: SnapshotID) -> RepositoryError {
        switch self {
        case .miscounted(let part, let produced, let stored, _):
            .miscounted(part: part, produced: produced, stored: stored, void: void)
        case .producedNothing(let tool, _): .producedNothing(tool: tool, void: void)
        default: self
        }
    }
}
