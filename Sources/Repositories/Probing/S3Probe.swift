import BackupModel
import Digests
import Programs

/// Asks an S3 server what a credential may do. What exists is listed and read, never replaced or deleted: deletes are of names
/// that no file can have, and what is put and replaced is one small object below `holdfast-probe/`.
/// - Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html: deleting what is not there is answered by
///   204, by 403 without the right. Tried with the server of the tests alone.
struct S3Probe: AccessProbe {
    let address: S3Address
    let inquiry: Inquiry
    let credential: S3Credential
    let certificates: String?

    /// Always the same, so that what cannot be deleted does not pile up.
    private static let object = Inquiry.folder + "/object"
    private static let content = "what holdfast doctor --probe puts here may be deleted"

    func probe() async throws(RepositoryError) -> AccessReport {
        var report = AccessReport([:])
        report[.list] = Inquiry.permission(try await ask(.get, address.listURL))
        report[.read] = try await reading(canList: report[.list] == .allowed)
        let left = try await put(&report)
        report[.deleteData] = try await deleting("data/00/\(Inquiry.absentName)")
        report[.deleteLocks] = try await deleting("locks/\(Inquiry.absentName)")
        if report[.read] == .refused, left.contains(S3Probe.object), try await canReadObject() {
            report[.read] = .unknown("config is refused, and what the probe put itself is not")
        }
        for name in left {
            let answer = try await ask(.delete, address.url(of: name))
            if !(200..<300).contains(answer.status) {
                report.notices.append(
                    "\(name) stays there: the credential may not delete it (\(Inquiry.words(answer)))")
            }
        }
        return report
    }

    private func deleting(_ path: String) async throws(RepositoryError) -> Permission {
        Inquiry.permission(try await ask(.delete, address.url(of: path)))
    }

    /// A policy may let read what is about the backups, and not their content.
    private func reading(canList: Bool) async throws(RepositoryError) -> Permission {
        let config = Inquiry.permission(try await ask(.get, address.url(of: "config")))
        // Who may not list hears of what is missing as of what is refused.
        guard config == .allowed, canList else { return config }
        let data = try await ask(.get, address.url(of: "data/00/\(Inquiry.absentName)"))
        return Inquiry.permission(data) == .refused ? .unknown("config may be read, and data/ may not") : config
    }

    /// - Returns: what is below `holdfast-probe/` now, as far as this probe knows.
    private func put(_ report: inout AccessReport) async throws(RepositoryError) -> [String] {
        let created = try await write(S3Probe.object, onlyCreating: true)
        switch created.status {
        case 200..<300:
            report[.put] = .allowed
            let again = try await write(S3Probe.object, onlyCreating: true)
            report.honoursCreateOnly = again.status == 412 ? true : (200..<300).contains(again.status) ? false : nil
        case 412:
            // The object of an earlier probe.
            report[.put] = .allowed
            report.honoursCreateOnly = true
        case 401, 403: return try await putElsewhere(&report)
        default:
            // Not every server knows the condition.
            report[.put] = Inquiry.permission(try await write(S3Probe.object, onlyCreating: false))
            guard report[.put] == .allowed else {
                report[.overwrite] = report[.put]
                return []
            }
        }
        let replaced = try await write(S3Probe.object, onlyCreating: false)
        report[.overwrite] = [409, 412].contains(replaced.status) ? .refused : Inquiry.permission(replaced)
        return [S3Probe.object]
    }

    /// A refusal may be for the object of an earlier probe, which must not be replaced; a name that is free tells.
    private func putElsewhere(_ report: inout AccessReport) async throws(RepositoryError) -> [String] {
        let name = "\(Inquiry.folder)/\(String(UInt64.random(in: 0...UInt64.max), radix: 16))"
        guard Inquiry.permission(try await write(name, onlyCreating: true)) == .allowed else {
            // Rights may be given by prefix, and those of data/ are not tried: what is put there might stay.
            let why = "it is refused below \(Inquiry.folder)/, and may be allowed elsewhere"
            report[.put] = .unknown(why)
            report[.overwrite] = .unknown(why)
            return []
        }
        report[.put] = .allowed
        report[.overwrite] = .refused
        return [name, S3Probe.object]
    }

    private func canReadObject() async throws(RepositoryError) -> Bool {
        Inquiry.permission(try await ask(.get, address.url(of: S3Probe.object))) == .allowed
    }

    private func write(_ path: String, onlyCreating: Bool) async throws(RepositoryError) -> CurlRequest.Answer {
        try await ask(.put, address.url(of: path), body: S3Probe.content, onlyCreating ? ["If-None-Match: *"] : [])
    }

    /// - Throws: ``RepositoryError`` where the server does not take the credential for one at all, or has no such bucket.
    private func ask(
        _ method: CurlRequest.Method, _ url: String, body: String? = nil, _ headers: [String] = []
    ) async throws(RepositoryError) -> CurlRequest.Answer {
        let digest: String
        do throws(DigestError) {
            digest = try SHA256.digest(of: Array((body ?? "").utf8)).description
        } catch {
            throw .unsupported(error.description)
        }
        var request = CurlRequest(method, url, .s3(credential, digest: digest))
        request.certificates = certificates
        request.body = body
        request.headers = headers
        let answer = try await inquiry.ask(request)
        switch answer.errorCode {
        case "NoSuchBucket": throw .absent(location: inquiry.location)
        case let code? where S3Probe.strangers.contains(code):
            throw .denied(location: inquiry.location, detail: Inquiry.words(answer))
        default: return answer
        }
    }

    /// The server's words for a credential that it does not know.
    /// - Source: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
    private static let strangers: Set = [
        "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired",
        "RequestTimeTooSkewed", "AuthorizationHeaderMalformed", "PermanentRedirect", "AllAccessDisabled",
        "InvalidBucketName", "AccountProblem",
    ]
}
