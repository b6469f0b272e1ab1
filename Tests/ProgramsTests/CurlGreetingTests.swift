import BackupModel
import Programs
import Testing

struct CurlGreetingTests {
    private func finding(_ status: Int, _ code: String? = nil, trouble: String = "") -> CurlGreeting.Finding {
        let body = code.map { "<Error><Code>\($0)</Code><Message>m</Message></Error>" } ?? "{\u{0}\u{1}"
        return CurlGreeting.finding(
            "\(body)\n\(status == 0 ? "000" : String(status))\thttps://host/b/config\t\(trouble)\n")
    }

    @Test func `what restic tells well enough is left to it`() {
        for status in [200, 301, 400, 401, 403, 404] { #expect(finding(status) == .fine) }
        #expect(finding(403, "AccessDenied") == .fine)
        #expect(finding(404, "NoSuchKey") == .fine)
        #expect(CurlGreeting.finding("") == .fine)
    }

    @Test func `what restic has no words for is told`() {
        #expect(finding(404, "NoSuchBucket") == .noBucket)
        for code in ["RequestTimeTooSkewed", "ExpiredToken", "InvalidAccessKeyId"] {
            guard case .refused(let how) = finding(403, code) else {
                Issue.record("\(code) is taken for something else")
                continue
            }
            #expect(how.hasPrefix(code))
        }
        #expect(finding(503, "SlowDown") == .unreachable("it answers 503 SlowDown"))
        #expect(finding(0, trouble: "Could not resolve host: x") == .unreachable("Could not resolve host: x"))
    }

    @Test func `neither key nor password stands in the arguments`() {
        let basic = CurlGreeting(
            url: "https://host/config", credential: .basic(user: "me", password: Secret("hush")),
            certificates: "/ca.pem")
        #expect(basic.command.arguments == ["--disable", "--config", "-"])
        guard case .secret(let config) = basic.command.input else {
            Issue.record("the configuration is no secret")
            return
        }
        let text = String(decoding: config.reveal(for: .comparison), as: UTF8.self)
        #expect(text.contains("user = \"me:hush\"\n") && text.contains("cacert = \"/ca.pem\"\n"), "\(text)")
        #expect(text.contains(#"write-out = "\n%{http_code}\t%{url}\t%{errormsg}\n""#), "\(text)")
    }
}
