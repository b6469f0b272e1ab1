import BackupModel
import Digests
import Foundation
import Programs

/// Fed with the encrypted files of an archive repository as they are: run by run, oldest first, each run's files before its
/// manifest. Each file is compared with its digest first, so that damage does not travel. In a folder a run has its name only
/// when all of it is there; on a server a run without its manifest is not complete.
///
/// In a folder the copy is an archive repository like the first: listed, verified, pruned and restored from. On a server files
/// are put, and nothing is asked; ``ServerArchives`` looks at them with a credential that may.
struct ArchiveFollower: Follower {
    let spec: RepositorySpec
    let follow: FollowSpec
    let repository: (any Repository)?
    private let source: ArchiveRepository
    private let target: ArchiveTarget
    private let ledger: any MirrorLedger

    /// - Parameter repository: the copy, where it can be read.
    init(
        _ spec: RepositorySpec, _ follow: FollowSpec, of source: ArchiveRepository, to target: ArchiveTarget,
        reading repository: (any Repository)?, ledger: any MirrorLedger
    ) {
        self.spec = spec
        self.follow = follow
        self.source = source
        self.target = target
        self.repository = repository
        self.ledger = ledger
    }

    var location: String { target.location.text }
    var isMadeByFeeding: Bool { true }

    func byHand(
        _ part: ManifestPart, as primary: ManualRestore
    ) async throws(RepositoryError) -> (location: String, restore: ManualRestore)? {
        (location, target.byHand(primary))
    }

    /// Begins the name of a run's folder that is not all there yet.
    private static let arriving = ".arriving-"

    func feed(
        _ wanted: [Snapshot], reading again: any SecondReading,
        progress: @escaping @Sendable (TransferProgress) -> Void
    ) async throws(RepositoryError) -> FeedReport {
        try requirePlace()
        var pass = Pass(
            source: source.access.folder, written: source.access.written, place: location, ledger: ledger,
            progress: progress,
            trustsLedger: target.location.folder == nil,
            known: try stored { () throws(StoreError) in try ledger.mirrored(at: location) })
        var notices: [String] = []
        if let address = S3Address(location) { notices = try await target.server.settleUploads(at: address) }
        try await checkHeader(&pass)
        var present: Set<SnapshotID> = []
        var before: Set<SnapshotID> = []
        for run in try await ArchiveRuns(access: source.access).proven() {
            if Task.isCancelled { throw .cancelled }
            let ids = Set(run.manifest.present.map { SnapshotID(rawValue: $0.sha256) } + [try run.id])
            if try isThere(run, pass) {
                before.formUnion(ids)
            } else {
                try await send(run, &pass)
            }
            present.formUnion(ids)
        }
        let asked = Set(wanted.map(\.id))
        var report = FeedReport(present: present.intersection(asked), delivered: 0, bytes: ByteCount(pass.bytes))
        report.notices = notices
        report.delivered = report.present.subtracting(before).count
        if target.location.folder != nil { report.foundBefore = before }
        return report
    }

    func acknowledged() throws(RepositoryError) -> AcknowledgedFiles? {
        guard target.location.folder == nil else { return nil }
        let known = try stored { () throws(StoreError) in try ledger.mirrored(at: location) }
        var report = AcknowledgedFiles(files: 0, acknowledged: 0, bytes: 0)
        for run in try ArchiveRuns(access: source.access).all() {
            for path in run.manifest.present.map(\.name) + [run.file] {
                report.files += 1
                guard let file = known["\(run.folder)/\(path)"] else { continue }
                report.acknowledged += 1
                report.bytes += ByteCount(file.bytes)
            }
        }
        return report
    }

    func requireTools() throws(RepositoryError) {
        guard target.location.folder == nil else { return }
        try target.server.requireTools(at: target.location)
    }

    func requireReachable() async throws(RepositoryError) {
        try requireTools()
        try requirePlace()
        if let folder = target.location.folder {
            let content = try ArchiveFolder(path: folder).content()
            if content != .missing { try ArchiveFolder(path: folder).requireWritable() }
        } else if let address = S3Address(location) {
            try await target.server.requireAnswer(of: address)
        }
    }

    private func requirePlace() throws(RepositoryError) {
        if let copy = repository as? ArchiveRepository { try copy.access.requirePlace() }
    }

    // MARK: - What is there

    private func isThere(_ run: ArchiveRun, _ pass: Pass) throws(RepositoryError) -> Bool {
        guard let folder = target.location.folder else { return pass.known["\(run.folder)/\(run.file)"] != nil }
        return try ArchiveFolder(path: folder).isThere(run.folder)
    }

    /// Two repositories must never be mixed in one place.
    private func checkHeader(_ pass: inout Pass) async throws(RepositoryError) {
        let item = try pass.item(ArchiveHeader.fileName, as: ArchiveHeader.fileName)
        func other() -> RepositoryError {
            .occupied(location: location, by: "the copy of another repository; give this one a place of its own")
        }
        guard let path = target.location.folder else {
            if let known = pass.known[item.path] {
                guard known.digest == item.digest else { throw other() }
                // Where it may be asked, it is: a place that was emptied would get runs that nobody can look at.
                guard let copy = repository as? ServerArchives else { return }
                if case .present = try await copy.inspect(pin: nil) { return }
                throw .misplaced(
                    location: location,
                    detail:
                        "its file \(ArchiveHeader.fileName) is gone, and archives were copied there before; is it another "
                        + "place, or was it emptied?")
            }
            return try await pass.put([item], through: try await put)
        }
        let folder = ArchiveFolder(path: path)
        switch try folder.content() {
        case .missing, .empty:
            guard pass.known.isEmpty else {
                throw .misplaced(
                    location: location,
                    detail:
                        "nothing is there, and archives were copied there before; is it another disk, or was it emptied?"
                )
            }
            try await pass.put([item], through: try await put)
        case .foreign(let what): throw .occupied(location: location, by: what)
        case .repository:
            guard try pass.digest(of: "\(path)/\(ArchiveHeader.fileName)") == item.digest else { throw other() }
            if pass.known[item.path] == nil { try pass.enter([item]) }
        }
    }

    // MARK: - Sending

    private func send(_ run: ArchiveRun, _ pass: inout Pass) async throws(RepositoryError) {
        let isFolder = target.location.folder != nil
        let place = (isFolder ? ArchiveFollower.arriving : "") + run.folder
        var items: [MirrorItem] = []
        for file in run.manifest.present {
            let item = try pass.item("\(run.folder)/\(file.name)", as: "\(place)/\(file.name)")
            guard item.digest == file.sha256 else {
                throw .damaged(
                    location: source.location,
                    detail: "\(run.folder)/\(file.name) is not what was stored; it was not copied to \(location)")
            }
            items.append(item)
        }
        let manifest = try pass.item("\(run.folder)/\(run.file)", as: "\(place)/\(run.file)")
        let put = try await put
        try await pass.put(items, through: put)
        try await pass.put([manifest], through: put)
        if isFolder, let path = target.location.folder {
            guard try ArchiveFolder(path: path).publish(place, as: run.folder) else {
                throw .occupied(location: location, by: run.folder)
            }
        }
    }

    private var put: any MirrorTarget {
        get async throws(RepositoryError) {
            if let folder = target.location.folder { return FolderMirror(path: folder) }
            return try await target.server.mirror(at: target.location)
        }
    }

    /// One way through the runs.
    private struct Pass {
        let source: ArchiveFolder
        let written: WrittenFiles
        let place: String
        let ledger: any MirrorLedger
        let progress: @Sendable (TransferProgress) -> Void
        /// Where nobody can look.
        let trustsLedger: Bool
        var known: [String: MirroredFile]
        var bytes: Int64 = 0
        var files: Int64 = 0

        /// A file of the source, hashed, unless it was just written.
        func item(_ file: String, as path: String) throws(RepositoryError) -> MirrorItem {
            guard let size = try source.size(of: file) else {
                throw .damaged(location: source.path, detail: "\(file) is missing")
            }
            let place = "\(source.path)/\(file)"
            if let known = written.digest(of: place) {
                return MirrorItem(path: path, file: place, digest: known, bytes: size)
            }
            return MirrorItem(path: path, file: place, digest: try digest(of: place), bytes: size)
        }

        func digest(of path: String) throws(RepositoryError) -> String {
            do throws(DigestError) {
                return try FileDigest().digest(ofFile: path) { _ in !Task.isCancelled }.description
            } catch {
                switch error {
                case .unreadable(let path, let reason):
                    throw .unreachable(location: place, detail: "\(path): \(reason)")
                case .stopped: throw .cancelled
                case .unavailable: throw .unsupported(error.description)
                }
            }
        }

        mutating func put(_ items: [MirrorItem], through target: any MirrorTarget) async throws(RepositoryError) {
            let missing = trustsLedger ? items.filter { known[$0.path] == nil } : items
            guard !missing.isEmpty else { return }
            let answer = try await target.put(missing)
            try enter(missing.filter { answer.put.contains($0.path) })
            if let failure = answer.failure { throw failure }
        }

        mutating func enter(_ items: [MirrorItem]) throws(RepositoryError) {
            guard !items.isEmpty else { return }
            let files = items.reduce(into: [:]) { $0[$1.path] = MirroredFile(digest: $1.digest, bytes: $1.bytes) }
            try stored { () throws(StoreError) in try ledger.enter(files, at: place) }
            known.merge(files) { $1 }
            bytes += items.reduce(0) { $0 + $1.bytes }
            self.files += Int64(items.count)
            progress(TransferProgress(bytes: ByteCount(bytes), files: self.files))
        }
    }
}
