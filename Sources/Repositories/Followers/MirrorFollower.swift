import BackupModel
import Digests
import Foundation
import Programs

/// Fed file by file: the primary's own files, which never change and are named by what is in them, put where nothing can be
/// read back. It is a replica of the primary and no repository of its own.
///
/// A pass lists snapshots before indexes before data, and sends them the other way round: whenever it is cut short, what is
/// there is a repository that is whole and perhaps older. Each file is hashed against its name first, so that damage does not
/// travel. What the ledger knows is not sent again, and the server is asked nothing.
struct MirrorFollower: Follower {
    let spec: RepositorySpec
    let follow: FollowSpec
    let repository: (any Repository)?
    private let source: ResticFolder
    private let sourceLocation: String
    private let target: @Sendable () async throws(RepositoryError) -> any MirrorTarget
    private let ledger: any MirrorLedger
    private let clock: any HostClock
    let location: String

    /// Files that are put by one start of the tool.
    private static let batchFiles = 200
    private static let batchBytes: Int64 = 512 << 20

    init(
        _ spec: RepositorySpec, _ follow: FollowSpec, of source: ResticFolder, ledger: any MirrorLedger,
        clock: any HostClock, location: String, reading repository: (any Repository)?,
        target: @escaping @Sendable () async throws(RepositoryError) -> any MirrorTarget
    ) {
        self.spec = spec
        self.follow = follow
        self.source = source
        sourceLocation = source.path
        self.ledger = ledger
        self.clock = clock
        self.location = location
        self.repository = repository
        self.target = target
    }

    func feed(
        _ wanted: [Snapshot], progress: @escaping @Sendable (TransferProgress) -> Void
    ) async throws(RepositoryError) -> FeedReport {
        let target = try await target()
        var pass = Pass(follower: self, target: target, known: try known(at: target.place), progress: progress)
        var attempts = 1
        while true {
            do {
                try await pass.run()
                break
            } catch is Pass.Vanished where attempts < 3 {
                // Somebody pruned meanwhile: what was listed is no more, and a fresh list is.
                attempts += 1
            } catch let error as RepositoryError {
                throw error
            } catch {
                throw .unreachable(location: sourceLocation, detail: "its files keep vanishing; is a prune at work?")
            }
        }
        let there = pass.known
        let present = Set(wanted.map(\.id).filter { there["snapshots/\($0.rawValue)"] != nil })
        return FeedReport(
            present: present, delivered: wanted.count { pass.sent.contains("snapshots/\($0.id.rawValue)") },
            bytes: ByteCount(pass.bytes), tool: target.tool)
    }

    private func known(at place: String) throws(RepositoryError) -> [String: MirroredFile] {
        do throws(StoreError) {
            return try ledger.mirrored(at: place)
        } catch {
            throw .unsupported(error.description)
        }
    }

    /// One way through the repository.
    private struct Pass {
        /// A file that was listed is gone.
        struct Vanished: Error {}

        let follower: MirrorFollower
        let target: any MirrorTarget
        var known: [String: MirroredFile]
        let progress: @Sendable (TransferProgress) -> Void
        var sent: Set<String> = []
        var bytes: Int64 = 0
        private var files: Int64 = 0

        init(
            follower: MirrorFollower, target: any MirrorTarget, known: [String: MirroredFile],
            progress: @escaping @Sendable (TransferProgress) -> Void
        ) {
            self.follower = follower
            self.target = target
            self.known = known
            self.progress = progress
        }

        mutating func run() async throws {
            let source = follower.source
            let snapshots = try source.mirrorable("snapshots")
            let indexes = try source.mirrorable("index")
            let data = try source.mirrorableData()
            try checkConfiguration()
            try await send(["config"])
            try await send(try source.mirrorable("keys"))
            try await send(data)
            try await send(indexes)
            try await send(snapshots, mayVanish: true)
        }

        /// Two repositories must never be mixed in one place.
        private func checkConfiguration() throws(RepositoryError) {
            let digest = try follower.source.configDigest()
            guard let there = known["config"], there.digest != digest else { return }
            throw .occupied(
                location: follower.location,
                by: "the mirror of another repository, or of this one before it was changed; give it another path")
        }

        private mutating func send(_ paths: [String], mayVanish: Bool = false) async throws {
            var batch: [MirrorItem] = []
            var size: Int64 = 0
            for path in paths where known[path] == nil {
                if Task.isCancelled { throw RepositoryError.cancelled }
                guard let item = try item(path) else {
                    if mayVanish { continue }
                    throw Vanished()
                }
                batch.append(item)
                size += item.bytes
                if batch.count >= MirrorFollower.batchFiles || size >= MirrorFollower.batchBytes {
                    try await put(batch)
                    batch = []
                    size = 0
                }
            }
            try await put(batch)
        }

        /// - Returns: `nil` when it is gone.
        /// - Throws: ``RepositoryError/damaged(location:detail:)`` when it is not what its name says.
        private func item(_ path: String) throws(RepositoryError) -> MirrorItem? {
            let file = follower.source.path + "/" + path
            var size: Int64 = 0
            let digest: String
            do throws(DigestError) {
                digest = try FileDigest().digest(ofFile: file) { count in
                    size += Int64(count)
                    return !Task.isCancelled
                }.description
            } catch {
                switch error {
                case .unreadable(ENOENT, _): return nil
                case .unreadable(_, let reason):
                    throw .damaged(location: follower.sourceLocation, detail: "\(path) cannot be read: \(reason)")
                case .stopped: throw .cancelled
                case .unavailable: throw .unsupported(error.description)
                }
            }
            guard path == "config" || path.hasSuffix("/" + digest) else {
                throw .damaged(
                    location: follower.sourceLocation,
                    detail: "\(path) does not hold what its name says; it was not sent")
            }
            return MirrorItem(path: path, file: file, digest: digest, bytes: size)
        }

        private mutating func put(_ batch: [MirrorItem]) async throws {
            var left = batch
            var pauses: [Duration] = [.seconds(2), .seconds(10)]
            while !left.isEmpty {
                let (put, failure) = try await target.put(left)
                try enter(left.filter { put.contains($0.path) })
                left.removeAll { put.contains($0.path) }
                guard let failure, !left.isEmpty else { continue }
                if left.contains(where: { !FileManager.default.fileExists(atPath: $0.file) }) { throw Vanished() }
                guard case .unreachable = failure, !pauses.isEmpty else { throw failure }
                try await follower.clock.sleep(for: pauses.removeFirst())
            }
        }

        private mutating func enter(_ items: [MirrorItem]) throws(RepositoryError) {
            guard !items.isEmpty else { return }
            let entries = Dictionary(
                uniqueKeysWithValues: items.map { ($0.path, MirroredFile(digest: $0.digest, bytes: $0.bytes)) })
            do throws(StoreError) {
                try follower.ledger.enter(entries, at: target.place)
            } catch {
                throw .unsupported(error.description)
            }
            known.merge(entries) { $1 }
            for item in items {
                sent.insert(item.path)
                bytes += item.bytes
                files += 1
            }
            progress(TransferProgress(bytes: ByteCount(bytes), files: files))
        }
    }
}

extension ResticFolder {
    /// Files of a folder that are named by their digest; what is being written bears another name.
    fileprivate func mirrorable(_ folder: String) throws(RepositoryError) -> [String] {
        do throws(SystemFailure) {
            return try SystemFolder.names(in: "\(path)/\(folder)").filter(ResticListing.isID).map { "\(folder)/\($0)" }
        } catch {
            throw repositoryError(error)
        }
    }

    fileprivate func mirrorableData() throws(RepositoryError) -> [String] {
        do throws(SystemFailure) {
            var paths: [String] = []
            for name in try SystemFolder.names(in: path + "/data") where name.utf8.count == 2 {
                paths += try SystemFolder.names(in: "\(path)/data/\(name)").filter(ResticListing.isID)
                    .map { "data/\(name)/\($0)" }
            }
            return paths
        } catch {
            throw repositoryError(error)
        }
    }
}
