import BackupModel
import Foundation
import Testing
import Tools

struct RedactorTests {
    private let secret = "p@ss \"wörd\"/\\+%41\n"
    private var redactor: Redactor { Redactor(secrets: [Secret(secret)]) }

    @Test func `a secret is blotted out as it is`() {
        #expect(redactor.redact("a \(secret) b \(secret)") == "a ‹redacted› b ‹redacted›")
        #expect(redactor.redact("nothing here") == "nothing here")
    }

    @Test(arguments: [CharacterSet.alphanumerics, .urlQueryAllowed, .urlPathAllowed, .urlUserAllowed, .urlHostAllowed])
    func `a percent-encoded secret is blotted out`(kept: CharacterSet) throws {
        let encoded = try #require(secret.addingPercentEncoding(withAllowedCharacters: kept))
        #expect(redactor.redact("x://u:\(encoded)@h") == "x://u:‹redacted›@h")
        #expect(redactor.redact("<\(encoded.replacing("%C3%B6", with: "%c3%b6"))>") == "<‹redacted›>")
    }

    @Test func `a form-encoded secret is blotted out`() throws {
        let encoded = try #require(secret.addingPercentEncoding(withAllowedCharacters: .alphanumerics))
        #expect(redactor.redact("k=\(encoded.replacing("%20", with: "+"))&b") == "k=‹redacted›&b")
    }

    @Test(arguments: [JSONEncoder.OutputFormatting(), .withoutEscapingSlashes])
    func `a secret in JSON is blotted out`(formatting: JSONEncoder.OutputFormatting) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = formatting
        let json = String(decoding: try encoder.encode(["k": secret]), as: UTF8.self)
        #expect(redactor.redact(json) == #"{"k":"‹redacted›"}"#)
        #expect(redactor.redact(json.replacing("ö", with: "\\u00F6")) == #"{"k":"‹redacted›"}"#)
    }

    @Test(arguments: ["", "u", "us", "use", "user:"], ["", "t", "ta", "tai"])
    func `a secret in base64 is blotted out at every alignment`(before: String, after: String) {
        let encoded = Data((before + secret + after).utf8).base64EncodedString()
        #expect(redactor.redact("Basic \(encoded) end") == "Basic ‹redacted› end")
        let urlSafe = encoded.replacing("+", with: "-").replacing("/", with: "_")
        #expect(redactor.redact("Basic \(urlSafe) end") == "Basic ‹redacted› end")
    }

    @Test func `bytes that are no text are found in base64`() {
        let bytes: [UInt8] = [0xff, 0xfe, 0, 1, 2, 3, 0x80]
        let encoded = Data([7] + bytes + [9]).base64EncodedString()
        #expect(Redactor(secrets: [Secret(bytes)]).redact(encoded) == "‹redacted›")
    }

    @Test func `a short secret is left alone and secrets that overlap become one blot`() {
        #expect(Redactor(secrets: [Secret("abc")]).redact("abcabc") == "abcabc")
        #expect(Redactor(secrets: [Secret("hunter"), Secret("terror")]).redact("a hunterror b") == "a ‹redacted› b")
        #expect(Redactor(secrets: [Secret("hunter22"), Secret("hunter")]).redact("a hunter22 b") == "a ‹redacted› b")
    }

    @Test func `a secret of many backslashes costs no exponential time`() {
        let slashes = String(repeating: "\\", count: 64)
        let redacted = Redactor(secrets: [Secret(slashes)]).redact(String(repeating: "\\", count: 200))
        #expect(!redacted.contains("\\\\\\\\"))
    }
}
