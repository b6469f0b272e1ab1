import BackupModel
import Programs
import Synchronization

/// Passes progress on as restic prints it, and keeps the summary that ends its output.
final class ResticOutputReader: LineReader {
    private struct Seen {
        var backup: ResticBackupSummary?
        var restore: ResticRestoreSummary?
    }

    private let seen = Mutex(Seen())
    private let progress: @Sendable (TransferProgress) -> Void

    init(progress: @escaping @Sendable (TransferProgress) -> Void) { self.progress = progress }

    var backupSummary: ResticBackupSummary? { seen.withLock { $0.backup } }
    var restoreSummary: ResticRestoreSummary? { seen.withLock { $0.restore } }

    func read(line bytes: UnsafeRawBufferPointer) {
        switch ResticMessage(line: bytes) {
        case .status(let status): progress(status)
        case .backupSummary(let summary): seen.withLock { $0.backup = summary }
        case .restoreSummary(let summary): seen.withLock { $0.restore = summary }
        case .checkSummary, .error, .exitError, nil: break
        }
    }
}
