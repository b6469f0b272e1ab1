import BackupModel
import Foundation
import ProcessSpawn

/// The supervisor's side of a conversation: text on its way to the child, lines waiting for the caller. Confined to the
/// supervisor's thread.
final class Channel {
    typealias LineAnswer = OneShot<Result<String?, ToolError>>
    typealias SendAnswer = OneShot<ToolError?>

    private struct Outgoing {
        var bytes: ArraySlice<UInt8>
        let answer: SendAnswer
    }

    /// Where lines come from.
    var source: OutputDrain?
    private let diagnostics: Diagnostics
    private var input: Descriptor?
    private var outgoing: [Outgoing] = []
    private var lines: [String] = []
    /// Where in `lines` the first untaken one is.
    private var firstLine = 0
    private var waitingBytes = 0
    private var waiter: (answer: LineAnswer, program: String, until: Instant)?
    private var endDeadline: Instant?

    /// Above this the child has to wait until lines are taken.
    private static let mostWaitingBytes = 4 << 20
    /// How long the child has to end by itself after its input is closed.
    private static let farewellGrace = Duration.seconds(5)

    init(_ diagnostics: Diagnostics) { self.diagnostics = diagnostics }

    /// Makes the pipe into the child; returns the child's end.
    func makeInput() throws(ToolError) -> Descriptor {
        let pipe = try Pipe()
        _ = hf_set_nonblocking(pipe.writeEnd.number)
        input = pipe.writeEnd
        return pipe.readEnd
    }

    /// Before anything is said.
    func begin(with command: ToolCommand) throws(ToolError) {
        if let input { try Launcher.writeFirstLines(of: command, into: input) }
    }

    /// The descriptor to watch for room, while there is something to write.
    var writable: Int32? { outgoing.isEmpty ? nil : input?.number }

    // MARK: - What the caller asks

    func send(_ bytes: [UInt8], program: String, _ answer: SendAnswer) {
        guard input != nil else { return answer.give(Channel.ended(program, diagnostics)) }
        outgoing.append(Outgoing(bytes: bytes[...], answer: answer))
        write(program: program)
    }

    func nextLine(until: Instant, program: String, _ answer: LineAnswer) {
        if firstLine < lines.count {
            let line = lines[firstLine]
            firstLine += 1
            if firstLine == lines.count { (lines, firstLine) = ([], 0) }
            waitingBytes -= Channel.cost(of: line)
            if waitingBytes < Channel.mostWaitingBytes { source?.isPaused = false }
            answer.give(.success(line))
        } else if source?.isOpen != true {
            answer.give(.success(nil))
        } else {
            waiter = (answer, program, until)
        }
    }

    /// The caller has done: the child sees the end of its input.
    func close(now: Instant) {
        failSends()
        input = nil
        endDeadline = now + Channel.farewellGrace
        source?.isPaused = false
    }

    // MARK: - What the supervisor tells

    /// A line of the child's output.
    func take(_ line: UnsafeRawBufferPointer) {
        guard endDeadline == nil else { return }
        let text = String(decoding: line, as: UTF8.self)
        if let waiter {
            self.waiter = nil
            return waiter.answer.give(.success(text))
        }
        lines.append(text)
        waitingBytes += Channel.cost(of: text)
        if waitingBytes >= Channel.mostWaitingBytes { source?.isPaused = true }
    }

    /// Writes what the pipe takes now.
    func write(program: String) {
        while let input, let first = outgoing.first {
            let count = first.bytes.withUnsafeBytes { Foundation.write(input.number, $0.baseAddress, $0.count) }
            if count >= 0 {
                outgoing[0].bytes = first.bytes.dropFirst(count)
                if outgoing[0].bytes.isEmpty { outgoing.removeFirst().answer.give(nil) }
            } else if errno == EAGAIN {
                return
            } else if errno != EINTR {
                failSends()
                self.input = nil
            }
        }
    }

    /// - Parameter isOver: the child is dead.
    func advance(now: Instant, isOver: Bool, next: inout Instant?) {
        if isOver {
            failSends()
            input = nil
        }
        guard let waiter else { return }
        if source?.isOpen != true {
            self.waiter = nil
            waiter.answer.give(.success(nil))
        } else if now >= waiter.until {
            self.waiter = nil
            waiter.answer.give(
                .failure(.conversationEnded(program: waiter.program, detail: "it did not answer in time")))
        } else {
            next = earlier(next, waiter.until)
        }
    }

    /// True when the child had its time to end by itself and did not.
    func mustEnd(now: Instant, next: inout Instant?) -> Bool {
        guard let endDeadline else { return false }
        if now < endDeadline { next = earlier(next, endDeadline) }
        return now >= endDeadline
    }

    /// Empty lines take room as well.
    private static func cost(of line: String) -> Int { line.utf8.count + MemoryLayout<String>.size }

    private func failSends() {
        for waiting in outgoing { waiting.answer.give(Channel.ended("the program", diagnostics)) }
        outgoing = []
    }

    /// What to say to somebody whose program is gone.
    static func ended(_ program: String, _ diagnostics: Diagnostics) -> ToolError {
        let last = diagnostics.text.split(separator: "\n").last.map(String.init)
        return .conversationEnded(program: program, detail: last ?? "it closed its input")
    }
}
