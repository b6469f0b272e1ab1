import BackupModel
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Tools

/// Taking in outputs: whole, in order and cheaply (A13, A14).
struct ReadingTests {
    private func lines(_ chunks: [String]) -> [String] {
        var splitter = LineSplitter()
        var lines: [String] = []
        for chunk in chunks {
            Array(chunk.utf8).withUnsafeBytes {
                splitter.feed($0) { lines.append(String(decoding: $0, as: UTF8.self)) }
            }
        }
        splitter.finish { lines.append(String(decoding: $0, as: UTF8.self)) }
        return lines
    }

    @Test func `lines come out the same however the stream is cut`() {
        let text = "one\n\nthree\r\nfour with \u{2028} and \u{85}\n\nlast"
        let expected = ["one", "", "three\r", "four with \u{2028} and \u{85}", "", "last"]
        #expect(lines([text]) == expected)
        #expect(lines(text.unicodeScalars.map { String($0) }) == expected)
        #expect(lines([text + "\n"]) == expected)
        #expect(lines([""]) == [])
    }

    @Test func `a line in many chunks is cut at its limit`() {
        let chunk = String(repeating: "z", count: 1 << 16)
        let found = lines(Array(repeating: chunk, count: 40) + ["\nshort\n"])
        #expect(found.map(\.utf8.count) == [LineSplitter.longestLine, 5])
    }

    @Test(arguments: [1, 7, 10, 64, 1000])
    func `the beginning and the end are kept however they arrive`(chunk: Int) {
        let bytes = (0..<997).map { UInt8(truncatingIfNeeded: $0) }
        for length in [0, 5, 10, 11, 19, 20, 21, 25, 30, 997] {
            var keeper = OutputKeeper(limit: 10)
            for start in stride(from: 0, to: length, by: chunk) {
                bytes[start..<min(start + chunk, length)].withUnsafeBytes { keeper.add($0) }
            }
            let kept = keeper.captured
            #expect(kept.totalBytes == ByteCount(Int64(length)))
            #expect(kept.head == Array(bytes[..<min(length, 10)]))
            #expect(kept.tail == Array(bytes[..<length].dropFirst(10).suffix(10)))
        }
    }

    @Test func `nothing is kept where nothing is to be kept`() {
        var keeper = OutputKeeper(limit: 0)
        [1, 2, 3].withUnsafeBytes { keeper.add($0) }
        #expect(keeper.captured == CapturedOutput(totalBytes: 24))
    }

    @Test func `300,000 lines of JSON, 115 MB, arrive whole and cost little`() async throws {
        let folder = try ScratchFolder("lines")
        let line =
            #"{"message_type":"node","struct_type":"node","path":"/srv/"# + String(repeating: "p", count: 320) + "\"}\n"
        let block = Data(String(repeating: line, count: 3000).utf8)
        try folder.write(Data(), to: "lines")
        let file = try #require(FileHandle(forWritingAtPath: folder["lines"]))
        for _ in 0..<100 { try file.write(contentsOf: block) }
        try file.close()
        let runner = try SupervisedRunner()
        let counter = LineCounter()
        let before = clock()
        let result = try await runner.run(ToolCommand("cat", ["--", folder["lines"]]), reading: counter)
        let spent = Double(clock() - before) / Double(CLOCKS_PER_SEC)
        #expect(result.didItsWork)
        #expect(counter.counted == (300_000, 300_000 * (line.utf8.count - 1)))
        // Other tests run beside this one in the same process; quadratic work would take minutes.
        #expect(spent < 20)
        print("reading 300,000 lines: \(spent) s of CPU, others' included")
    }
}

private final class LineCounter: LineReader {
    private let count = Mutex((0, 0))
    var counted: (Int, Int) { count.withLock { $0 } }
    func read(line bytes: UnsafeRawBufferPointer) {
        count.withLock { $0 = ($0.0 + 1, $0.1 + bytes.count) }
    }
}
