import BackupModel
import Foundation
import Programs
import Synchronization

/// Reads an encrypted part as what is inside it. Nothing of it touches a disk but where it is restored to.
struct UnsealedReader: PartReader {
    let base: any PartReader
    /// Where it is in the snapshot.
    let sealed: PartPath
    let encryption: PartEncryption
    let decryptor: ToolCommand
    let services: Services

    var snapshot: SnapshotID { base.snapshot }
    private var own: OwnStreams { OwnStreams(program: services.program) }

    private func opened() async throws(RepositoryError) -> [ToolCommand] {
        try await base.dump(path: sealed) + [services.prepared(decryptor)]
    }

    func dump(path: PartPath) async throws(RepositoryError) -> [ToolCommand] {
        guard path == encryption.part, encryption.base == nil else {
            throw .unsupported("\(path) cannot be read out of the encrypted \(sealed) by itself")
        }
        return try await opened()
    }

    func content(of path: PartPath, limit: ByteCount) async throws(RepositoryError) -> [UInt8] {
        throw .unsupported("\(path) cannot be read out of the encrypted \(sealed) by itself")
    }

    /// Tested before anything is unpacked, and proven by its digests after that, as it lies there.
    func extract(
        include: [String], into directory: String, exact: Bool,
        progress: @escaping @Sendable (TransferProgress) -> Void
    ) async throws(RepositoryError) -> ExtractReport {
        guard let folder = encryption.base, include.isEmpty else {
            throw .unsupported("only the whole of the encrypted \(sealed) can be restored")
        }
        let tally = try await tally()
        let target = directory + (folder == "/" ? "" : folder)
        do {
            try FileManager.default.createDirectory(
                atPath: target, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw .unsupported("\(target) cannot be restored into: \(error.localizedDescription)")
        }
        _ = try await run(try await opened() + [services.prepared(Tar.extract(into: target))], reading: nil)
        let sums = target + "/" + OwnStreams.sumsName
        if tally.files > 0 {
            var proof = ToolCommand("sha256sum", ["--check", "--strict", "--quiet", "--", OwnStreams.sumsName])
            proof.workingDirectory = target
            let result: ToolResult
            do throws(ToolError) { result = try await services.runner.run(services.prepared(proof)) } catch {
                throw .tool(error)
            }
            if result.stopped == .cancelled { throw .cancelled }
            guard result.didItsWork else {
                throw .damaged(location: "\(sealed)", detail: tellingEnd(of: result.output.text + result.errors.text))
            }
        }
        do { try System.remove(sums) } catch { throw .unsupported("\(sums) cannot be removed: \(error)") }
        progress(TransferProgress(bytes: ByteCount(tally.bytes), files: tally.files))
        return ExtractReport(files: tally.files, bytes: ByteCount(tally.bytes))
    }

    func entries(_ body: @escaping @Sendable (SnapshotEntry) -> Void) async throws(RepositoryError) {
        try await base.entries(body)
    }

    private struct Tally: Sendable {
        var files: Int64 = 0
        var bytes: Int64 = 0
        var unreadable = 0
    }

    /// Reads all of it: that no entry leads out of its folder, and that contents are what their digests say.
    private func tally() async throws(RepositoryError) -> Tally {
        let lines = Lines()
        _ = try await run(try await opened() + [services.prepared(own.listTar(isSafe: true))], reading: lines)
        let tally = lines.tally.withLock { $0 }
        guard tally.unreadable == 0 else {
            throw .noEvidence(location: "\(sealed)", detail: "\(tally.unreadable) lines of its listing are unreadable")
        }
        return tally
    }

    private final class Lines: LineReader {
        let tally = Mutex(Tally())

        private struct Entry: Decodable {
            var path: String
            var type: String
            var size: Int64
        }

        func read(line bytes: UnsafeRawBufferPointer) {
            let entry: Entry
            do { entry = try JSONDecoder().decode(Entry.self, from: Data(bytes)) } catch {
                tally.withLock { $0.unreadable += 1 }
                return
            }
            guard entry.type == "file", entry.path != OwnStreams.sumsName else { return }
            tally.withLock {
                $0.files += 1
                $0.bytes += entry.size
            }
        }
    }

    private func run(
        _ stages: [ToolCommand], reading reader: (any LineReader)?
    ) async throws(RepositoryError) -> [ToolResult] {
        let result: PipelineResult
        do throws(ToolError) {
            result = try await services.runner.pipeline(stages, refusingEmpty: true, reading: reader)
        } catch {
            throw .tool(error)
        }
        if result.stages.contains(where: { $0.stopped == .cancelled }) { throw .cancelled }
        if result.committed, result.stages.allSatisfy(\.didItsWork) { return result.stages }
        // The decryption knows best; what comes before it only finds that nobody reads on.
        let decryption = result.stages[stages.count - 2]
        let failed =
            decryption.didItsWork
            ? result.firstFailure.map { result.stages[$0] } ?? result.stages.first { !$0.didItsWork } : decryption
        throw .toolFailed(
            tool: failed.map { baseName($0.command.program) } ?? "the pipe",
            how: failed?.termination.description ?? "its output was not let through",
            detail: failed.map { tellingEnd(of: $0.errors.text) } ?? "")
    }
}
