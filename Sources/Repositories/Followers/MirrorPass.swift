import BackupModel
import Digests
import Foundation
import Programs

/// One way of a mirror through the primary's files: snapshots are listed before indexes before data, and sent the other way
/// round.
struct MirrorPass: Sendable {
    /// A file that was listed is gone.
    struct Vanished: Error {}

    /// Written last into a generation when it has everything: the configuration once more, for it is at hand and tells nothing.
    /// No tool minds it, and who comes without our ledger sees by it that the generation is whole.
    static let completionMark = "complete"

    let source: ResticFolder
    let target: any MirrorTarget
    let ledger: any MirrorLedger
    let clock: any HostClock
    let progress: @Sendable (TransferProgress) -> Void
    private(set) var known: [String: MirroredFile]
    private(set) var sent: Set<String> = []
    /// Of what was sent, what had been there before.
    private(set) var found: Set<String> = []
    /// There was a configuration before ours that could not be compared with it.
    private(set) var isOnTrust = false
    private(set) var bytes: Int64 = 0
    private var isClaiming = false
    private var files: Int64 = 0

    /// Files that are put by one start of the tool.
    private static let batchFiles = 200
    private static let batchBytes: Int64 = 512 << 20

    init(
        of source: ResticFolder, to target: any MirrorTarget, ledger: any MirrorLedger, clock: any HostClock,
        progress: @escaping @Sendable (TransferProgress) -> Void
    ) throws(RepositoryError) {
        self.source = source
        self.target = target
        self.ledger = ledger
        self.clock = clock
        self.progress = progress
        known = try stored { () throws(StoreError) in try ledger.mirrored(at: target.place) }
    }

    /// Sends what is missing. A pass whose list is overtaken by a prune begins anew with a fresh one.
    mutating func run() async throws(RepositoryError) {
        for _ in 1...3 {
            do {
                return try await attempt()
            } catch let error as RepositoryError {
                throw error
            } catch {
                continue
            }
        }
        throw .unreachable(location: source.path, detail: "its files keep vanishing; is a prune at work?")
    }

    /// Puts the configuration.
    /// - Returns: false when there was one before: the place belongs to another repository, or to what is known no more.
    mutating func claim() async throws(RepositoryError) -> Bool {
        isClaiming = true
        defer { isClaiming = false }
        try await only("config", from: "config")
        return !found.contains("config")
    }

    /// Says there that it is whole.
    mutating func markComplete() async throws(RepositoryError) {
        try await only(MirrorPass.completionMark, from: "config")
    }

    private mutating func only(_ path: String, from file: String) async throws(RepositoryError) {
        guard known[path] == nil else { return }
        guard var item = try item(file) else { throw .damaged(location: source.path, detail: "\(file) is missing") }
        item.path = path
        do {
            try await put([item])
        } catch let error as RepositoryError {
            throw error
        } catch {
            throw .damaged(location: source.path, detail: "\(file) is missing")
        }
    }

    private mutating func attempt() async throws {
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
        let digest = try source.configDigest()
        guard let there = known["config"], there.digest != digest else { return }
        throw .occupied(
            location: target.place,
            by: "the mirror of another repository, or of this one before it was changed; give it another path")
    }

    /// Where one was before ours, the ledger was lost or the place is another repository's, which what is put would break for good.
    private mutating func compareConfiguration() async throws(RepositoryError) {
        guard let there = try await target.digest(of: "config") else {
            isOnTrust = true
            return
        }
        guard try there == source.configDigest() else {
            throw .occupied(location: target.place, by: "the mirror of another repository; give it another path")
        }
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
            if batch.count >= MirrorPass.batchFiles || size >= MirrorPass.batchBytes {
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
        let file = source.path + "/" + path
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
                throw .damaged(location: source.path, detail: "\(path) cannot be read: \(reason)")
            case .stopped: throw .cancelled
            case .unavailable: throw .unsupported(error.description)
            }
        }
        guard path == "config" || path.hasSuffix("/" + digest) else {
            throw .damaged(
                location: source.path, detail: "\(path) does not hold what its name says; it was not sent")
        }
        return MirrorItem(path: path, file: file, digest: digest, bytes: size)
    }

    private mutating func put(_ batch: [MirrorItem]) async throws {
        var left = batch
        var pauses: [Duration] = [.seconds(2), .seconds(10)]
        while !left.isEmpty {
            let answer = try await target.put(left)
            if answer.found.contains("config"), !isClaiming { try await compareConfiguration() }
            found.formUnion(answer.found)
            try enter(left.filter { answer.put.contains($0.path) })
            left.removeAll { answer.put.contains($0.path) }
            guard let failure = answer.failure, !left.isEmpty else { continue }
            if left.contains(where: { !FileManager.default.fileExists(atPath: $0.file) }) { throw Vanished() }
            guard case .unreachable = failure, !pauses.isEmpty else { throw failure }
            try await clock.sleep(for: pauses.removeFirst())
        }
    }

    private mutating func enter(_ items: [MirrorItem]) throws(RepositoryError) {
        guard !items.isEmpty else { return }
        let entries = Dictionary(
            uniqueKeysWithValues: items.map { ($0.path, MirroredFile(digest: $0.digest, bytes: $0.bytes)) })
        try stored { [ledger, place = target.place] () throws(StoreError) in try ledger.enter(entries, at: place) }
        known.merge(entries) { $1 }
        for item in items {
            sent.insert(item.path)
            bytes += item.bytes
            files += 1
        }
        progress(TransferProgress(bytes: ByteCount(bytes), files: files))
    }
}

/// Work on the ledger, with its errors as a repository's.
func stored<Value>(_ body: () throws(StoreError) -> Value) throws(RepositoryError) -> Value {
    do throws(StoreError) {
        return try body()
    } catch {
        throw .unsupported(error.description)
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
