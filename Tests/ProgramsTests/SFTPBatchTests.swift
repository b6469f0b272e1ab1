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
                -put -f "/a [b]/c\\"d" "/r/config-tmp"
                -rename -l "/r/config-tmp" "/r/config"
                -rm "/r/config-tmp"
                -ls -ln "/r/config"

                """)
        let output = """
            sftp> -ls -ln "/r/config"
            -rw-r--r--    ? root     root          155 Nov 21 09:50 /r/config
            """
        #expect(SFTPBatch.sizes(output, [item]) == ["/r/config": 155])
        // OpenSSH ends its lines as terminals do.
        #expect(
            SFTPBatch.wasThere(
                "remote mkdir \"/r\": Failure\r\nremote rename \"/r/config-tmp\" to \"/r/config\": Failure\r\n", item))
        #expect(!SFTPBatch.wasThere("remote rename \"/r/x-tmp\" to \"/r/x\": Failure", item))
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
