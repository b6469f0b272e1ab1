import BackupModel
import Programs
import Testing

struct ServerGreetingTests {
    private func greeting(_ status: Int, _ code: String? = nil, trouble: String = "") -> ServerGreeting {
        let body = code.map { "<Error><Code>\($0)</Code></Error>" } ?? ""
        return ServerGreeting(CurlRequest.answer("HTTP/1.1 \(status)\n\n\(body)\nanswer\t\(status)\t\(trouble)\n"))
    }

    @Test func `what restic tells well enough is left to it`() {
        for status in [200, 301, 400, 401, 403, 404] { #expect(greeting(status) == .fine) }
        #expect(greeting(403, "AccessDenied") == .fine && greeting(404, "NoSuchKey") == .fine)
        #expect(ServerGreeting(nil) == .fine)
    }

    @Test func `what restic has no words for is told`() {
        #expect(greeting(404, "NoSuchBucket") == .noBucket)
        for code in ["RequestTimeTooSkewed", "ExpiredToken", "InvalidAccessKeyId"] {
            guard case .refused(let how) = greeting(403, code) else {
                Issue.record("\(code) is taken for something else")
                continue
            }
            #expect(how.hasPrefix(code))
        }
        #expect(greeting(503, "SlowDown") == .unreachable("it answers 503 SlowDown"))
        #expect(greeting(0, trouble: "Could not resolve host: x") == .unreachable("Could not resolve host: x"))
    }
}
