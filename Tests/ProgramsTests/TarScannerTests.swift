import Foundation
import Programs
import TestSupport
import Testing

@Suite("A tar stream, read portion by portion")
struct TarScannerTests {
    static let formats = ["v7", "oldgnu", "gnu", "ustar", "posix"]
    /// Odd sizes cut headers, names and contents anywhere.
    static let portions = [1, 511, 513, 10_240, 1 << 20]

    static func tree() throws -> ScratchFolder {
        let folder = try ScratchFolder("tar")
        try folder.write("hello\n", to: "tree/a file", mode: 0o640)
        try folder.write("", to: "tree/empty")
        try folder.write(Data((0..<70_000).map { UInt8($0 % 251) }), to: "tree/sub/large")
        try folder.write(Data(repeating: 7, count: 1024), to: "tree/sub/two blocks", mode: 0o755)
        let files = FileManager.default
        try files.createSymbolicLink(atPath: folder["tree/link"], withDestinationPath: "/nowhere/at all")
        try files.linkItem(atPath: folder["tree/sub/large"], toPath: folder["tree/sub/zweiter"])
        try files.setAttributes(
            [.modificationDate: Date(timeIntervalSince1970: 1_600_000_000)], ofItemAtPath: folder["tree/a file"])
        return folder
    }

    @Test(arguments: formats, portions)
    func `every format of tar gives every entry with its content`(format: String, portion: Int) throws {
        let folder = try Self.tree()
        let read = try TarReading(try RealTar.archive(folder, ["--format=\(format)"]), portion: portion)
        #expect(
            read.members.map { String(decoding: $0.entry.name, as: UTF8.self) } == [
                "tree", "tree/a file", "tree/empty", "tree/link", "tree/sub", "tree/sub/large", "tree/sub/two blocks",
                "tree/sub/zweiter",
            ])
        let file = try #require(read["tree/a file"])
        #expect(file.content == Array("hello\n".utf8) && file.entry.size == 6 && file.entry.mode == 0o640)
        #expect(file.entry.modified == TarTime(seconds: 1_600_000_000))
        #expect(read["tree/sub"]?.entry.kind == .directory && read["tree/empty"]?.entry.kind == .file)
        #expect(read["tree/link"]?.entry.kind == .symbolicLink)
        #expect(read["tree/link"]?.entry.link == Array("/nowhere/at all".utf8))
        #expect(read["tree/sub/large"]?.content == (0..<70_000).map { UInt8($0 % 251) })
        #expect(read["tree/sub/zweiter"]?.entry.kind == .hardLink)
        #expect(read["tree/sub/zweiter"]?.entry.link == Array("tree/sub/large".utf8))
        #expect(read["tree/sub/two blocks"]?.content.count == 1024)
    }

    @Test(arguments: ["gnu", "oldgnu", "posix"], [1, 700, 1 << 20])
    func `long names, long links and names that are no UTF-8 come byte for byte`(format: String, portion: Int) throws {
        let folder = try ScratchFolder("tar-names")
        let deep = (0..<9).map { "\($0)" + String(repeating: "x", count: 70) }.joined(separator: "/")
        try folder.write("deep", to: "tree/\(deep)/file")
        try FileManager.default.createSymbolicLink(
            atPath: folder["tree/far"], withDestinationPath: String(repeating: "y/", count: 300))
        let odd: [UInt8] = Array("tree/odd-".utf8) + [0xff, 0xfe, 10, 0x5c, 0x22]
        let path = Array(folder.path.utf8) + [47] + odd + [0]
        let descriptor = path.withUnsafeBufferPointer { bytes in
            bytes.withMemoryRebound(to: CChar.self) { open($0.baseAddress!, O_CREAT | O_WRONLY, 0o600) }
        }
        try #require(descriptor >= 0)
        close(descriptor)
        let read = try TarReading(try RealTar.archive(folder, ["--format=\(format)"]), portion: portion)
        #expect(read["tree/\(deep)/file"]?.content == Array("deep".utf8))
        #expect(read["tree/far"]?.entry.link == Array(String(repeating: "y/", count: 300).utf8))
        #expect(read.members.contains { $0.entry.name == odd && $0.entry.kind == .file })
    }

    static let sparseFormats = [
        ["--format=gnu"], ["--format=oldgnu"], ["--format=posix", "--sparse-version=0.0"],
        ["--format=posix", "--sparse-version=0.1"], ["--format=posix", "--sparse-version=1.0"],
    ]

    @Test(arguments: sparseFormats, [1, 600, 1 << 20])
    func `sparse files have the content that they have when they are unpacked`(options: [String], portion: Int) throws {
        let folder = try ScratchFolder("tar-sparse")
        // Many pieces, so that the map needs blocks of its own; one ends in a hole, one has nothing but one.
        for (name, pieces, end) in [("many", 40, 41), ("few", 3, 7), ("none", 0, 3)] {
            try folder.write("", to: "tree/\(name)")
            let file = try FileHandle(forWritingTo: URL(fileURLWithPath: folder["tree/\(name)"]))
            for piece in 0..<pieces {
                try file.seek(toOffset: UInt64(piece * 16_384 + 8192))
                try file.write(contentsOf: Data(repeating: UInt8(piece + 1), count: 4096))
            }
            try file.truncate(atOffset: UInt64(end * 16_384))
            try file.close()
        }
        let bytes = try RealTar.archive(folder, ["--sparse", "--hole-detection=raw"] + options)
        #expect(bytes.count < 41 * 16_384, "they were stored as sparse files")
        let read = try TarReading(bytes, portion: portion)
        for name in ["many", "few", "none"] {
            let member = try #require(read["tree/\(name)"], "\(name)")
            let truth = [UInt8](try Data(contentsOf: URL(fileURLWithPath: folder["tree/\(name)"])))
            #expect(member.content == truth, "\(name)")
            #expect(member.entry.size == Int64(truth.count), "\(name)")
        }
    }

    @Test(arguments: ["gnu", "posix"])
    func `an archive that is cut off anywhere is not taken for a whole one`(format: String) throws {
        let folder = try Self.tree()
        let bytes = try RealTar.archive(folder, ["--format=\(format)"])
        let end = Int(try #require(try TarReading(bytes).end))
        for length in Array(stride(from: 0, to: end + 1024, by: 512)) + [1, 100, 511, 513, end + 1, end + 1023] {
            #expect(throws: TarError.self, "cut off after \(length) bytes") {
                _ = try TarReading(Array(bytes.prefix(length)))
            }
        }
        _ = try TarReading(Array(bytes.prefix(end + 1024)))
    }

    @Test
    func `what is no archive is called that, and what is damaged is told with its place`() throws {
        #expect(throws: TarError.notTar) { _ = try TarReading(Array(repeating: 65, count: 5000)) }
        #expect(throws: TarError.notTar) { _ = try TarReading(Array("short".utf8)) }
        #expect(throws: TarError.truncated(position: 0)) { _ = try TarReading([]) }
        let good = TarBuilder().adding("a", content: "1").adding("b", content: "2")
        for place in [1024, 1024 + 130, 1024 + 150] {
            var bytes = good.archive
            bytes[place] ^= 1
            #expect(throws: TarError.damaged(position: 1024, what: "the checksum of a header is wrong")) {
                _ = try TarReading(bytes)
            }
        }
        #expect(throws: TarError.self, "zeros in the middle") {
            _ = try TarReading(good.bytes + [UInt8](repeating: 0, count: 512) + good.archive)
        }
        #expect(throws: TarError.self, "another archive behind it") { _ = try TarReading(good.archive + good.archive) }
        #expect(try TarReading([UInt8](repeating: 0, count: 10_240)).members.isEmpty)
    }

    @Test
    func `what programs understand in different ways is refused`() throws {
        let linkWithContent = TarBuilder().adding("a", content: "x").adding("b", type: "1", link: "a", content: "y")
        #expect(throws: TarError.self) { _ = try TarReading(linkWithContent.archive) }
        let folderWithContent = TarBuilder().adding("a/", type: "5", content: "y")
        #expect(throws: TarError.self) { _ = try TarReading(folderWithContent.archive) }
        let twoNames = TarBuilder().adding("././@LongLink", type: "L", content: "one\u{0}")
            .adding(pax: [("path", "other")]).adding("a", content: "x")
        #expect(throws: TarError.self) { _ = try TarReading(twoNames.archive) }
        let nameForAll = TarBuilder().adding(pax: [("path", "evil")], type: "g").adding("a", content: "x")
        #expect(throws: TarError.self) { _ = try TarReading(nameForAll.archive) }
        for records in [[("path", "")], [("path", "a\u{0}b")], [("size", "-1")], [("size", "x")]] {
            let malformed = TarBuilder().adding(pax: records).adding("a", content: "x")
            #expect(throws: TarError.self, "\(records)") { _ = try TarReading(malformed.archive) }
        }
        let outside = TarBuilder()
            .adding(pax: [("GNU.sparse.size", "100"), ("GNU.sparse.map", "90,20")]).adding(
                "a", content: String(repeating: "x", count: 20))
        #expect(throws: TarError.self) { _ = try TarReading(outside.archive) }
        let good = TarBuilder().adding(pax: [("comment", "by git")], type: "g")
            .adding(pax: [("mtime", "-1.25"), ("path", "new name")]).adding("a", content: "x")
        let read = try TarReading(good.archive)
        #expect(read["new name"]?.entry.modified == TarTime(seconds: -2, nanoseconds: 750_000_000))
    }

    @Test
    func `bytes changed at random end in an event or an error, never in a crash`() throws {
        let folder = try Self.tree()
        try folder.write("deep", to: "tree/\(String(repeating: "d/", count: 80))file")
        let sparse = FileManager.default.createFile(atPath: folder["tree/hole"], contents: Data("x".utf8))
        try #require(sparse && truncate(folder["tree/hole"], 100_000) == 0)
        var generator = SeededGenerator(seed: 11)
        for options in [["--format=gnu", "-S"], ["--format=posix", "-S"], ["--format=ustar"]] {
            // Without the large file, headers are what is mostly hit.
            let good = try RealTar.archive(folder, options + ["--exclude=large", "--exclude=zweiter"])
            for _ in 0..<150 {
                var bytes = good
                let block = Int.random(in: 0..<bytes.count / 512, using: &generator) * 512
                for _ in 0..<Int.random(in: 1...4, using: &generator) {
                    let values = [0, 48, 49, 55, 57, 10, 32, 0x80, 0xff, UInt8.random(in: 0...255, using: &generator)]
                    bytes[block + Int.random(in: 0..<512, using: &generator)] = values.randomElement(using: &generator)!
                }
                // A header with a right checksum gets further.
                bytes.replaceSubrange(block + 148..<block + 156, with: [UInt8](repeating: 32, count: 8))
                let sum = String(bytes[block..<block + 512].reduce(0) { $0 + Int($1) }, radix: 8)
                bytes.replaceSubrange(block + 148..<block + 148 + sum.utf8.count, with: sum.utf8)
                var scanner = TarScanner()
                var safety = TarSafety()
                var index = 0
                bytes.withUnsafeBytes { bytes in
                    do throws(TarError) {
                        while let event = try scanner.next(in: bytes, at: &index) {
                            if case .entry(let entry) = event {
                                _ = TarListing.line(for: entry)
                                try safety.admit(entry)
                            }
                            if case .content(let range) = event { #expect(range.upperBound <= bytes.count) }
                            if case .hole(let count) = event { #expect(count > 0) }
                        }
                        try scanner.finish(rest: bytes.count - index)
                    } catch {
                        #expect(!error.description.isEmpty)
                    }
                }
            }
        }
    }
}
