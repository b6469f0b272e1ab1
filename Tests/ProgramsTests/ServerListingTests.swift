import Programs
import Testing

@Suite("What servers list") struct ServerListingTests {
    @Test func `a page of S3 has sizes by key, and where the next one begins`() {
        let body = """
            <ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>a+b/&amp;=</NextContinuationToken>
            <Contents><Key>a/b&amp;c/one</Key><Size>12</Size></Contents><Contents><Key>a/two</Key><Size>0</Size></Contents>
            <Contents><Key>a/without a size</Key></Contents></ListBucketResult>
            """
        let page = CurlListing.page(body)
        #expect(page.objects == ["a/b&c/one": 12, "a/two": 0])
        #expect(page.token == "a+b/&=")
        #expect(
            CurlListing.page("<IsTruncated>false</IsTruncated><NextContinuationToken>x</NextContinuationToken>").token
                == nil)
    }

    @Test func `uploads that were begun have a key and an id`() {
        let found = CurlListing.uploads(
            "<Upload><Key>a/x</Key><UploadId>1</UploadId></Upload><Upload><Key>b</Key></Upload>")
        #expect(found.map(\.key) == ["a/x"] && found.map(\.id) == ["1"])
    }

    @Test func `a part is called what the server's header says`() {
        #expect(S3Parts.tag("HTTP/1.1 200 OK\r\nServer: x\r\nETag: \"abc\"\r\n\r\nanswer\t200\t\n") == "\"abc\"")
        #expect(S3Parts.tag("HTTP/2 200\r\netag: \"d\"\r\n") == "\"d\"")
        #expect(S3Parts.tag("HTTP/1.1 200 OK\r\n\r\n") == nil)
    }

    @Test func `sftp lists names, sizes and folders, each under what was asked for`() {
        let output = """
            sftp> -ls -lan "/a"
            drwx------    2 1000     1000         4096 Nov 21 03:00 /a/.
            drwx------    2 1000     1000         4096 Nov 21 03:00 /a/..
            drwx------    2 1000     1000         4096 Nov 21 03:00 /a/20261121-030000
            -rw-------    1 1000     1000          319 Nov 21  2025 /a/.holdfast-archive.json
            sftp> -ls -lan "/a/20261121-030000"
            -rw-------    ? 1000     1000   5368709121 Nov 21 03:00 /a/20261121-030000/with a blank
            """
        let found = SFTPBatch.entries(output, in: ["/a", "/a/20261121-030000"])
        #expect(found["/a"]?.count == 2)
        #expect(found["/a"]?["20261121-030000"] == SFTPBatch.Entry(size: 4096, isFolder: true))
        #expect(found["/a"]?[".holdfast-archive.json"] == SFTPBatch.Entry(size: 319, isFolder: false))
        #expect(found["/a/20261121-030000"] == ["with a blank": SFTPBatch.Entry(size: 5_368_709_121, isFolder: false)])
    }

    @Test func `what rclone prints in place of a list is no empty list`() {
        #expect(RcloneTransfer.sizes("[\n]") == [:])
        #expect(
            RcloneTransfer.sizes("[\n{\"Path\":\"a/b\",\"Name\":\"b\",\"Size\":3,\"IsDir\":false}\n]") == ["a/b": 3])
        #expect(RcloneTransfer.sizes("[\n") == nil)
    }

    @Test func `keys and allowed signers may stand in one file`() {
        let text = "# me\nssh-ed25519 AAAA me@host\n\nme,you namespaces=\"git\" ssh-rsa BBBB\n"
        #expect(
            SSHSignature.allowedSigners(inFile: text)
                == "holdfast namespaces=\"holdfast-archive\" ssh-ed25519 AAAA me@host\nholdfast namespaces=\"git\" ssh-rsa BBBB\n"
        )
    }
}
