package import BackupModel
package import Foundation

/// The lines of JSON that restic prints while it works and at its end. What is not JSON, or of a kind not known here, is
/// `nil`: versions differ and mix text in.
/// - Source: https://restic.readthedocs.io/en/stable/075_scripting.html, checked for 0.14.0, 0.18.0 and 0.19.1.
package enum ResticMessage: Sendable, Equatable {
    case status(TransferProgress)
    case backupSummary(ResticBackupSummary)
    case restoreSummary(ResticRestoreSummary)
    case checkSummary(ResticCheckSummary)
    /// `item` is empty for complaints that are about no file.
    case error(item: String, reason: String)
    case exitError(code: Int32, message: String)

    package init?(line bytes: UnsafeRawBufferPointer) {
        // A line that is no message of restic's is prose: the caller keeps it as such.
        guard bytes.first == 123,
            let raw = try? JSONDecoder().decode(RawMessage.self, from: Data(bytes))
        else { return nil }
        self.init(raw)
    }

    package init?(line: String) {
        var line = line
        guard let message = line.withUTF8({ ResticMessage(line: UnsafeRawBufferPointer($0)) }) else { return nil }
        self = message
    }

    private init?(_ raw: RawMessage) {
        switch raw.message_type {
        case "status":
            self = .status(
                TransferProgress(
                    bytes: ByteCount(raw.bytes_done ?? raw.bytes_restored ?? 0),
                    totalBytes: raw.total_bytes.map { ByteCount($0) }, files: raw.files_done ?? raw.files_restored ?? 0,
                    totalFiles: raw.total_files))
        case "summary":
            if let summary = ResticBackupSummary(raw) {
                self = .backupSummary(summary)
            } else if let errors = raw.num_errors {
                self = .checkSummary(
                    ResticCheckSummary(
                        errors: errors, brokenPacks: raw.broken_packs ?? [],
                        suggestsIndexRepair: raw.suggest_repair_index ?? false,
                        suggestsPrune: raw.suggest_prune ?? false))
            } else if raw.files_new == nil {
                self = .restoreSummary(
                    ResticRestoreSummary(
                        totalFiles: raw.total_files ?? 0, totalBytes: raw.total_bytes ?? 0,
                        restoredFiles: raw.files_restored ?? 0, skippedFiles: raw.files_skipped ?? 0,
                        restoredBytes: raw.bytes_restored ?? 0, skippedBytes: raw.bytes_skipped ?? 0))
            } else {
                return nil
            }
        case "error":
            self = .error(item: raw.item ?? "", reason: raw.error?.reason ?? raw.message ?? "unknown reason")
        case "exit_error":
            self = .exitError(code: raw.code ?? 1, message: raw.message ?? "")
        default: return nil
        }
    }
}

/// What a backup says at its end. A run that failed says nothing.
package struct ResticBackupSummary: Sendable, Equatable {
    /// 64 hexadecimal digits; before 0.15.0 the first eight of them.
    package var snapshotID: String
    package var filesProcessed: Int64
    package var bytesProcessed: Int64
    /// What the repository grew by: compressed where the version says so (from 0.17.0), else before compression.
    package var addedBytes: Int64?
    /// From 0.18.0.
    package var started: Date?

    fileprivate init?(_ raw: RawMessage) {
        guard let id = raw.snapshot_id, !id.isEmpty, let files = raw.total_files_processed,
            let bytes = raw.total_bytes_processed
        else { return nil }
        snapshotID = id
        filesProcessed = files
        bytesProcessed = bytes
        addedBytes = raw.data_added_packed ?? raw.data_added
        started = raw.backup_start.flatMap(Timestamp.parse)
    }
}

/// What a restore says at its end, from 0.16.0. Folders and links count as files; of a choice, the folders above it are
/// among those restored and not in the total.
package struct ResticRestoreSummary: Sendable, Equatable {
    package var totalFiles: Int64
    package var totalBytes: Int64
    package var restoredFiles: Int64
    /// Already there, and the same.
    package var skippedFiles: Int64
    package var restoredBytes: Int64
    package var skippedBytes: Int64

    /// True when nothing that was to be restored is missing.
    package var isComplete: Bool {
        restoredFiles + skippedFiles >= totalFiles && restoredBytes + skippedBytes == totalBytes
    }
}

/// What a check says at its end, from 0.18.0.
package struct ResticCheckSummary: Sendable, Equatable {
    package var errors: Int64
    package var brokenPacks: [String]
    package var suggestsIndexRepair: Bool
    package var suggestsPrune: Bool
}

/// All keys of all kinds of messages, spelt as restic does.
// swift-format-ignore: AlwaysUseLowerCamelCase
private struct RawMessage: Decodable {
    var message_type: String
    var total_files: Int64?
    var files_done: Int64?
    var total_bytes: Int64?
    var bytes_done: Int64?
    var files_restored: Int64?
    var files_skipped: Int64?
    var bytes_restored: Int64?
    var bytes_skipped: Int64?
    var files_new: Int64?
    var snapshot_id: String?
    var total_files_processed: Int64?
    var total_bytes_processed: Int64?
    var data_added: Int64?
    var data_added_packed: Int64?
    var backup_start: String?
    var num_errors: Int64?
    var broken_packs: [String]?
    var suggest_repair_index: Bool?
    var suggest_prune: Bool?
    var error: RawCause?
    var item: String?
    var code: Int32?
    var message: String?
}

/// `{"message": …}` from 0.17.1; before that a Go error as it happens to encode: `{}`, or `{"Op","Path","Err"}` with the
/// number of the system's error, which is then all there is.
private struct RawCause: Decodable {
    var message: String?
    var operation: String?
    var number: Int32?

    enum CodingKeys: String, CodingKey {
        case message
        case operation = "Op"
        case number = "Err"
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        message = try container.decodeIfPresent(String.self, forKey: .message)
        operation = try container.decodeIfPresent(String.self, forKey: .operation)
        // An error without a number of its own encodes as an empty object.
        number = try? container.decodeIfPresent(Int32.self, forKey: .number)
    }

    var reason: String? {
        if let message { return message }
        let cause = number.map { String(cString: strerror($0)).lowercased() }
        let parts = [operation, cause].compactMap(\.self)
        return parts.isEmpty ? nil : parts.joined(separator: ": ")
    }
}
