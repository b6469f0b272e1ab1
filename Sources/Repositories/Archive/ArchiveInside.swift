import BackupModel
import Foundation
import Programs
import Synchronization

/// What one file has inside, read through its decryption and decompression.
struct ArchiveInside: Sendable {
    let access: ArchiveAccess
    let file: ArchiveManifest.File
    /// The folder of the run.
    let run: String
    /// What prints the file, where it is not in the repository's folder.
    var supply: ToolCommand?

    struct Count: Sendable, Equatable {
        /// Of a tree, without the digests that we put in ourselves.
        var entries: Int64?
        var files: Int64?
        var bytes: Int64

        func difference(from file: ArchiveManifest.File) -> String? {
            if let entries, let expected = file.entries, entries != expected {
                return "it has \(entries) entries instead of \(expected)"
            }
            if let files, let expected = file.files, files != expected {
                return "it has \(files) files instead of \(expected)"
            }
            return bytes == file.contentBytes
                ? nil : "it has \(bytes) bytes inside instead of \(file.contentBytes)"
        }
    }

    func count() async throws(RepositoryError) -> Count {
        if file.content == .tree {
            let counter = Mutex(Count(entries: 0, files: 0, bytes: 0))
            try await entries(isSafe: false) { entry in
                counter.withLock { count in
                    count.entries? += 1
                    guard entry.type == "file" else { return }
                    count.files? += 1
                    count.bytes += entry.size
                }
            }
            return counter.withLock { $0 }
        }
        let counting = ToolCommand("wc", ["-c"])
        let stages = try await access.read(
            try await access.opening(file, in: run, from: supply) + [counting], of: file)
        let words = stages.last?.output.text.trimmingCharacters(in: .whitespacesAndNewlines) ?? ""
        guard let bytes = Int64(words) else {
            throw .noEvidence(location: access.location, detail: "\(file.name) was read and not counted")
        }
        return Count(bytes: bytes)
    }

    struct Entry: Decodable, Sendable {
        var path: String
        /// `file`, `directory`, `symlink`, `hardlink` …
        var type: String
        var size: Int64
        /// Seconds since 1970.
        var mtime: Double
        /// Of a further name of a file its first, in the archive.
        var link: String?
        /// The path has bytes that are no UTF-8, as `%XX`.
        var percent: Bool?
    }

    /// Every entry of a tree, without the digests that we put in ourselves. Contents are compared with those.
    func entries(isSafe: Bool, _ body: @escaping @Sendable (Entry) -> Void) async throws(RepositoryError) {
        let reader = EntryLines { entry in
            if entry.path != OwnStreams.sumsName { body(entry) }
        }
        _ = try await access.read(
            try await access.opening(file, in: run, from: supply) + [access.own.listTar(isSafe: isSafe)], of: file,
            reading: reader)
        guard reader.unreadable == 0 else {
            throw .noEvidence(
                location: access.location,
                detail: "\(reader.unreadable) lines of the listing of \(file.name) are unreadable")
        }
    }

    private final class EntryLines: LineReader {
        private let body: @Sendable (Entry) -> Void
        private let bad = Atomic<Int>(0)
        var unreadable: Int { bad.load(ordering: .relaxed) }
        init(_ body: @escaping @Sendable (Entry) -> Void) { self.body = body }

        func read(line bytes: UnsafeRawBufferPointer) {
            do {
                body(try JSONDecoder().decode(Entry.self, from: Data(bytes)))
            } catch {
                bad.add(1, ordering: .relaxed)
            }
        }
    }
}
