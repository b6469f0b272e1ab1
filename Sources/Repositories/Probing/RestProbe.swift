import BackupModel
import Foundation
import Programs

/// Asks a REST server what a credential may do. What such a server takes it never replaces, so nothing can be put there and
/// taken back for sure: whether files can be added is told by its asking for the content of one, which then does not come.
///
/// Measured with rest-server 0.13.0, with and without `--append-only` and `--no-verify-upload`: a delete of what is not there is
/// answered by 200 or 403, an upload that is broken off leaves nothing. rclone 1.60 answers 404 or 403, and leaves an
/// empty folder after such an upload; it, and whoever else names itself in the header `Server`, is not asked that.
struct RestProbe: AccessProbe {
    /// With a slash at its end.
    let address: String
    let inquiry: Inquiry
    let credential: CurlRequest.Credential
    let certificates: String?

    /// - Parameter location: `rest:https://host/name/`
    init(
        _ location: String, _ inquiry: Inquiry, credential: CurlRequest.Credential, certificates: String?
    ) {
        var address = String(location.dropFirst("rest:".count))
        if !address.hasSuffix("/") { address += "/" }
        self.address = address
        self.inquiry = inquiry
        self.credential = credential
        self.certificates = certificates
    }

    func probe() async throws(RepositoryError) -> AccessReport {
        let config = try await ask(.get, "config")
        guard config.status != 401 else {
            throw .denied(location: inquiry.location, detail: "the server does not take its name and password (401)")
        }
        guard config.status != 404 else { return .unknown("there is no repository there yet") }
        var report = AccessReport([:])
        report[.read] = Inquiry.permission(config)
        report[.list] = Inquiry.permission(try await ask(.get, "locks/"))
        report[.deleteData] = Inquiry.permission(try await ask(.delete, "data/\(Inquiry.absentName)"))
        report[.deleteLocks] = Inquiry.permission(try await ask(.delete, "locks/\(Inquiry.absentName)"))
        report[.put] = try await putting(server: config.server)
        report[.overwrite] = .unknown(
            "a REST server has no request for it; who may delete can put another in its place")
        return report
    }

    private func putting(server: String?) async throws(RepositoryError) -> Permission {
        if let server { return .unknown("with \(server) no request is known that would leave nothing behind") }
        let answer: CurlRequest.Answer
        do throws(RepositoryError) {
            answer = try await ask(.post, "data/\(Inquiry.absentName)") { request in
                request.headers += ["Content-Length: 64", "Expect: 100-continue"]
                // Less than was announced: it is never a whole file, whatever the server checks.
                request.body = "probe"
                request.limit = .seconds(4)
            }
        } catch {
            guard case .unreachable = error else { throw error }
            return .unknown("the server does not say whether it would take one")
        }
        return answer.status == 100 ? .allowed : Inquiry.permission(answer)
    }

    private func ask(
        _ method: CurlRequest.Method, _ path: String, _ change: (inout CurlRequest) -> Void = { _ in }
    ) async throws(RepositoryError) -> CurlRequest.Answer {
        var request = CurlRequest(method, address + path, credential)
        request.certificates = certificates
        request.headers = ["Accept: application/vnd.x.restic.rest.v2"]
        change(&request)
        return try await inquiry.ask(request)
    }
}
