package import BackupModel
import Digests
import Dispatch
import Foundation
import Programs
import Synchronization

extension ResticRepository {
    package func scrub(
        progress: @escaping @Sendable (TransferProgress) -> Void
    ) async throws(RepositoryError) -> ScrubReport {
        guard let folder = access.folder else {
            throw .unsupported("only a repository in a folder of this machine can be scrubbed, and \(location) is none")
        }
        switch try folder.content() {
        case .missing, .empty: throw .absent(location: location)
        case .foreign(let what): throw .occupied(location: location, by: what)
        case .repository, .unfinished, .headless: return try await Scrub(folder: folder, progress: progress).run()
        }
    }
}

/// Hashes every file of a repository folder on all cores and compares with its name. Memory is one buffer per core and the
/// list of names.
final class Scrub: Sendable {
    private let folder: ResticFolder
    private let progress: @Sendable (TransferProgress) -> Void
    private let isStopped = Atomic<Bool>(false)
    private let state = Mutex(State())

    private struct State {
        var next = 0
        var report = ScrubReport(files: 0, bytes: 0)
        var failure: RepositoryError?
        var doneBytes: Int64 = 0
        var announcedBytes: Int64 = 0
    }

    private struct Item {
        /// Relative to the repository.
        var path: String
        var digest: String
        var size: Int64
    }

    init(folder: ResticFolder, progress: @escaping @Sendable (TransferProgress) -> Void) {
        self.folder = folder
        self.progress = progress
    }

    func run(threads: Int = ProcessorCount.active) async throws(RepositoryError) -> ScrubReport {
        let report = await withTaskCancellationHandler {
            // Reading blocks, so it is kept off the threads that all concurrent work shares.
            await withCheckedContinuation {
                (continuation: CheckedContinuation<Result<ScrubReport, RepositoryError>, Never>) in
                DispatchQueue.global().async { continuation.resume(returning: self.scrub(threads: threads)) }
            }
        } onCancel: {
            isStopped.store(true, ordering: .relaxed)
        }
        return try report.get()
    }

    private func scrub(threads: Int) -> Result<ScrubReport, RepositoryError> {
        let items: [Item]
        do throws(RepositoryError) {
            items = try enumerate()
        } catch {
            return .failure(error)
        }
        let total = items.reduce(0) { $0 + $1.size }
        DispatchQueue.concurrentPerform(iterations: max(1, threads)) { _ in self.work(items, totalBytes: total) }
        if isStopped.load(ordering: .relaxed) { return .failure(.cancelled) }
        return state.withLock { state in
            if let failure = state.failure { return .failure(failure) }
            var report = state.report
            report.bytes = ByteCount(state.doneBytes)
            report.damaged.sort()
            report.unexpected.sort()
            report.leftovers.sort()
            return .success(report)
        }
    }

    private func work(_ items: [Item], totalBytes: Int64) {
        do throws(DigestError) {
            let digest = try FileDigest()
            while let item = take(items) {
                do throws(DigestError) {
                    let found = try digest.digest(ofFile: "\(folder.path)/\(item.path)") { count in
                        self.advance(count, item, of: items, totalBytes)
                        return !self.isStopped.load(ordering: .relaxed)
                    }
                    record(item) { if found.description != item.digest { $0.damaged.append(item.path) } }
                } catch {
                    switch error {
                    case .stopped: return
                    case .unavailable: throw error
                    case .unreadable(_, let reason): record(item) { $0.unreadable[item.path] = reason }
                    }
                }
            }
        } catch {
            state.withLock { $0.failure = .unsupported(error.description) }
        }
    }

    private func take(_ items: [Item]) -> Item? {
        state.withLock { state in
            guard state.next < items.count, state.failure == nil else { return nil }
            defer { state.next += 1 }
            return items[state.next]
        }
    }

    private func record(_ item: Item, _ change: (inout ScrubReport) -> Void) {
        state.withLock { state in
            state.report.files += 1
            change(&state.report)
        }
    }

    private func advance(_ count: Int, _ item: Item, of items: [Item], _ totalBytes: Int64) {
        let message: TransferProgress? = state.withLock { state in
            state.doneBytes += Int64(count)
            guard state.doneBytes - state.announcedBytes >= 64 << 20 else { return nil }
            state.announcedBytes = state.doneBytes
            return TransferProgress(
                bytes: ByteCount(state.doneBytes), totalBytes: ByteCount(totalBytes), files: Int64(state.report.files),
                totalFiles: Int64(items.count))
        }
        if let message { progress(message) }
    }

    // MARK: - What is there

    /// What belongs into a repository, or into a mirror of one.
    private var ownNames: [String] {
        ["config", "data", "index", "keys", "locks", "snapshots", "lost+found", MirrorPass.completionMark]
    }

    /// All files that bear a digest as their name. Locks come and go while we read, and are left out; the configuration is
    /// the one file with a name of its own.
    private func enumerate() throws(RepositoryError) -> [Item] {
        var items: [Item] = []
        var strangers: [String] = []
        var missing: [String] = []
        do throws(SystemFailure) {
            for name in try SystemFolder.names(in: folder.path)
            where !ownNames.contains(name) {
                strangers.append(name)
            }
            for name in ["config", "data", "index", "keys", "snapshots"]
            where try SystemFolder.status("\(folder.path)/\(name)", following: true) == nil {
                missing.append(name)
            }
            for name in ["index", "keys", "snapshots"] where !missing.contains(name) {
                try collect(name, into: &items, &strangers)
            }
            for name in missing.contains("data") ? [] : try SystemFolder.names(in: folder.path + "/data") {
                let path = "data/\(name)"
                guard name.utf8.count == 2, try SystemFolder.status("\(folder.path)/\(path)")?.type == .folder else {
                    // Very old repositories keep packs side by side.
                    if ResticListing.isID(name) { try add(path, name, &items) } else { strangers.append(path) }
                    continue
                }
                try collect(path, into: &items, &strangers, beginning: name)
            }
        } catch {
            throw folder.repositoryError(error)
        }
        state.withLock { state in
            for path in strangers {
                let isLeftover = folder.isDraft((path as NSString).lastPathComponent)
                if isLeftover { state.report.leftovers.append(path) } else { state.report.unexpected.append(path) }
            }
            for name in missing { state.report.unreadable[name] = "is missing" }
        }
        return items
    }

    private func collect(
        _ path: String, into items: inout [Item], _ strangers: inout [String], beginning prefix: String = ""
    ) throws(SystemFailure) {
        for name in try SystemFolder.names(in: "\(folder.path)/\(path)") {
            if ResticListing.isID(name), name.hasPrefix(prefix) {
                try add("\(path)/\(name)", name, &items)
            } else {
                strangers.append("\(path)/\(name)")
            }
        }
    }

    private func add(_ path: String, _ digest: String, _ items: inout [Item]) throws(SystemFailure) {
        // A file that a prune deleted since the folder was read is nobody's loss.
        guard let status = try SystemFolder.status("\(folder.path)/\(path)") else { return }
        items.append(Item(path: path, digest: digest, size: status.size))
    }
}

enum ProcessorCount {
    static var active: Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }
}
