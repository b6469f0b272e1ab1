import Foundation
import Testing

@testable import Tools

/// When a program that prints its status for ever counts as alive.
final class SignsOfLifeTests {
    private let start = SuspendingClock.now
    private var life: SignsOfLife
    /// Bytes of one status line.
    private let line: Int64 = 150

    init() {
        life = SignsOfLife(at: start)
        // The first look always sees something new.
        _ = isAlive(0, line, written: line)
    }

    /// - Parameters:
    ///   - second: since the start.
    ///   - output: bytes that came so far, `repeated` of them without news.
    ///   - written: by the kernel's account.
    private func isAlive(
        _ second: Int, _ output: Int64, repeated: Int64 = 0, written: Int64, ticks: UInt64 = 0
    ) -> Bool {
        let account = ProcessAccount(transfers: [Array("rchar: 100\nwchar: \(written)\n".utf8)], ticks: ticks)
        return life.look(output: output, repeated: repeated, account: account, now: start + .seconds(second))
    }

    @Test func `the same status again and again is none, nor is what printing it costs`() {
        for second in 1...1800 {
            let printed = line * Int64(second + 1)
            // A thread of restic's wakes another, and a tick of 10 ms passes every 25 seconds.
            #expect(
                !isAlive(
                    second, printed, repeated: printed - line, written: printed + Int64(second),
                    ticks: UInt64(second / 25)))
        }
    }

    @Test func `a status that differs is one, and so is any other output`() {
        #expect(isAlive(1, 2 * line, written: 2 * line))
        #expect(!isAlive(2, 3 * line, repeated: line, written: 3 * line))
        #expect(isAlive(3, 3 * line + 1, repeated: line, written: 3 * line))
    }

    @Test func `an upload goes on behind the same status`() {
        #expect(isAlive(5, 2 * line, repeated: line, written: 2 * line + 100_000))
    }

    @Test func `computing goes on behind the same status`() {
        #expect(isAlive(5, 2 * line, repeated: line, written: 2 * line, ticks: 200))
    }

    @Test func `without output any change of the account is one`() {
        #expect(!isAlive(1, line, written: line))
        #expect(isAlive(2, line, written: line + 1))
        #expect(isAlive(3, line, written: line + 1, ticks: 1))
        #expect(!isAlive(4, line, written: line + 1, ticks: 1))
    }

    @Test func `the first half of a line counts once at most`() {
        #expect(isAlive(1, line + 70, written: 2 * line))
        #expect(!isAlive(2, 2 * line + 70, repeated: line, written: 3 * line))
        #expect(!isAlive(3, 3 * line + 70, repeated: 2 * line, written: 4 * line))
    }
}
