import Foundation
import Programs
import TestSupport
import Testing

@Suite("Digests of an archive's files, and its listing")
struct TarSumsTests {
    @Test
    func `lines are those of sha256sum, and as long as was said`() throws {
        var sums = TarSums()
        let names = ["a/b", "a/bc", "a/new\nline", "a/back\\slash", "/absolute", "-", "z", "tree/ü"]
        for (index, name) in names.enumerated() {
            sums.add(digest: [UInt8](repeating: UInt8(index), count: 32), name: Array(name.utf8))
        }
        var text = ""
        var lines = sums.lines()
        while let line = lines.next() { text += String(decoding: line, as: UTF8.self) }
        func digest(_ index: Int) -> String { String(repeating: "0\(index)", count: 32) }
        #expect(
            text == """
                \(digest(0))  a/b
                \(digest(1))  a/bc
                \\\(digest(2))  a/new\\nline
                \\\(digest(3))  a/back\\\\slash
                \(digest(4))  absolute
                \(digest(5))  ./-
                \(digest(6))  z
                \(digest(7))  tree/ü

                """)
        #expect(sums.textSize == Int64(text.utf8.count) && sums.count == names.count)
    }

    @Test
    func `many names come back as they were, whatever they share`() {
        var generator = SeededGenerator(seed: 7)
        var sums = TarSums()
        var names: [String] = []
        for _ in 0..<20_000 {
            let name = (0..<Int.random(in: 1...8, using: &generator))
                .map { _ in
                    ["a", "bb", "node_modules", "x", String(repeating: "l", count: 200)].randomElement(
                        using: &generator)!
                }
                .joined(separator: "/")
            names.append(name)
            sums.add(digest: [UInt8](repeating: 1, count: 32), name: Array(name.utf8))
        }
        var lines = sums.lines()
        var size: Int64 = 0
        for name in names {
            let line = lines.next() ?? []
            size += Int64(line.count)
            #expect(line.dropFirst(66).dropLast().elementsEqual(name.utf8))
        }
        let last = lines.next()
        #expect(last == nil && sums.textSize == size)
    }

    @Test
    func `a listing has one line of JSON for each entry, and marks names that are no UTF-8`() throws {
        let archive = TarBuilder().adding("a \"b\"\n", content: "123").adding("l", type: "2", link: "x\\y")
            .adding("d/", type: "5").adding(pax: [("mtime", "12.5")]).adding("t")
        let lines = try TarReading(archive.archive).members.map {
            String(decoding: TarListing.line(for: $0.entry), as: UTF8.self)
        }
        #expect(
            lines == [
                #"{"path":"a \"b\"\n","type":"file","size":3,"mtime":1700000000,"mode":420}"# + "\n",
                #"{"path":"l","type":"symlink","size":0,"mtime":1700000000,"mode":420,"link":"x\\y"}"# + "\n",
                #"{"path":"d","type":"directory","size":0,"mtime":1700000000,"mode":420}"# + "\n",
                #"{"path":"t","type":"file","size":0,"mtime":12.500000000,"mode":420}"# + "\n",
            ])
        let odd = TarEntry(name: [0x61, 0xff, 0x25, 0xc3, 0xbc], kind: .file)
        #expect(
            String(decoding: TarListing.line(for: odd), as: UTF8.self)
                == #"{"path":"a%ff%25%c3%bc","type":"file","size":0,"mtime":0,"mode":0,"percent":true}"# + "\n")
    }

    @Test
    func `the header of our own member is one that is read`() throws {
        let header = TarMember.header(name: ".x", size: 3, modified: 1_700_000_000, user: 1000, group: .max)
        let read = try TarReading(
            header + Array("abc".utf8) + [UInt8](repeating: 0, count: TarMember.padding(3) + 1024))
        #expect(read.members.count == 1 && read.members[0].entry.mode == 0o600)
        #expect(read[".x"]?.content == Array("abc".utf8))
    }
}
