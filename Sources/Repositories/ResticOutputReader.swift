import BackupModel
import Programs
import Synchronization

/// Passes progress on as restic prints it, and keeps the summary that ends its output.
final class ResticOutputReader: LineReader {
    private struct Seen {
        var backup: ResticBackupSummary?
        var restore: ResticRestoreSummary?
        var status: TransferProgress?
        var repeatedBytes: Int64 = 0
    }

    private let seen = Mutex(Seen())
    private let progress: @Sendable (TransferProgress) -> Void

    init(progress: @escaping @Sendable (TransferProgress) -> Void) { self.progress = progress }

    var backupSummary: ResticBackupSummary? { seen.withLock { $0.backup } }
    var restoreSummary: ResticRestoreSummary? { seen.withLock { $0.restore } }

    var repeatedBytes: Int64 { seen.withLock { $0.repeatedBytes } }

    func read(line bytes: UnsafeRawBufferPointer) {
        switch ResticMessage(line: bytes) {
        case .status(let status):
            // 0.14.0 goes on counting the seconds when it hangs, as it may on a full disk.
            seen.withLock { seen in
                if seen.status == status { seen.repeatedBytes += Int64(bytes.count) + 1 }
                seen.status = status
            }
            progress(status)
        case .backupSummary(let summary): seen.withLock { $0.backup = summary }
        case .restoreSummary(let summary): seen.withLock { $0.restore = summary }
        case .checkSummary, .error, .exitError, nil: break
        }
    }
}
