import BackupModel
import Testing

@testable import Programs

@Suite("Putting into S3 without a curl that signs")
struct AwsUploadTests {
    @Test(arguments: [
        ("curl 7.88.1 (x86_64-pc-linux-gnu) libcurl/7.88.1", true), ("curl 7.74.0 (x86_64-pc-linux-gnu)", false),
        ("curl 7.75.0-DEV (x86_64)", true), ("curl 8.5.0 (aarch64)", true), ("curl 7.9 (old)", false),
    ])
    func `which curl can sign`(line: String, signs: Bool) {
        #expect(CurlVersion(line + "\nRelease-Date: x")?.canSign == signs)
    }

    @Test func `what is no curl has no version`() {
        #expect(CurlVersion("") == nil && CurlVersion("wget 1.2") == nil && CurlVersion("curl unknown") == nil)
    }

    @Test func `no secret stands in argv, and the digest goes with the file`() throws {
        let address = try #require(S3Address("s3:https://minio.example.com/bucket/a/b"))
        let upload = AwsUpload(
            address: address,
            credential: S3Credential(region: "eu", keyID: Secret("the-id"), key: Secret("the-key"), sessionToken: nil))
        let command = upload.command(
            "/repo/data/x", to: "data/x", digest: S3Credential.digestOfNothing, creating: true)
        #expect(!command.displayed.contains("the-key") && !command.displayed.contains("the-id"))
        #expect(command.arguments.contains("a/b/data/x"))
        #expect(command.arguments.contains("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="))
    }

    @Test(
        arguments: [
            (0, "", AwsUpload.Answer.put),
            (254, "\nAn error occurred (PreconditionFailed) when calling the PutObject operation: x", .found),
            (
                254, "An error occurred (AccessDenied) when calling the PutObject operation: no",
                .refused(
                    code: "AccessDenied",
                    detail: "An error occurred (AccessDenied) when calling the PutObject operation: no")
            ),
            (252, "usage: aws\n\nUnknown options: --if-none-match, *", .cannotCreateOnly),
            (255, "Could not connect to the endpoint URL", .unreachable("Could not connect to the endpoint URL")),
        ] as [(Int32, String, AwsUpload.Answer)])
    func `what aws says`(code: Int32, diagnostics: String, answer: AwsUpload.Answer) {
        #expect(AwsUpload.answer(exitCode: code, diagnostics: diagnostics) == answer)
    }
}
