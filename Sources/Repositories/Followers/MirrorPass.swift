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
        let hashing = MirrorHashing(source: source, mayVanish: false)
        guard var item = try hashing.item(file, with: try MirrorHashing.digest()) else {
            throw .damaged(location: source.path, detail: "\(file) is missing")
        }
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
        // Alone, for nothing else may go where another's is.
        try await send(["config"])
        try await send(try source.mirrorable("keys") + data)
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

    /// Hashes what is to be put next while the last is on its way.
    private mutating func send(_ paths: [String], mayVanish: Bool = false) async throws {
        let missing = paths.filter { known[$0] == nil }
        guard !missing.isEmpty else { return }
        let hashing = MirrorHashing(source: source, mayVanish: mayVanish)
        var next: Task<MirrorHashing.Batch, any Error>? = hashing.start(missing[...], isFirst: true)
        while let task = next {
            let batch = try await withTaskCancellationHandler {
                try await task.value
            } onCancel: {
                task.cancel()
            }
            next = batch.rest.isEmpty ? nil : hashing.start(batch.rest, isFirst: false)
            do {
                try await put(batch.items)
            } catch {
                next?.cancel()
                throw error
            }
        }
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
    func mirrorable(_ folder: String) throws(RepositoryError) -> [String] {
        do throws(SystemFailure) {
            return try SystemFolder.names(in: "\(path)/\(folder)").filter(ResticListing.isID).map { "\(folder)/\($0)" }
        } catch {
            throw repositoryError(error)
        }
    }

    func mirrorableData() throws(RepositoryError) -> [String] {
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
