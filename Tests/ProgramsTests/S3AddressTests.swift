import BackupModel
import Programs
import Testing

struct S3AddressTests {
    @Test(arguments: [
        ("s3:s3.amazonaws.com/bucket/app", "https://s3.amazonaws.com", "bucket", "app"),
        ("s3:https://host:9000/bucket/a/b/", "https://host:9000", "bucket", "a/b"),
        ("s3:http://127.0.0.1:80/bucket", "http://127.0.0.1:80", "bucket", ""),
        ("s3://host/bucket//x", "https://host", "bucket", "x"),
    ])
    func `addresses are read as restic reads them`(text: String, endpoint: String, bucket: String, prefix: String)
        throws
    {
        let address = try #require(S3Address(text))
        #expect(address.endpoint == endpoint && address.bucket == bucket && address.prefix == prefix)
    }

    @Test(arguments: ["s3:host", "sftp:host:/path", "/s3:host/bucket", ""])
    func `what names no bucket is no address`(text: String) { #expect(S3Address(text) == nil) }

    @Test func `a prefix is escaped, a path of a repository needs none`() throws {
        let address = try #require(S3Address("s3:https://host/bucket/my app"))
        #expect(address.url(of: "data/ab/abcd") == "https://host/bucket/my%20app/data/ab/abcd")
    }

    @Test(arguments: [
        ("s3.eu-central-1.amazonaws.com", "eu-central-1"), ("s3.dualstack.eu-west-1.amazonaws.com", "eu-west-1"),
        ("s3-us-west-2.amazonaws.com", "us-west-2"), ("s3.us-west-000.backblazeb2.com", "us-west-000"),
        ("s3.eu-central-2.wasabisys.com", "eu-central-2"), ("account.r2.cloudflarestorage.com", "auto"),
        ("s3.fr-par.scw.cloud", "fr-par"), ("fsn1.your-objectstorage.com:443", "fsn1"), ("s3.amazonaws.com", nil),
        ("s3.my-company.com", nil), ("minio.example.com:9000", nil), ("127.0.0.1:9000", nil),
    ])
    func `the region is known where a provider's host tells it`(host: String, region: String?) throws {
        #expect(try #require(S3Address("s3:https://\(host)/bucket/x")).regionOfHost == region)
    }

    @Test func `nothing of a credential stands in curl's arguments`() {
        var upload = CurlUpload(region: "eu-central-1", keyID: Secret("KEYID"), key: Secret("quo\"te\\key"))
        upload.sessionToken = Secret("TOKEN")
        let command = upload.command([
            CurlUpload.Item(file: "/a \"file\"", url: "https://host/bucket/data/ab/abcd", digest: "abcd")
        ])
        #expect(command.arguments == ["--disable", "--config", "-"])
        guard case .secret(let config) = command.input else { return #expect(Bool(false), "no secret input") }
        let text = String(decoding: config.reveal(for: .comparison), as: UTF8.self)
        #expect(text.contains(#"user = "KEYID:quo\"te\\key""#), "\(text)")
        #expect(text.contains(#"upload-file = "/a \"file\"""#) && text.contains("x-amz-security-token: TOKEN"))
        #expect(text.contains("If-None-Match: *") && text.contains("x-amz-content-sha256: abcd"))
    }
}
