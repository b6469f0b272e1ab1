import BackupModel
import Digests
import Programs

/// Copies of archives in S3, read and removed with curl.
struct S3ArchiveStore: ArchiveStore {
    let address: S3Address
    let server: ServerAccess
    let credential: S3Credential

    private var runner: any ToolRunner { server.services.runner }
    private var prefix: String { address.prefix.isEmpty ? "" : address.prefix + "/" }
    private var listing: CurlListing { CurlListing(credential: credential, certificates: server.certificates) }
    private var transfers: CurlTransfers {
        CurlTransfers(
            credential, certificates: server.certificates, limit: server.services.settings.downloadLimit)
    }

    /// How many go to one start of curl.
    private static let batch = 500

    func sizes() async throws(RepositoryError) -> [String: Int64] {
        var sizes: [String: Int64] = [:]
        var token: String?
        repeat {
            let page = CurlListing.page(
                try await answered(listing.all(address, prefix: prefix, after: token), "listing"))
            for (key, size) in page.objects where key.hasPrefix(prefix) {
                let path = String(key.dropFirst(prefix.count))
                if path.split(separator: "/").count <= 2, !path.hasSuffix("/") { sizes[path] = size }
            }
            guard page.token == nil || page.token != token else {
                throw .unreachable(location: server.location, detail: "listing begins again and again")
            }
            token = page.token
        } while token != nil
        return sizes
    }

    func fetch(_ paths: [String], into folder: String) async throws(RepositoryError) {
        for batch in paths.chunks(of: S3ArchiveStore.batch) {
            let items = batch.map { (url: address.url(of: $0), file: "\(folder)/\($0)") }
            try await each(transfers.fetch(items), batch, [200], "GET")
        }
    }

    func stream(_ path: String) async throws(RepositoryError) -> ToolCommand? {
        transfers.print(address.url(of: path))
    }

    func replace(_ path: String, with file: String) async throws(RepositoryError) {
        var upload = try await server.s3Upload(to: address)
        upload.onlyCreates = false
        let digest: String
        do throws(DigestError) {
            digest = try FileDigest().digest(ofFile: file) { _ in true }.description
        } catch {
            throw .unsupported(error.description)
        }
        try await each(
            upload.command([CurlUpload.Item(file: file, url: address.url(of: path), digest: digest)]), [path],
            [200, 204], "PUT")
    }

    func remove(_ paths: [String], folders: [String]) async throws(RepositoryError) {
        for batch in paths.chunks(of: S3ArchiveStore.batch) {
            try await each(transfers.delete(batch.map(address.url)), batch, [200, 204], "DELETE")
        }
    }

    func unfinished(removing: Bool) async throws(RepositoryError) -> [String] {
        let body: String
        do throws(RepositoryError) {
            body = try await answered(listing.uploads(address, prefix: prefix), "listing of uploads")
        } catch {
            // Not every credential may, and not every server can; what was left takes room, and is no copy.
            switch error {
            case .denied, .unreachable: return []
            default: throw error
            }
        }
        var said: [String] = []
        for upload in CurlListing.uploads(body) where upload.key.hasPrefix(prefix) {
            let path = String(upload.key.dropFirst(prefix.count))
            // What others put in parts below here is theirs.
            let words = path.split(separator: "/")
            guard words.count == 2, RunNames.isStamp(String(words[0])) else { continue }
            if removing {
                let request = S3Parts.abort(address.url(of: path), upload.id, credential, server.certificates)
                let answer = CurlRequest.answer(try await runner.end(of: request.command()).output.text)
                guard let answer, (200..<300).contains(answer.status) || answer.status == 404 else {
                    said.append("parts of an upload of \(path) that came to no end could not be removed")
                    continue
                }
            }
            said.append("\(removing ? "removed" : "there are") parts of an upload of \(path) that came to no end")
        }
        return said
    }

    // MARK: - Answers

    /// The body of a listing.
    private func answered(_ command: ToolCommand, _ what: String) async throws(RepositoryError) -> String {
        let output = try await runner.end(of: command).output
        guard let answer = CurlUpload.answers(output.text).last else {
            throw .unreachable(location: server.location, detail: "curl told nothing of its \(what)")
        }
        guard answer.status == 200, answer.trouble.isEmpty, output.isComplete else {
            throw failure(answer, what, code: CurlUpload.errorCode(output.text))
        }
        return output.text
    }

    private func each(
        _ command: ToolCommand, _ paths: [String], _ good: Set<Int>, _ method: String
    ) async throws(RepositoryError) {
        let answers = CurlUpload.answers(try await runner.end(of: command).output.text)
        let byURL = Dictionary(answers.map { ($0.url, $0) }) { first, _ in first }
        for path in paths {
            guard let answer = byURL[address.url(of: path)] else {
                throw .unreachable(location: server.location, detail: "curl told nothing of \(path)")
            }
            if good.contains(answer.status), answer.trouble.isEmpty { continue }
            if method == "GET", answer.status == 404 {
                throw .damaged(location: server.location, detail: "\(path): it is missing")
            }
            throw failure(answer, "\(method) \(path)", code: nil)
        }
    }

    private func failure(_ answer: CurlUpload.Answer, _ what: String, code: String?) -> RepositoryError {
        let detail = "\(what): \(answer.status)" + (code.map { " \($0)" } ?? "")
        switch (answer.status, code) {
        case (_, "NoSuchBucket"):
            return .unreachable(location: server.location, detail: "there is no bucket \(address.bucket) there")
        case (401, _), (403, _): return .denied(location: server.location, detail: detail)
        case (300..., _): return .unreachable(location: server.location, detail: detail)
        default:
            return .unreachable(
                location: server.location, detail: "\(what): \(answer.trouble.isEmpty ? "no answer" : answer.trouble)")
        }
    }
}

extension Array {
    func chunks(of count: Int) -> [[Element]] {
        stride(from: 0, to: self.count, by: count).map { Array(self[$0..<Swift.min($0 + count, self.count)]) }
    }
}
