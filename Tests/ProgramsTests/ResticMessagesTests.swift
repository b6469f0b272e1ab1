import BackupModel
import Foundation
import Programs
import Testing

struct ResticMessagesTests {
    @Test(arguments: ResticFixture.versions)
    func `a good backup ends with a summary`(version: String) throws {
        let summary = try #require(try Self.backupSummary("backup_ok", version))
        #expect(summary.filesProcessed == 15)
        #expect(summary.bytesProcessed == 3_017_217)
        #expect(summary.snapshotID.count == (version == "0.14.0" ? 8 : 64))
        #expect((summary.started == nil) == (version == "0.14.0"))
        #expect(try #require(summary.addedBytes) > 3_000_000)
    }

    @Test(arguments: ResticFixture.versions)
    func `a failed backup has no summary`(version: String) throws {
        for name in ["backup_enospc", "backup_missing_only", "locked_excl_backup", "wrong_password_backup"] {
            #expect(try Self.backupSummary(name, version) == nil, "\(name)")
        }
    }

    @Test(arguments: ["0.18.0", "0.19.1"])
    func `a backup that skipped an unchanged state has no snapshot and thus no summary`(version: String) throws {
        #expect(try Self.backupSummary("backup_skip_if_unchanged", version) == nil)
    }

    @Test(arguments: ResticFixture.versions)
    func `progress never shows more than there is`(version: String) throws {
        for message in try ResticFixture("backup_enospc", version).messages {
            guard case .status(let progress) = message else { continue }
            #expect(progress.bytes <= progress.totalBytes ?? progress.bytes)
        }
    }

    @Test(arguments: ["0.18.0", "0.19.1"])
    func `a restore is complete when everything is restored or was there already`(version: String) throws {
        #expect(try #require(try Self.restoreSummary("restore", version)).isComplete)
        #expect(try #require(try Self.restoreSummary("restore", version)).restoredBytes == 3_017_232)
        #expect(try !#require(try Self.restoreSummary("restore_corrupt_pack", version)).isComplete)
        #expect(try !#require(try Self.restoreSummary("restore_missing_pack", version)).isComplete)
        #expect(try #require(try Self.restoreSummary("restore_include_nomatch", version)).totalFiles == 0)
    }

    @Test func `0.14 says nothing countable of a restore`() throws {
        #expect(try Self.restoreSummary("restore", "0.14.0") == nil)
    }

    @Test func `lines that are no message are passed over`() {
        for line in [
            "", "text", "{", "{}", #"{"message_type":"brand_new","x":1}"#, #"{"message_type":7}"#,
            #"{"message_type":"status","percent_done":1e400}x"#, #"{"message_type":"status","total_bytes":1e400}"#,
            #"{"message_type":"summary","files_new":3}"#, "{\"message_type\":\"sta\0tus\"}",
        ] {
            #expect(ResticMessage(line: line) == nil, "\(line)")
        }
    }

    @Test func `a summary whose numbers do not fit is no summary`() {
        let line =
            #"{"message_type":"summary","files_new":1,"snapshot_id":"ab","total_files_processed":1,"#
            + #""total_bytes_processed":1e400}"#
        #expect(ResticMessage(line: line) == nil)
    }

    private static func backupSummary(_ name: String, _ version: String) throws -> ResticBackupSummary? {
        for message in try ResticFixture(name, version).messages {
            if case .backupSummary(let summary) = message { return summary }
        }
        return nil
    }

    private static func restoreSummary(_ name: String, _ version: String) throws -> ResticRestoreSummary? {
        for message in try ResticFixture(name, version).messages {
            if case .restoreSummary(let summary) = message { return summary }
        }
        return nil
    }
}
