import BackupModel
import Testing

@testable import Programs

@Suite struct RsyncTests {
    @Test func `rsync is given names and goes into no folder by itself`() {
        var command = Rsync.copy(
            names: .file("/run/names"), in: "/srv/data", to: "/mnt/.partial-1/data",
            linkingTo: "/mnt/20261121-023000/data")
        #expect(
            command.arguments == [
                "-aHAX", "--numeric-ids", "--sparse", "--delete", "--modify-window=-1",
                "--link-dest=/mnt/20261121-023000/data", "--from0",
                "--files-from=-", "--out-format=%l", "--", "/srv/data/", "/mnt/.partial-1/data/",
            ])
        #expect(command.input == .file("/run/names"))
        #expect(!command.arguments.contains("--inplace"))
        command = Rsync.copy(names: .none, in: "/", to: "/mnt/x/", comparesFractions: false, comparesContents: true)
        #expect(command.arguments.suffix(2) == ["/", "/mnt/x/"])
        #expect(command.arguments.contains("--checksum"))
        #expect(!command.arguments.contains { $0.hasPrefix("--modify-window") })
        #expect(!command.arguments.contains { $0.hasPrefix("--link-dest") })
    }

    @Test(arguments: [
        (0, "", Rsync.Ending.complete),
        (23, "rsync: [sender] send_files failed to open \"/a\": Permission denied (13)", .partial),
        (24, "file has vanished: \"/a\"", .partial),
        (11, "rsync: [receiver] write failed on \"/m/a\": No space left on device (28)", .full),
        (23, "rsync: [generator] recv_generator: mkdir \"/m/a\" failed: Disk quota exceeded (122)", .full),
        (11, "rsync: [receiver] mkstemp \"/m/a\" failed: Read-only file system (30)", .readOnly),
        (11, "rsync: [receiver] write failed on \"/m/a\": Input/output error (5)", .failed),
        (12, "", .failed), (20, "", .failed), (99, "", .failed),
        // A file may be called anything.
        (24, "file has vanished: \"/a: No space left on device (28)\"", .partial),
    ])
    func `an exit code means what the manual says, and one that is not there is a failure`(
        code: Int32, errors: String, ending: Rsync.Ending
    ) {
        #expect(Rsync.ending(.exited(code), errors: errors + "\nrsync error: some (code \(code))") == ending)
    }

    @Test func `a signal is a failure whatever was said`() {
        #expect(Rsync.ending(.signaled(9), errors: "") == .failed)
        #expect(Rsync.meaning(.exited(12)) == "exit code 12, error in the protocol's data stream")
        #expect(Rsync.meaning(.exited(99)) == "exit code 99")
    }

    @Test func `what could not be read is named with its reason`() {
        let errors = """
            file has vanished: "/srv/gone"
            rsync: [sender] send_files failed to open "/srv/a "quoted" name": Permission denied (13)
            rsync: send_files failed to open "/srv/old": Permission denied (13)
            rsync: [sender] read errors mapping "/srv/bad": Input/output error (5)
            rsync: [sender] link_stat "/srv/odd-\\#377\\#012x" failed: No such file or directory (2)
            ERROR: documents/busy failed verification -- update discarded.
            rsync error: some files/attrs were not transferred (see previous errors) (code 23) at main.c(1394) [sender=3.5.0]
            """
        let items = Rsync.notices(in: errors)
        #expect(
            items.map(\.path) == [
                "/srv/gone", "/srv/a \"quoted\" name", "/srv/old", "/srv/bad", "/srv/odd-\u{fffd}\nx", "documents/busy",
            ])
        #expect(
            items.map(\.reason) == [
                "it vanished before it was read", "Permission denied", "Permission denied", "Input/output error",
                "No such file or directory", "it was changed while it was read",
            ])
    }

    @Test func `versions are told apart`() {
        #expect(Rsync.version("rsync  version 3.2.7  protocol version 31\nCopyright") == "3.2.7")
        #expect(Rsync.version("openrsync: protocol version 29") == nil)
        #expect(Rsync.isTooOld("3.1.2") && Rsync.isTooOld("2.6.9"))
        #expect(
            !Rsync.isTooOld("3.1.3") && !Rsync.isTooOld("3.2.7") && !Rsync.isTooOld("3.10.0") && !Rsync.isTooOld("4.0"))
    }

    @Test func `a list keeps every name, and comes apart as it was put together`() throws {
        let digest = Array(String(repeating: "a1", count: 32).utf8)
        let odd = Array("t/new\nline\\back\rreturn\ttab".utf8) + [0xff]
        let records: [SumLines.Record] = [
            .folder(path: Array("t".utf8)), .folder(path: odd), .link(path: odd, target: odd),
            .file(path: Array("t/#plain".utf8), size: 0, digest: digest),
            .file(path: odd, size: 1 << 40, digest: digest),
        ]
        var parser = SumLines.Parser()
        var found: [SumLines.Record] = []
        for line in records.flatMap(SumLines.text).split(separator: 10) {
            if let record = try parser.add(line) { found.append(record) }
        }
        #expect(found == records)
        #expect(parser.isBetween)
    }

    @Test(arguments: ["nothing", "#f\tx", "#f\t3\nshort  name", "#f\t1\n#d\tfolder", "#d\ta\\qb"])
    func `what is no list is refused`(text: String) {
        #expect(throws: SumLines.Malformed.self) {
            var parser = SumLines.Parser()
            for line in Array(text.utf8).split(separator: 10) { _ = try parser.add(line) }
        }
    }

    @Test func `a folder comes before what is in it, and that before what is beside it`() {
        let sorted = ["a", "a/b", "a/b/c", "a/b-c", "a-b", "a.b", "b"].map { Array($0.utf8) }
        for (left, right) in zip(sorted, sorted.dropFirst()) {
            #expect(SumLines.precedes(left, right) && !SumLines.precedes(right, left))
        }
    }
}
