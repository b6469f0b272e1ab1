import BackupModel
import Digests
import Foundation

/// Hashes files of the primary against their names before they are put: damage must not travel.
struct MirrorHashing: Sendable {
    let source: ResticFolder
    /// Whether a file that is gone is passed over.
    let mayVanish: Bool

    /// What one start of the tool puts.
    struct Batch: Sendable {
        var items: [MirrorItem]
        /// What is left for the next.
        var rest: ArraySlice<String>
    }

    private static let batchFiles = 200
    private static let batchBytes: Int64 = 256 << 20
    /// The first is small, so that something is on its way soon.
    private static let firstBytes: Int64 = 32 << 20

    func start(_ paths: ArraySlice<String>, isFirst: Bool) -> Task<Batch, any Error> {
        Task { try batch(paths, upTo: isFirst ? MirrorHashing.firstBytes : MirrorHashing.batchBytes) }
    }

    /// - Throws: ``RepositoryError``, or ``MirrorPass/Vanished``.
    private func batch(_ paths: ArraySlice<String>, upTo limit: Int64) throws -> Batch {
        let digest = try MirrorHashing.digest()
        var items: [MirrorItem] = []
        var size: Int64 = 0
        for index in paths.indices {
            if items.count >= MirrorHashing.batchFiles || size >= limit {
                return Batch(items: items, rest: paths[index...])
            }
            guard let item = try item(paths[index], with: digest) else {
                if mayVanish { continue }
                throw MirrorPass.Vanished()
            }
            items.append(item)
            size += item.bytes
        }
        return Batch(items: items, rest: [])
    }

    static func digest() throws(RepositoryError) -> FileDigest {
        do throws(DigestError) {
            return try FileDigest()
        } catch {
            throw .unsupported(error.description)
        }
    }

    /// - Returns: `nil` when it is gone.
    /// - Throws: ``RepositoryError/damaged(location:detail:)`` when it is not what its name says.
    func item(_ path: String, with hash: FileDigest) throws(RepositoryError) -> MirrorItem? {
        let file = source.path + "/" + path
        var size: Int64 = 0
        let digest: String
        do throws(DigestError) {
            digest = try hash.digest(ofFile: file) { count in
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
}
