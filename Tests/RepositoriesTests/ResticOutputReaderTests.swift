import BackupModel
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Repositories

/// restic 0.14.0 may hang on a full disk and goes on printing its status.
struct ResticOutputReaderTests {
    private func status(_ second: Int, bytes: Int) -> String {
        #"{"message_type":"status","seconds_elapsed":\#(second),"percent_done":0.5,"total_files":3,"bytes_done":\#(bytes)}"#
    }

    private func read(_ lines: String..., by reader: ResticOutputReader) {
        for var line in lines { line.withUTF8 { reader.read(line: UnsafeRawBufferPointer($0)) } }
    }

    @Test func `a status repeats itself when nothing but the time has changed`() {
        let heard = Mutex(0)
        let reader = ResticOutputReader { _ in heard.withLock { $0 += 1 } }
        read(status(1, bytes: 100), by: reader)
        #expect(reader.repeatedBytes == 0)
        let again = status(2, bytes: 100)
        read(again, "text", #"{"message_type":"verbose_status"}"#, by: reader)
        #expect(reader.repeatedBytes == Int64(again.utf8.count) + 1)
        read(status(3, bytes: 101), status(4, bytes: 102), by: reader)
        #expect(reader.repeatedBytes == Int64(again.utf8.count) + 1)
        read(again, by: reader)
        #expect(reader.repeatedBytes == Int64(again.utf8.count) + 1)
        #expect(heard.withLock { $0 } == 5)
    }

    @Test(arguments: [true, false])
    func `a tool that prints the same status for ever is stopped at the stall limit`(isStuck: Bool) async throws {
        let scratch = try ScratchFolder("stuck")
        let steps = (1...40).map { "stdout \(status($0, bytes: isStuck ? 100 : $0 * 100))\nsleep 0.15" }
        var command = ToolCommand(try FakeTool("restic", in: scratch, steps.joined(separator: "\n")).path)
        command.limits = ToolCommand.Limits(stall: .milliseconds(2500))
        let result = try await TestBench.runner.run(command, reading: ResticOutputReader { _ in })
        #expect(result.stopped == (isStuck ? .stallLimit : nil), "\(result.usage)")
        #expect(result.usage.wall >= .milliseconds(2500))
    }
}
