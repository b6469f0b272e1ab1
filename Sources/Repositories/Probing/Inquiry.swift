import BackupModel
import Programs

/// What probes of servers share: the names that they ask about, and how they ask.
struct Inquiry: Sendable {
    /// Where everything that a probe writes goes, below the repository's own place.
    static let folder = "holdfast-probe"

    /// A name such as files of a repository have, which none can have: no content has this digest.
    static let absentName = String(repeating: "0", count: 64)

    let location: String
    let runner: any ToolRunner

    /// - Parameter patience: how long an answer is waited for.
    /// - Throws: ``RepositoryError`` where nobody answers.
    func ask(_ request: CurlRequest) async throws(RepositoryError) -> CurlRequest.Answer {
        let result = try await runner.end(of: request.command())
        guard let answer = CurlRequest.answer(result.output.text) else {
            throw .toolFailed(tool: "curl", how: result.termination.description, detail: result.errors.text)
        }
        guard answer.status != 0 else {
            throw .unreachable(location: location, detail: answer.trouble.isEmpty ? "no answer" : answer.trouble)
        }
        return answer
    }

    /// That nothing of this name is there is an answer of one who was let through.
    static func permission(_ answer: CurlRequest.Answer) -> Permission {
        switch answer.status {
        case 200..<300, 404: .allowed
        case 401, 403: .refused
        default: .unknown("the server answered \(words(answer))")
        }
    }

    static func words(_ answer: CurlRequest.Answer) -> String {
        "\(answer.status)" + (answer.errorCode.map { " \($0)" } ?? "")
    }
}
