import BackupModel
import Programs
import Testing

@Suite("Listing S3 with curl")
struct CurlListingTests {
    @Test func `the query is sorted and escaped, and nothing secret stands in argv`() throws {
        let address = try #require(S3Address("s3:https://host/bucket/a b/c"))
        let credential = S3Credential(region: "r", keyID: Secret("id-x"), key: Secret("key-x"))
        let command = CurlListing(credential: credential).command(address, prefix: "a b/c/")
        #expect(command.arguments == ["--disable", "--config", "-"])
        guard case .secret(let input) = command.input else { throw TestFailure() }
        let text = String(decoding: input.reveal(for: .childProcess), as: UTF8.self)
        #expect(text.contains("https://host/bucket/?delimiter=%2F&list-type=2&prefix=a%20b%2Fc%2F\""))
        #expect(!text.contains("upload-file") && !text.contains("If-None-Match"))
    }

    private struct TestFailure: Error {}

    @Test func `names are told from prefixes`() {
        let body = """
            <ListBucketResult><Prefix>a/</Prefix><Contents><Key>a/config</Key></Contents>
            <CommonPrefixes><Prefix>a/g-20261121/</Prefix></CommonPrefixes><CommonPrefixes><Prefix>a/data/</Prefix>
            </CommonPrefixes></ListBucketResult>
            """
        let names = CurlListing.names(body, below: "a/")
        #expect(names.objects == ["config"] && names.folders == ["g-20261121", "data"])
    }
}
