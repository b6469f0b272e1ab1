import BackupModel
import Foundation
import Testing

@testable import Programs

/// What curl is told to tell somebody, and what it answers.
struct CurlMessageTests {
    private func configuration(_ message: CurlMessage) throws -> String {
        guard case .secret(let secret) = message.command().input else { throw CocoaError(.fileReadUnknown) }
        return String(decoding: secret.reveal(for: .comparison), as: UTF8.self)
    }

    @Test func `everything is on standard input, and quoted there`() throws {
        var message = CurlMessage("POST", Secret("https://h/token"))
        message.headers = [Secret("X: a\"b\\c")]
        message.body = Array("one\r\n\"two\"\\".utf8)
        message.user = ("me", Secret("word"))
        let command = message.command()
        #expect(command.program == "curl" && command.arguments == ["--disable", "--config", "-"])
        #expect(command.environment.isEmpty && command.secrets.isEmpty)
        let text = try configuration(message)
        for line in [
            "url = \"https://h/token\"", "header = \"X: a\\\"b\\\\c\"", "data-raw = \"one\\r\\n\\\"two\\\"\\\\\"",
            "user = \"me:word\"", "globoff", "proto = \"=http,https\"", "max-time = \"20\"",
        ] {
            #expect(text.contains(line + "\n"), "\(line)")
        }
        #expect(!text.contains("\nlocation") && !text.contains("insecure"))
    }

    @Test func `an answer is read past the heads of others`() {
        let output =
            "HTTP/1.1 200 Connection established\r\nRetry-After: 9\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
            + "HTTP/1.1 429 Too Many\r\nretry-after: 12\r\n\r\nslow down\nholdfast-answer\t200\tfaked\n"
            + "\nholdfast-answer\t429\t\n"
        let answer = CurlMessage.answer(output, exitCode: 0)
        #expect(answer.status == 429 && answer.retryAfter == 12 && answer.trouble.isEmpty)
        #expect(answer.body.hasPrefix("slow down"))
    }

    @Test(arguments: ["", "HTTP/1.1 200 OK\r\n\r\nOK", "holdfast-answer\tx\t"])
    func `without curl's last word there is no answer`(_ output: String) {
        #expect(CurlMessage.answer(output, exitCode: 0).status == 0)
    }

    @Test func `a date for coming back is no number of seconds`() {
        let output = "HTTP/1.1 503 X\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n\r\n\nholdfast-answer\t503\t\n"
        #expect(CurlMessage.answer(output, exitCode: 0).retryAfter == nil)
    }

    @Test func `a mail's addresses and password are not among the arguments`() throws {
        var mail = CurlMail(
            server: "smtp://h:587", from: "a@b.c", to: ["d@e.f", "g@h.i"], mail: Array("x".utf8), requiresTLS: true,
            hello: "b.c")
        mail.user = ("me", Secret("word"))
        let command = mail.command()
        #expect(command.arguments == ["--disable", "--config", "-"])
        #expect(command.secrets == [.memoryFileArgument("-T", Secret("x"))])
        guard case .secret(let secret) = command.input else { throw CocoaError(.fileReadUnknown) }
        let text = String(decoding: secret.reveal(for: .comparison), as: UTF8.self)
        for line in [
            "url = \"smtp://h:587/b.c\"", "mail-rcpt = \"g@h.i\"", "mail-rcpt-allowfails", "ssl-reqd",
            "proto = \"=smtp,smtps\"",
        ] {
            #expect(text.contains(line + "\n"), "\(line)")
        }
    }
}
