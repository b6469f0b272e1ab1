import BackupModel
import Digests
import Programs

/// One file of a repository, to be put where a mirror is.
struct MirrorItem: Sendable, Equatable {
    /// In the repository: `data/ab/abcd…`.
    var path: String
    /// Absolute.
    var file: String
    var digest: String
    var bytes: Int64
}

/// Where a mirror is put.
protocol MirrorTarget: Sendable {
    /// What is put under the same name in the ledger is there.
    var place: String { get }
    var tool: String? { get }
    /// Puts files, creating and never replacing: one that is there already counts as put.
    func put(_ items: [MirrorItem]) async throws(RepositoryError) -> MirrorAnswer
    /// SHA-256 of a file that is there, 64 hexadecimal digits; `nil` where it cannot be looked at.
    func digest(of path: String) async throws(RepositoryError) -> String?
}

extension MirrorTarget {
    func digest(of path: String) async throws(RepositoryError) -> String? { nil }
}

/// What came of putting files.
struct MirrorAnswer: Sendable {
    /// The paths that were acknowledged.
    var put: Set<String> = []
    /// Those of them that were there before.
    var found: Set<String> = []
    /// When not all of them are there, why.
    var failure: RepositoryError?
}

/// A folder of this machine, such as a mounted NAS.
struct FolderMirror: MirrorTarget {
    let path: String
    var place: String { path }
    var tool: String? { nil }

    func put(_ items: [MirrorItem]) async throws(RepositoryError) -> MirrorAnswer {
        var answer = MirrorAnswer()
        for item in items {
            if Task.isCancelled { throw .cancelled }
            do throws(SystemFailure) {
                let isNew = try SystemFolder.copyDurably(item.file, to: "\(path)/\(item.path)")
                if !isNew { answer.found.insert(item.path) }
                answer.put.insert(item.path)
            } catch {
                answer.failure = failure(error)
                return answer
            }
        }
        return answer
    }

    func digest(of name: String) async throws(RepositoryError) -> String? {
        do throws(DigestError) {
            return try FileDigest().digest(ofFile: "\(path)/\(name)") { _ in !Task.isCancelled }.description
        } catch {
            switch error {
            case .unreadable(_, let reason): throw .unreachable(location: path, detail: "\(name): \(reason)")
            case .stopped: throw .cancelled
            case .unavailable: throw .unsupported(error.description)
            }
        }
    }

    private func failure(_ error: SystemFailure) -> RepositoryError {
        switch error.code {
        case SystemFailure.noSpace: .full(location: path, detail: error.reason, free: nil)
        case SystemFailure.readOnly: .readOnly(location: path, detail: error.reason)
        case SystemFailure.noAccess: .denied(location: path, detail: "\(error.path): \(error.reason)")
        default: .unreachable(location: path, detail: "\(error.path): \(error.reason)")
        }
    }
}

/// S3, with a credential that may put and nothing else.
struct S3Mirror: MirrorTarget {
    let address: S3Address
    let location: String
    let upload: CurlUpload
    let runner: any ToolRunner
    /// For large files.
    let parts: S3PartUpload

    var place: String { location }
    var tool: String? { nil }

    func put(_ items: [MirrorItem]) async throws(RepositoryError) -> MirrorAnswer {
        let large = items.filter(parts.isWanted)
        guard large.isEmpty else { return try await put(large, after: items.filter { !parts.isWanted(for: $0) }) }
        let byURL = Dictionary(items.map { (address.url(of: $0.path), $0) }) { first, _ in first }
        let answers = CurlUpload.answers(
            try await runner.end(of: upload.command(byURL.map(S3Mirror.item))).output.text)
        var told = MirrorAnswer()
        var worst: (item: MirrorItem, answer: CurlUpload.Answer)?
        for answer in answers {
            guard let item = byURL[answer.url] else { continue }
            switch answer.status {
            case 200, 204: told.put.insert(item.path)
            // There is one already, and we asked to create.
            case 412:
                told.put.insert(item.path)
                told.found.insert(item.path)
            default: if worst == nil || answer.status > worst?.answer.status ?? 0 { worst = (item, answer) }
            }
        }
        guard told.put.count < items.count else { return told }
        if let worst {
            told.failure = try await failure(of: worst.item, worst.answer)
        } else {
            let silent = Words.count(items.count - told.put.count, "file")
            told.failure = .unreachable(location: location, detail: "curl told nothing of \(silent)")
        }
        return told
    }

    private func put(
        _ large: [MirrorItem], after small: [MirrorItem]
    ) async throws(RepositoryError) -> MirrorAnswer {
        var told = small.isEmpty ? MirrorAnswer() : try await put(small)
        for item in large where told.failure == nil {
            do throws(RepositoryError) {
                if try await parts.put(item) == .found { told.found.insert(item.path) }
                told.put.insert(item.path)
            } catch {
                if case .cancelled = error { throw error }
                told.failure = error
            }
        }
        return told
    }

    private static func item(_ url: String, _ item: MirrorItem) -> CurlUpload.Item {
        CurlUpload.Item(file: item.file, url: url, digest: item.digest)
    }

    /// Asks once more for the file that was refused, to hear why.
    private func failure(of item: MirrorItem, _ answer: CurlUpload.Answer) async throws(RepositoryError)
        -> RepositoryError
    {
        guard answer.status >= 300 else {
            return .unreachable(location: location, detail: answer.trouble.isEmpty ? "no answer" : answer.trouble)
        }
        let again = upload.command([S3Mirror.item(address.url(of: item.path), item)], showingBody: true)
        let body = try await runner.end(of: again).output.text
        let code = CurlUpload.errorCode(body)
        let detail = "PUT \(item.path): \(answer.status)" + (code.map { " \($0)" } ?? "")
        switch (answer.status, code) {
        case (_, "NoSuchBucket"):
            return .unreachable(location: location, detail: "there is no bucket \(address.bucket) there")
        case (_, "AuthorizationHeaderMalformed"):
            return .denied(
                location: location,
                detail: detail
                    + ": signed for region \(upload.region); give its own as AWS_DEFAULT_REGION under `environment:`")
        case (_, "RequestTimeTooSkewed"):
            return .denied(location: location, detail: detail + ": the clocks differ by more than 15 minutes")
        case (400..<500, _): return .denied(location: location, detail: detail)
        default: return .unreachable(location: location, detail: detail)
        }
    }
}
