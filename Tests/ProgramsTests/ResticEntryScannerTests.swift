import BackupModel
import Foundation
import Programs
import Testing

struct ResticEntryScannerTests {
    @Test(arguments: ResticFixture.versions)
    func `entries are what a general decoder makes of them`(version: String) throws {
        struct Node: Decodable {
            var path: String?
            var type: String?
            var size: Int64?
            var mtime: String?
            // swift-format-ignore: AlwaysUseLowerCamelCase
            var struct_type: String
        }
        var entries = 0
        for name in ["ls", "ls_first", "ls_dir"] {
            for line in try ResticFixture(name, version).output.split(whereSeparator: \.isNewline) {
                let node = try JSONDecoder().decode(Node.self, from: Data(line.utf8))
                let scanned = Self.scan(String(line))
                guard node.struct_type == "node" else {
                    #expect(scanned == .other)
                    continue
                }
                let types: [String: SnapshotEntry.EntryType] = ["file": .file, "dir": .directory, "symlink": .symlink]
                entries += 1
                #expect(
                    scanned
                        == .entry(
                            SnapshotEntry(
                                path: node.path ?? "", type: types[node.type ?? ""] ?? .other, size: node.size ?? 0,
                                modified: node.mtime ?? "")))
            }
        }
        #expect(entries > 40)
    }

    @Test(arguments: [
        (#"\"quoted\""#, "\"quoted\""), (#"tab\tnewline\n"#, "tab\tnewline\n"), (#"\u00e4"#, "ä"),
        (#"\ud83d\ude00"#, "😀"), (#"\ud83d"#, "\u{fffd}"), (#"\u003c"#, "<"), (#"back\\slash"#, "back\\slash"),
    ])
    func `escapes are undone`(escaped: String, plain: String) {
        let line = #"{"path":"/\#(escaped)","type":"file","struct_type":"node"}"#
        #expect(Self.scan(line) == .entry(SnapshotEntry(path: "/" + plain, type: .file, size: 0, modified: "")))
    }

    @Test func `keys that are not known are passed over with whatever they hold`() {
        let line =
            #"{"x":{"a":["}",{"b":"]"}]},"n":-1.5e3,"t":true,"path":"/p","type":"dir","struct_type":"node","z":null}"#
        #expect(Self.scan(line) == .entry(SnapshotEntry(path: "/p", type: .directory, size: 0, modified: "")))
    }

    @Test(arguments: [
        "text", "{", #"{"path":"#, #"{"path":"/x""#, #"{"struct_type":"node"}"#, #"{"path":7,"struct_type":"node"}"#,
        #"{"path":"/x","type":"file","size":99999999999999999999,"struct_type":"node"}"#,
        #"{"path":"/x","type":"file","size":1.5,"struct_type":"node"}"#, #"{"path":"\"#,
    ])
    func `a line that is cut or strange is called unreadable`(line: String) {
        #expect(Self.scan(line) == .unreadable)
    }

    @Test func `every cut of a line is survived`() throws {
        let output = try ResticFixture("ls", "0.19.1").output
        let line = try #require(output.split(whereSeparator: \.isNewline).last.map(String.init))
        for length in 0..<line.utf8.count {
            let cut = Array(line.utf8.prefix(length))
            let result = cut.withUnsafeBytes { ResticEntryScanner.scan($0) }
            if length > 0 { #expect(result == .unreadable, "cut at \(length)") }
        }
    }

    #if !DEBUG
        @Test func `three hundred thousand entries take a third of a second at most`() throws {
            let text = try ResticFixture("ls", "0.19.1").output
            let line = Array(try #require(text.split(whereSeparator: \.isNewline).last).utf8)
            var found = 0
            let start = clock()
            line.withUnsafeBytes { bytes in
                for _ in 0..<300_000 {
                    if case .entry = ResticEntryScanner.scan(bytes) { found += 1 }
                }
            }
            let seconds = Double(clock() - start) / Double(CLOCKS_PER_SEC)
            #expect(found == 300_000)
            #expect(seconds < 0.3, "\(seconds) s of CPU")
        }
    #endif

    private static func scan(_ line: String) -> ResticEntryScanner.Line {
        var line = line
        return line.withUTF8 { ResticEntryScanner.scan(UnsafeRawBufferPointer($0)) }
    }
}
