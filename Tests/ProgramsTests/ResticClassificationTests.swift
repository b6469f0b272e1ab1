import BackupModel
import Foundation
import Programs
import Testing

struct ResticClassificationTests {
    /// What restic printed, and what it must be taken for, in every version.
    static let cases: [(name: String, failure: ResticFailure)] = [
        ("repo_missing_snapshots", .noRepository),
        ("repo_missing_backup", .noRepository),
        ("repo_missing_check", .noRepository),
        ("repo_missing_unlock", .noRepository),
        ("wrong_password_snapshots", .wrongPassword),
        ("wrong_password_backup", .wrongPassword),
        ("keys_missing", .wrongPassword),
        ("repo_version_unsupported", .formatTooNew),
        ("repo_version_unsupported_backup", .formatTooNew),
        ("config_corrupt", .damaged),
        ("config_empty", .damaged),
        ("backup_corrupt_index", .damaged),
        ("check_corrupt_index", .damaged),
        ("check_missing_pack", .damaged),
        ("check_truncated_pack", .damaged),
        ("check_missing_index", .damaged),
        ("check_corrupt_snapshotfile", .damaged),
        ("prune_missing_pack", .damaged),
        ("restore_corrupt_pack", .damaged),
        ("restore_missing_pack", .damaged),
        ("restore_missing_index", .damaged),
        ("backup_missing_index", .damaged),
        ("copy_corrupt_src", .damaged),
        ("repo_permission_denied", .denied),
        ("repo_permission_denied_backup", .denied),
        ("restore_target_denied", .denied),
        ("rest_refused", .unreachable),
        ("sftp_fail", .unreachable),
        ("badscheme", .usage),
        ("backup_badflag", .usage),
        ("unknown_command", .usage),
        ("backup_missing_only", .sourceUnreadable),
        ("backup_partial_unreadable", .sourceUnreadable),
        ("backup_all_unreadable", .sourceUnreadable),
        ("dump_missing", .notFound),
        ("pwfile_missing", .unknown),
    ]

    @Test(arguments: ResticFixture.versions)
    func `each failure is told from the others`(version: String) throws {
        for (name, failure) in Self.cases {
            let fixture = try ResticFixture(name, version)
            let found = fixture.failure()
            // A restore on 0.14 tells of a refused target item by item, in prose.
            if name == "restore_target_denied", version == "0.14.0" {
                #expect(fixture.diagnostics.items.contains { $0.reason.contains("permission denied") })
                continue
            }
            #expect(found == failure, "\(name): \(fixture.diagnostics.telling)")
        }
    }

    @Test(arguments: ResticFixture.versions)
    func `a full disk is told with the file that could not grow`(version: String) throws {
        guard case .full(let path?) = try ResticFixture("backup_enospc", version).failure() else {
            Issue.record("not taken for a full disk")
            return
        }
        #expect(path.hasPrefix("/spike/small/r/data/"))
    }

    @Test(arguments: ResticFixture.versions)
    func `a lock is told with its owner and age`(version: String) throws {
        let now = Date(timeIntervalSince1970: 1_800_000_000)
        for name in ["locked_excl_backup", "locked_excl_forget", "locked_excl_prune", "locked_excl_restore"] {
            guard case .locked(let notice?) = try ResticFixture(name, version).failure(now: now) else {
                Issue.record("\(name) not taken for a lock")
                continue
            }
            #expect(notice.lock.host == "otherhost")
            #expect(notice.lock.user == "root")
            #expect(notice.lock.pid == 4242)
            #expect(notice.lock.exclusive)
            #expect(notice.lock.id.count == 8)
            #expect((55.0...70.0).contains(now.timeIntervalSince(notice.lock.time)))
        }
        guard case .locked(let shared?) = try ResticFixture("locked_shared_prune", version).failure(now: now) else {
            Issue.record("a shared lock was not seen")
            return
        }
        #expect(!shared.lock.exclusive)
        guard case .locked(let old?) = try ResticFixture("stale31min_prune", version).failure(now: now) else {
            Issue.record("an old lock was not seen")
            return
        }
        #expect((1860.0...1870.0).contains(now.timeIntervalSince(old.lock.time)))
    }

    @Test func `a locked check is told apart although its summary counts errors`() throws {
        for version in ResticFixture.versions {
            let fixture = try ResticFixture("locked_excl_check", version)
            #expect(
                ResticCheckReport.parse(
                    exitCode: fixture.exitCode, output: fixture.output, fixture.diagnostics) == nil)
        }
    }

    @Test func `words in the names of the operator's files do not count`() {
        let line =
            #"{"message_type":"error","error":{"message":"open /x: permission denied"},"during":"archival","#
            + #""item":"/srv/no space left on device/wrong password or no key found"}"#
        let diagnostics = ResticDiagnostics(line + "\nWarning: at least one source file could not be read\n")
        #expect(ResticFailure(exitCode: 3, diagnostics, now: Date()) == .sourceUnreadable)
    }

    @Test func `an unknown exit code without words is unknown`() {
        #expect(ResticFailure(exitCode: 99, ResticDiagnostics(""), now: Date()) == .unknown)
    }

    @Test(arguments: ResticFixture.versions)
    func `what is told to people is short and free of stack traces`(version: String) throws {
        let text = try ResticFixture("config_empty", version).diagnostics.telling
        #expect(text == "config file has zero size, invalid repository?")
        let wrong = try ResticFixture("wrong_password_backup", version).diagnostics.telling
        #expect(wrong == "wrong password or no key found")
    }
}
