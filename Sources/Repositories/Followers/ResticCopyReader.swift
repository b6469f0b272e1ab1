import BackupModel
import Synchronization

/// Tells progress from waiting in what `restic copy` prints: `[0:02] 80.00%  4 / 5 packs copied`, once a second, whether or
/// not anything moves.
/// - Source: seen with 0.14.0, 0.18.0 and 0.19.1 with RESTIC_PROGRESS_FPS=1 and no terminal.
final class ResticCopyReader: LineReader {
    private struct Seen {
        var said: [UInt8] = []
        var repeatedBytes: Int64 = 0
    }

    private let seen = Mutex(Seen())

    var repeatedBytes: Int64 { seen.withLock { $0.repeatedBytes } }

    func read(line bytes: UnsafeRawBufferPointer) {
        guard bytes.first == UInt8(ascii: "["), let end = bytes.firstIndex(of: UInt8(ascii: "]")) else { return }
        seen.withLock { seen in
            if seen.said.elementsEqual(bytes[end...]) { seen.repeatedBytes += Int64(bytes.count) + 1 }
            seen.said = Array(bytes[end...])
        }
    }
}
