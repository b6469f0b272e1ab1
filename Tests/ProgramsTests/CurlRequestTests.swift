import BackupModel
import Programs
import Testing

@Suite("A request by curl")
struct CurlRequestTests {
    @Test func `tells curl everything on its input, and nothing in argv`() {
        var request = CurlRequest(
            .put, "http://host/a", .password(user: Secret("me"), password: Secret("a\"b\\c\nd")))
        request.headers = ["If-None-Match: *"]
        request.body = "text"
        let command = request.command()
        #expect(command.arguments == ["--disable", "--config", "-"] && command.environment.isEmpty)
        guard case .secret(let input) = command.input else {
            Issue.record("its input is no secret")
            return
        }
        let lines = String(decoding: input.reveal(for: .comparison), as: UTF8.self).split(separator: "\n")
        #expect(lines.contains(#"user = "me:a\"b\\c\nd""#), "\(lines)")
        #expect(lines.contains(#"header = "If-None-Match: *""#) && lines.contains(#"request = "PUT""#))
        #expect(lines.contains(#"data-binary = "text""#))
    }

    @Test func `finds the status, the server and its word for a refusal in the answer`() throws {
        let answer = try #require(
            CurlRequest.answer(
                "HTTP/1.1 403 Forbidden\r\nserver: rclone/v1\r\n\r\n<Error><Code>AccessDenied</Code></Error>"
                    + "\nanswer\t403\t\n"))
        #expect(answer.status == 403 && answer.server == "rclone/v1" && answer.errorCode == "AccessDenied")
        let none = CurlRequest.answer("\nanswer\t000\tConnection refused\n")
        #expect(none?.status == 0 && none?.trouble == "Connection refused" && none?.server == nil)
        #expect(CurlRequest.answer("") == nil)
    }

    @Test(arguments: [
        ("s3:http://host:1/bucket/a/b c", "http://host:1/bucket/?list-type=2&max-keys=1&prefix=a%2Fb%20c%2F"),
        ("s3:host/bucket", "https://host/bucket/?list-type=2&max-keys=1&prefix="),
    ])
    func `a list is asked for below the repository alone`(location: String, url: String) throws {
        #expect(try #require(S3Address(location)).listURL == url)
    }
}
