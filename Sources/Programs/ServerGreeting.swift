/// What a server's answer to a request for a small file says of whether it can be used: restic asks for the head of it alone, to
/// which a refusal has no words, and tries for a quarter of an hour whatever the reason.
/// - Source: seen with restic 0.18.0 and 0.19.1: an expired token is `400 Bad Request`, tried for 15 minutes; clocks that differ
///   are `Access Denied`.
package enum ServerGreeting: Sendable, Equatable {
    /// Whatever restic makes of it is told well enough.
    case fine
    /// Not even the bucket is there.
    case noBucket
    case refused(String)
    /// Asking again may help.
    case unreachable(String)

    package init(_ answer: CurlRequest.Answer?) {
        guard let answer else {
            self = .fine
            return
        }
        switch (answer.status, answer.errorCode) {
        case (_, "NoSuchBucket"): self = .noBucket
        case (_, "RequestTimeTooSkewed"):
            self = .refused(
                "RequestTimeTooSkewed: this machine's clock and the server's differ by more than 15 minutes")
        case (_, let code?) where ["ExpiredToken", "TokenRefreshRequired"].contains(code):
            self = .refused("\(code): the credential has expired")
        case (_, "InvalidAccessKeyId"): self = .refused("InvalidAccessKeyId: the server does not know this key")
        case (0, _): self = .unreachable(answer.trouble.isEmpty ? "no answer" : answer.trouble)
        case (429, let code), (500..., let code):
            self = .unreachable("it answers \(answer.status)" + (code.map { " \($0)" } ?? ""))
        default: self = .fine
        }
    }
}
