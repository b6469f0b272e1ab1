package import BackupModel
import Digests
import Dispatch
import Foundation
import Programs
import Synchronization

extension ArchiveRepository {
    package func verify(
        _ depth: VerifyDepth, progress: @escaping @Sendable (TransferProgress) -> Void
    ) async throws(RepositoryError) -> VerifyReport {
        if case .data(let index, let count) = depth, count < 1 || !(1...max(1, count)).contains(index) {
            throw .unsupported("there is no slice \(index) of \(count)")
        }
        try await requirePresent()
        let look = try await inspectRuns(progress)
        var report = VerifyReport(isSound: true, notices: look.notices)
        for finding in look.damaged {
            report.damagedFiles.append("\(finding.path): \(finding.why)")
            report.errors.append("\(finding.path): \(finding.why)")
        }
        let sound = look.sound.sorted { $0.file.sha256 < $1.file.sha256 }
        switch depth {
        case .structure: break
        case .allData: try await open(sound, &report)
        case .data(let index, let count):
            try await open(sound.enumerated().filter { $0.offset % count == index - 1 }.map(\.element), &report)
        }
        report.isSound = report.errors.isEmpty
        return report
    }

    private func requirePresent() async throws(RepositoryError) {
        switch try access.folder.content() {
        case .missing, .empty: throw .absent(location: location)
        case .foreign(let what): throw .occupied(location: location, by: what)
        case .repository: return
        }
    }

    private struct Look: Sendable {
        var damaged: [(path: String, why: String)] = []
        var sound: [(folder: String, file: ArchiveManifest.File)] = []
        var notices: [String] = []
    }

    /// Every manifest and its proof, then every file's presence, size and digest.
    private func inspectRuns(
        _ progress: @escaping @Sendable (TransferProgress) -> Void
    ) async throws(RepositoryError) -> Look {
        let runs = ArchiveRuns(access: access)
        let seal = ArchiveSeal(access: access, keys: try await access.keys())
        var look = Look()
        var files: [(folder: String, file: ArchiveManifest.File)] = []
        for name in try access.folder.runs() {
            let run: ArchiveRun
            do throws(RepositoryError) {
                run = try runs.run(name)
                try await runs.requireProof(run)
            } catch {
                guard case .damaged(_, let detail) = error else { throw error }
                look.damaged.append((name, detail))
                continue
            }
            if case .unproven(let why) = try await seal.verdict(on: run.text) {
                look.notices.append("\(name)/\(run.file): \(why)")
            }
            files += run.manifest.present.map { (name, $0) }
            let known = Set(run.manifest.files.map(\.name) + [run.file])
            for stranger in try access.folder.names(in: name) where !known.contains(stranger) {
                look.notices.append("\(name)/\(stranger) is no file of the run")
            }
        }
        for name in try access.folder.incomplete() {
            look.notices.append("\(name) is a run that did not come to its end; `backup prune` removes it")
        }
        let hashed = try await ArchiveScrub(
            folder: access.folder,
            items: files.map { ArchiveScrub.Item(path: "\($0.folder)/\($0.file.name)", file: $0.file) },
            progress: progress
        ).run()
        for (item, entry) in zip(hashed, files) {
            switch item {
            case .sound: look.sound.append(entry)
            case .damaged(let why), .unreadable(let why):
                look.damaged.append(("\(entry.folder)/\(entry.file.name)", why))
            }
        }
        return look
    }

    /// Decrypts, decompresses and lists.
    private func open(
        _ files: [(folder: String, file: ArchiveManifest.File)], _ report: inout VerifyReport
    ) async throws(RepositoryError) {
        var unopened: [String] = []
        for (folder, file) in files {
            do throws(RepositoryError) {
                let inside = try await ArchiveInside(access: access, file: file, run: folder).count()
                if let difference = inside.difference(from: file) {
                    report.damagedFiles.append("\(folder)/\(file.name): \(difference)")
                    report.errors.append("\(folder)/\(file.name): \(difference)")
                }
            } catch {
                switch error {
                case .damaged(_, let detail):
                    report.damagedFiles.append("\(folder)/\(file.name)")
                    report.errors.append("\(folder)/\(detail)")
                case .toolFailed(let tool, let how, let detail):
                    report.damagedFiles.append("\(folder)/\(file.name)")
                    report.errors.append("\(folder)/\(file.name): \(tool) failed (\(how)): \(detail)")
                case .unsupported(let why): unopened.append(why)
                case .keyNotNamed(_, let how): unopened.append("\(error.description): \(how)")
                // One of others, such as those from before a rotation.
                case .noKey: unopened.append(error.description)
                default: throw error
                }
            }
        }
        if let why = unopened.first {
            report.notices.append(
                "\(Words.count(unopened.count, "file")) could not be looked into, only compared with \(unopened.count == 1 ? "its digest" : "their digests"): \(why)"
            )
        }
    }

    package func scrub(
        progress: @escaping @Sendable (TransferProgress) -> Void
    ) async throws(RepositoryError) -> ScrubReport {
        try await requirePresent()
        var report = ScrubReport(files: 0, bytes: 0)
        var items: [ArchiveScrub.Item] = []
        let runs = ArchiveRuns(access: access)
        for name in try access.folder.runs() {
            do throws(RepositoryError) {
                let run = try runs.run(name)
                items += run.manifest.present.map { ArchiveScrub.Item(path: "\(name)/\($0.name)", file: $0) }
                let known = Set(run.manifest.files.map(\.name) + [run.file])
                report.unexpected += try access.folder.names(in: name).filter { !known.contains($0) }.map {
                    "\(name)/\($0)"
                }
            } catch {
                guard case .damaged(_, let detail) = error else { throw error }
                report.damaged.append(detail)
            }
        }
        report.leftovers = try access.folder.incomplete() + access.folder.halfRemoved()
        let verdicts = try await ArchiveScrub(folder: access.folder, items: items, progress: progress).run()
        for (item, verdict) in zip(items, verdicts) {
            report.files += 1
            report.bytes += ByteCount(item.file.bytes)
            switch verdict {
            case .sound: break
            case .damaged: report.damaged.append(item.path)
            case .unreadable(let why): report.unreadable[item.path] = why
            }
        }
        return report
    }
}

/// Compares files with the sizes and digests that a manifest has, on all cores.
final class ArchiveScrub: Sendable {
    struct Item: Sendable {
        /// In the repository.
        var path: String
        var file: ArchiveManifest.File
    }

    enum Verdict: Sendable, Equatable {
        case sound
        case damaged(String)
        case unreadable(String)
    }

    private let folder: ArchiveFolder
    private let items: [Item]
    private let progress: @Sendable (TransferProgress) -> Void
    private let isStopped = Atomic<Bool>(false)
    private let state: Mutex<State>

    private struct State {
        var next = 0
        var verdicts: [Verdict]
        var done: Int64 = 0
        var announced: Int64 = 0
        var files: Int64 = 0
    }

    init(folder: ArchiveFolder, items: [Item], progress: @escaping @Sendable (TransferProgress) -> Void) {
        self.folder = folder
        self.items = items
        self.progress = progress
        state = Mutex(State(verdicts: items.map { _ in .sound }))
    }

    /// One verdict for each item, in order.
    func run() async throws(RepositoryError) -> [Verdict] {
        await withTaskCancellationHandler {
            // Reading blocks, so it is kept off the threads that all concurrent work shares.
            await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
                DispatchQueue.global().async {
                    DispatchQueue.concurrentPerform(iterations: ProcessorCount.active) { _ in self.work() }
                    continuation.resume()
                }
            }
        } onCancel: {
            isStopped.store(true, ordering: .relaxed)
        }
        if isStopped.load(ordering: .relaxed) { throw .cancelled }
        return state.withLock { $0.verdicts }
    }

    private func work() {
        while let index = take() {
            let verdict = look(items[index])
            state.withLock { state in
                state.verdicts[index] = verdict
                state.files += 1
            }
        }
    }

    private func take() -> Int? {
        guard !isStopped.load(ordering: .relaxed) else { return nil }
        return state.withLock { state in
            guard state.next < items.count else { return nil }
            defer { state.next += 1 }
            return state.next
        }
    }

    private func look(_ item: Item) -> Verdict {
        do throws(RepositoryError) {
            guard let size = try folder.size(of: item.path) else { return .unreadable("it is missing") }
            guard size == item.file.bytes else { return .damaged("it has \(size) bytes instead of \(item.file.bytes)") }
        } catch {
            return .unreadable(error.description)
        }
        do throws(DigestError) {
            let found = try folder.digest(of: item.path) { count in
                advance(count)
                return !isStopped.load(ordering: .relaxed)
            }
            return found == item.file.sha256 ? .sound : .damaged("its content is not what was stored")
        } catch {
            return .unreadable(error.description)
        }
    }

    private func advance(_ count: Int) {
        let message: TransferProgress? = state.withLock { state in
            state.done += Int64(count)
            guard state.done - state.announced >= 64 << 20 else { return nil }
            state.announced = state.done
            return TransferProgress(
                bytes: ByteCount(state.done), totalBytes: ByteCount(items.reduce(0) { $0 + $1.file.bytes }),
                files: state.files, totalFiles: Int64(items.count))
        }
        if let message { progress(message) }
    }
}
