import BackupModel
import Programs
import Synchronization

/// S3 by `aws`, where curl is too old to sign.
final class AwsMirror: MirrorTarget {
    private let location: String
    private let upload: AwsUpload
    private let runner: any ToolRunner
    private let threshold: ByteCount
    private let creates = Atomic<Bool>(true)

    /// Each is a Python of some sixty megabytes.
    private static let atATime = 4

    /// - Parameter threshold: files that are larger go in parts, which `aws` sees to by itself.
    init(location: String, upload: AwsUpload, runner: any ToolRunner, threshold: ByteCount) {
        self.threshold = threshold
        self.location = location
        self.upload = upload
        self.runner = runner
    }

    var place: String { location }
    var tool: String? { "aws" }

    func put(_ items: [MirrorItem]) async throws(RepositoryError) -> MirrorAnswer {
        var told = MirrorAnswer()
        var waiting = items[...]
        while !waiting.isEmpty, told.failure == nil {
            if Task.isCancelled { throw .cancelled }
            let batch = waiting.prefix(AwsMirror.atATime)
            waiting = waiting.dropFirst(batch.count)
            let answers = await withTaskGroup(of: (MirrorItem, Result<AwsUpload.Answer, RepositoryError>).self) {
                group in
                for item in batch { group.addTask { (item, await self.put(item)) } }
                return await group.reduce(into: []) { $0.append($1) }
            }
            for (item, answer) in answers {
                switch try answer.get() {
                case .put: told.put.insert(item.path)
                case .found:
                    told.put.insert(item.path)
                    told.found.insert(item.path)
                case .refused(let code, let detail):
                    let isTrouble =
                        code.hasPrefix("5")
                        || ["SlowDown", "InternalError", "ServiceUnavailable", "NoSuchBucket"]
                            .contains(code)
                    told.failure =
                        isTrouble
                        ? .unreachable(location: location, detail: "PUT \(item.path): \(detail)")
                        : .denied(location: location, detail: "PUT \(item.path): \(detail)")
                case .unreachable(let detail): told.failure = .unreachable(location: location, detail: detail)
                case .cannotCreateOnly:
                    told.failure = .unsupported("aws does not know --if-none-match, which it was not given")
                }
            }
        }
        return told
    }

    private func put(_ item: MirrorItem) async -> Result<AwsUpload.Answer, RepositoryError> {
        do throws(RepositoryError) {
            let answer = try await ask(item, creating: creates.load(ordering: .relaxed))
            guard answer == .cannotCreateOnly else { return .success(answer) }
            // What would be replaced has the same name, and so the same content.
            creates.store(false, ordering: .relaxed)
            return .success(try await ask(item, creating: false))
        } catch {
            return .failure(error)
        }
    }

    private func ask(_ item: MirrorItem, creating: Bool) async throws(RepositoryError) -> AwsUpload.Answer {
        let command =
            item.bytes > threshold.bytes
            ? upload.large(item.file, to: item.path)
            : upload.command(item.file, to: item.path, digest: item.digest, creating: creating)
        let result = try await runner.end(of: command)
        let code: Int32? = if case .exited(let code) = result.termination { code } else { nil }
        return AwsUpload.answer(exitCode: code, diagnostics: result.errors.text)
    }
}
