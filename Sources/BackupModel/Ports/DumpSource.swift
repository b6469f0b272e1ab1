/// Captures one source of a profile, and puts it back. One type per kind, listed in `DumpSourceRegistry`.
package protocol DumpSource: Sendable {
    var spec: SourceSpec { get }

    /// Looks whether the source is there, whole and permitted. Changes nothing, starts nothing that lasts.
    /// - Throws: ``SourceError`` when a capture could not succeed.
    func preflight(_ context: CaptureContext) async throws(SourceError) -> SourcePreview

    /// Captures every part, handing each to `store`, and returns what is known of them. Whatever must be held open for
    /// consistency (a database session, a scratch copy) is released before it returns or throws.
    func capture(_ context: CaptureContext, storing store: PartStore) async throws(SourceError) -> [PartReport]

    /// Puts a part back where the request says, and proves it against the part's facts.
    func restore(_ request: RestoreRequest, _ context: CaptureContext) async throws(SourceError) -> RestoreReport

    /// Puts a part back into a place of its own for a drill, proves it as far as it can be proven, and touches nothing else. A
    /// database is loaded into a server of the drill's own.
    func prove(_ request: ProofRequest, _ context: CaptureContext) async throws(SourceError) -> ProofReport

    /// What ``prove(_:_:)`` takes of the disk at most, about.
    func roomToProve(_ part: ManifestPart) -> ByteCount

    /// Whether ``prove(_:_:)`` loads it into a server of its own, whose folder is gone when it returns: what it took is there for
    /// the next part. Where there is no such server here, its file stays beside the others.
    func isLoadedToProve(_ part: ManifestPart) -> Bool

    /// Whom its parts are encrypted for before they are stored; `nil` where they are not. Found out once: what was compared
    /// is what is used.
    /// - Throws: ``SourceError`` where they are to be and nobody is named.
    func recipients() async throws(SourceError) -> Recipients?

    /// Where a part of it lives. Asked of what the part says, and of this machine where only that can tell.
    /// - Throws: ``SourceError`` where it cannot be told, or a part cannot be opened.
    func livePlace(of part: ManifestPart) async throws(SourceError) -> LivePlace

    /// Who uses the live place now in a way that no open file shows, in words; `nil` when nobody does.
    func users(of part: ManifestPart) async throws(SourceError) -> String?

    /// Has a database in a file take in what lies in the files beside it, so that it is whole by itself: they can then not be
    /// parted from it. What it holds does not change.
    /// - Returns: false where that cannot be done, because it is damaged or somebody has it open.
    func closeFile(at path: String) async throws(SourceError) -> Bool

    /// `nil` where it has no databases on a server.
    func databaseServer(_ context: CaptureContext) async throws(SourceError) -> (any DatabaseServer)?

    /// What a person does with a part's file once it is back, with standard tools alone; `nil` where it is of use as it is.
    func byHand(_ part: ManifestPart) -> ManualUse?

    /// Compares what somebody else brought back with the part's facts. Changes nothing.
    /// - Parameter path: the part's file, or the folder that its tree is in.
    func prove(_ part: ManifestPart, at path: String) async throws(SourceError) -> RestoreReport
}

extension DumpSource {
    package func recipients() async throws(SourceError) -> Recipients? { nil }
    package func users(of part: ManifestPart) async throws(SourceError) -> String? { nil }
    package func closeFile(at path: String) async throws(SourceError) -> Bool { false }
    package func databaseServer(_ context: CaptureContext) async throws(SourceError) -> (any DatabaseServer)? { nil }

    package func livePlace(of part: ManifestPart) async throws(SourceError) -> LivePlace {
        .nowhere("what a `\(spec.kind)` source captured has no place of its own")
    }

    package func byHand(_ part: ManifestPart) -> ManualUse? { nil }
    package func prove(_ part: ManifestPart, at path: String) async throws(SourceError) -> RestoreReport {
        RestoreReport(
            place: path, bytes: part.bytes, proofs: [],
            unproven: ["what is in it: a \(part.sourceKind) source has nothing to compare it with"])
    }
}

/// Stores one part in the primary repository. May be called by several tasks at once.
package typealias PartStore = @Sendable (CapturedPart) async throws(RepositoryError) -> StoredPart

/// What the engine lends a source for one run.
package struct CaptureContext: Sendable {
    package var run: RunID
    /// A private folder (0700) of this source's own in this run; removed afterwards.
    package var scratch: String
    /// Says something to the operator that does not change the outcome.
    package var notice: @Sendable (String) -> Void
    /// Absolute; what restores into place have put aside. It is no part of what the source has, wherever it lies.
    package var keptAside: [String] = []
    /// Names of databases that restores into place have put aside, or are loading.
    package var keptDatabases: Set<String> = []
    /// Absolute; where runs work at the moment, this one among them.
    package var workedIn: [String] = []
    /// Absolute; where backups are mounted at the moment.
    package var shown: [String] = []

    package init(run: RunID, scratch: String, notice: @escaping @Sendable (String) -> Void = { _ in }) {
        self.run = run
        self.scratch = scratch
        self.notice = notice
    }
}

/// What a source expects to capture, for `--dry-run` and for the plausibility of the result.
package struct SourcePreview: Sendable, Equatable {
    /// In a few words: `2 folders`, `database app (PostgreSQL 15.18)`.
    package var summary: String
    package var parts: [PartPath]
    /// Folders and files on this machine that it reads, for comparing their disk with the repository's.
    package var paths: [String]
    package var estimatedBytes: ByteCount?
    package var estimatedFiles: Int64?
    /// Room needed in scratch while capturing.
    package var scratchBytes: ByteCount
    package var notices: [String]
    /// Program to version.
    package var tools: [String: String]

    package init(
        summary: String, parts: [PartPath], paths: [String] = [], estimatedBytes: ByteCount? = nil,
        estimatedFiles: Int64? = nil,
        scratchBytes: ByteCount = 0, notices: [String] = [], tools: [String: String] = [:]
    ) {
        self.summary = summary
        self.parts = parts
        self.paths = paths
        self.estimatedBytes = estimatedBytes
        self.estimatedFiles = estimatedFiles
        self.scratchBytes = scratchBytes
        self.notices = notices
        self.tools = tools
    }
}

/// One captured part with what was learned about it.
package struct PartReport: Sendable, Equatable {
    package var path: PartPath
    package var stored: StoredPart
    package var condition: PartCondition
    package var facts: Facts
    /// What a restore of this kind needs to know: format of a dump, roots of a file tree.
    package var restoreNotes: [String: String]
    package var notices: [String]
    package var encryption: PartEncryption?

    package init(
        path: PartPath, stored: StoredPart, condition: PartCondition, facts: Facts,
        restoreNotes: [String: String] = [:], notices: [String] = []
    ) {
        self.path = path
        self.stored = stored
        self.condition = condition
        self.facts = facts
        self.restoreNotes = restoreNotes
        self.notices = notices
    }
}

package struct RestoreRequest: Sendable {
    package var part: ManifestPart
    package var reader: any PartReader
    /// Where files go; created when missing. Databases leave their dump or file below it.
    package var directory: String
    /// A database source restores into a new database of this name instead.
    package var database: String?
    /// Files that are in the directory and not in the snapshot are removed.
    package var exact: Bool
    /// Of a file tree, only these paths and what is below them; empty is all.
    package var include: [String] = []
    package var progress: @Sendable (TransferProgress) -> Void

    package init(
        part: ManifestPart, reader: any PartReader, directory: String, database: String? = nil, exact: Bool = false,
        progress: @escaping @Sendable (TransferProgress) -> Void = { _ in }
    ) {
        self.part = part
        self.reader = reader
        self.directory = directory
        self.database = database
        self.exact = exact
        self.progress = progress
    }
}

package struct RestoreReport: Sendable, Equatable, Codable {
    /// Where it is now: a path, or `database NAME`.
    package var place: String
    package var bytes: ByteCount
    package var files: Int64?
    /// What was compared with the facts and agreed: `5 tables, 1200 rows`.
    package var proofs: [String]
    /// What could not be compared, and why.
    package var unproven: [String]
    /// Of ``unproven``, what is so on purpose: a table that is left out, or is made of others.
    package var excused: [String] = []
    package var notices: [String]

    package init(
        place: String, bytes: ByteCount, files: Int64? = nil, proofs: [String], unproven: [String] = [],
        notices: [String] = []
    ) {
        self.place = place
        self.bytes = bytes
        self.files = files
        self.proofs = proofs
        self.unproven = unproven
        self.notices = notices
    }
}

package struct TransferProgress: Sendable, Equatable, Codable {
    package var bytes: ByteCount
    package var totalBytes: ByteCount?
    package var files: Int64
    package var totalFiles: Int64?
    package init(bytes: ByteCount, totalBytes: ByteCount? = nil, files: Int64 = 0, totalFiles: Int64? = nil) {
        self.bytes = bytes
        self.totalBytes = totalBytes
        self.files = files
        self.totalFiles = totalFiles
    }
}

/// What can go wrong with a source.
package enum SourceError: OperatorError {
    case missing(String, hint: String?)
    case empty(String, hint: String?)
    case unmounted(path: String)
    case unreadable(String, reason: String)
    case notADatabase(path: String, detail: String)
    /// Somebody holds it, and did not let go in time.
    case busy(String, detail: String)
    case unreachable(String, detail: String, hint: String?)
    case notPermitted(String, detail: String, hint: String?)
    case tooOld(tool: String, toolVersion: String, server: String, serverVersion: String)
    case noRoom(path: String, needed: ByteCount, free: ByteCount)
    /// A tool ended badly; `detail` is the telling end of what it said.
    case toolFailed(tool: String, how: String, detail: String)
    case producedNothing(tool: String)
    /// Two accounts of one thing disagree.
    case mismatch(what: String, expected: String, found: String)
    case targetExists(String, hint: String?)
    /// It is to be encrypted, and for whom cannot be told.
    case noRecipients(String, hint: String?)
    /// The key that was given does not open what is encrypted.
    case wrongIdentity(String, recipients: String)
    case unsupported(String, hint: String?)
    case timedOut(tool: String, limit: String)
    case cancelled
    /// Some parts were captured and stored, others were not: the reports may be used, and the failures are gaps.
    case incomplete([PartReport], failures: [Failure])
    case tool(ToolError)
    case secret(SecretError)
    case repository(RepositoryError)
}

extension SourceError {
    package var kind: FailureKind {
        switch self {
        case .tool(let error): error.kind
        case .secret(let error): error.kind
        case .repository(let error): error.kind
        case .tooOld: .toolMissing
        case .unreachable: .serverUnreachable
        case .notPermitted: .notPermitted
        case .noRoom: .destinationFull
        case .cancelled: .interrupted
        case .wrongIdentity: .wrongPassword
        case .incomplete(_, let failures): failures.first?.kind ?? .failed
        case .unsupported: .usage
        case .missing, .empty, .unmounted, .unreadable, .notADatabase, .busy, .toolFailed, .producedNothing, .mismatch,
            .targetExists, .noRecipients, .timedOut:
            .failed
        }
    }

    package var description: String {
        switch self {
        case .missing(let what, _): "\(what) is missing"
        case .empty(let what, _): "\(what) is empty"
        case .unmounted(let path): "nothing is mounted at \(path)"
        case .unreadable(let what, let reason): "\(what) cannot be read: \(reason)"
        case .notADatabase(let path, let detail): "\(path) is not an SQLite database: \(detail)"
        case .busy(let what, let detail): "\(what) is busy: \(detail)"
        case .unreachable(let what, let detail, _): "\(what) cannot be reached: \(detail)"
        case .notPermitted(let what, let detail, _): "\(what): permission denied: \(detail)"
        case .tooOld(let tool, let toolVersion, let server, let serverVersion):
            "\(tool) \(toolVersion) is older than \(server) \(serverVersion) and cannot dump it"
        case .noRoom(let path, let needed, let free): "\(path) has \(free) free, \(needed) are needed"
        case .toolFailed(let tool, let how, let detail):
            "\(tool) failed (\(how))" + (detail.isEmpty ? "" : ": \(detail)")
        case .producedNothing(let tool): "\(tool) ended well but wrote nothing"
        case .mismatch(let what, let expected, let found): "\(what): expected \(expected), found \(found)"
        case .targetExists(let what, _): "\(what) exists already"
        case .noRecipients(let what, _): what
        case .wrongIdentity(let what, let recipients):
            "the key that was given does not open \(what), which is encrypted for \(recipients)"
        case .unsupported(let what, _): what
        case .timedOut(let tool, let limit): "\(tool) was stopped after \(limit)"
        case .cancelled: "cancelled"
        case .incomplete(_, let failures): failures.map(\.description).joined(separator: "; ")
        case .tool(let error): error.description
        case .secret(let error): error.description
        case .repository(let error): error.description
        }
    }

    package var hint: String? {
        switch self {
        case .missing(_, let hint), .empty(_, let hint), .targetExists(_, let hint), .unsupported(_, let hint),
            .noRecipients(_, let hint), .unreachable(_, _, let hint), .notPermitted(_, _, let hint):
            hint
        case .unmounted(let path): "mount \(path), or remove `mounted: true` if it is no mount point"
        case .tooOld(_, _, _, let serverVersion):
            "install the client tools of version \(serverVersion.prefix { $0 != "." }) or newer"
        case .noRoom: "free some room, or set `scratch:` in the profile to a folder on a larger file system"
        case .producedNothing(let tool): "an empty dump is never a backup; run \(tool) by hand to see why"
        case .wrongIdentity:
            "give the key of one of them with --identity FILE; without any, the encrypted file itself is put down"
        case .busy: "find who holds it; the backup did not wait longer than the profile allows"
        case .incomplete(_, let failures): failures.first?.hint
        case .tool(let error): error.hint
        case .secret(let error): error.hint
        case .repository(let error): error.hint
        case .unreadable, .notADatabase, .toolFailed, .mismatch, .timedOut, .cancelled: nil
        }
    }
}
