import BackupModel
import Programs
import Testing

@Suite("Batches of sftp")
struct SFTPBatchTests {
    @Test(
        arguments: [
            ("sftp:me@host:/srv/r", "me@host", nil, "/srv/r"), ("sftp:host:r", "host", nil, "r"),
            ("sftp://me@host:2222//srv/r", "me@host", 2222, "/srv/r"), ("sftp://host/r", "host", nil, "r"),
        ] as [(String, String, Int?, String)])
    func `addresses are read as restic reads them`(
        text: String, destination: String, port: Int?, path: String
    ) throws {
        let address = try #require(SFTPAddress(text))
        #expect(address.destination == destination && address.port == port && address.path == path)
    }

    @Test(arguments: ["s3:host/b", "sftp:host", "sftp:-oProxyCommand=x:/r", "sftp:", "sftp://host"])
    func `others are none`(text: String) { #expect(SFTPAddress(text) == nil) }

    @Test func `a file gets its name last, and nothing is replaced`() throws {
        let batch = SFTPBatch(try #require(SFTPAddress("sftp:host:/r")))
        let item = SFTPBatch.Item(file: "/a [b]/c\"d", path: "/r/config")
        let command = batch.put([item], folders: ["/r"])
        #expect(command.arguments.suffix(2) == ["--", "host"] && command.arguments.contains("BatchMode=yes"))
        guard case .bytes(let input) = command.input else { throw Unexpected() }
        #expect(
            String(decoding: input, as: UTF8.self) == """
                -mkdir "/r"
                -rm "/r/config-tmp-0"
                put -f "/a [b]/c\\"d" "/r/config-tmp-0"
                -rename -l "/r/config-tmp-0" "/r/config"
                -ls -ln "/r/config-tmp-0"
                -ls -ln "/r/config"
                -rm "/r/config-tmp-0"

                """, "a put that may fail and go on would give its name to half a file")
    }

    @Test func `what is listed tells what was put and what was there before`() {
        let items = ["a b", "c", "d"].map { SFTPBatch.Item(file: "/x", path: "/r/" + $0) }
        let output = """
            sftp> -ls -ln "/r/a b-tmp-0"
            sftp> -ls -ln "/r/a b"
            -rw-r--r--    ? root     root          155 Nov 21 09:50 /r/a b
            sftp> -ls -ln "/r/c-tmp-0"
            -r--------    ? 0        0          100000 Nov 21  2025 /r/c-tmp-0
            sftp> -ls -ln "/r/c"
            -r--------    ? 0        0          100001 Nov 21  2025 /r/c
            sftp> -ls -ln "/r/d-tmp-0"
            -r--------    ? 0        0          100000 Nov 21  2025 /r/d-tmp-0
            sftp> -ls -ln "/r/d"
            """
        #expect(
            SFTPBatch.found(output, items) == [
                "/r/a b": .init(size: 155, wasThere: false), "/r/c": .init(size: 100_001, wasThere: true),
            ])
    }

    private struct Unexpected: Error {}

    @Test func `rclone tells what it created and what it refused`() {
        let log = """
            {"level":"info","msg":"Copied (new)","object":"data/ab/c"}
            {"level":"info","msg":"Multi-thread Copied (new)","object":"data/ab/d"}
            {"level":"error","msg":"Source and destination exist but do not match: immutable file modified","object":"config"}
            2026/11/21 09:49:52 Failed to copy: immutable file modified
            """
        let outcome = RcloneTransfer.outcome(log)
        #expect(outcome.created == ["data/ab/c", "data/ab/d"])
        #expect(outcome.failures.map(\.path) == ["config"])
    }
}
