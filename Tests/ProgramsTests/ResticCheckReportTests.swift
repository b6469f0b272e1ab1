import BackupModel
import Programs
import Testing

struct ResticCheckReportTests {
    @Test(arguments: ResticFixture.versions)
    func `a sound repository is sound`(version: String) throws {
        for name in ["check_ok", "check_ok_readdata", "check_ok_subset", "check_empty", "check_after_enospc"] {
            #expect(try #require(try Self.report(name, version)).isSound, "\(name)")
        }
    }

    @Test(arguments: ResticFixture.versions)
    func `damaged and missing packs are named as files`(version: String) throws {
        for name in [
            "check_corrupt_pack_readdata", "check_truncated_pack", "check_missing_pack", "check_missing_smallpack",
        ] {
            let report = try #require(try Self.report(name, version), "\(name)")
            #expect(!report.isSound)
            #expect(report.damagedFiles.count == 1, "\(name): \(report.damagedFiles)")
            let file = try #require(report.damagedFiles.first).split(separator: "/")
            #expect(file.count == 3 && file[0] == "data" && file[2].hasPrefix(file[1]) && file[2].count == 64)
            #expect(!report.errors.isEmpty)
            #expect(!report.errors.contains { $0.contains("restic repair") || $0.hasPrefix("The repository") })
        }
    }

    @Test(arguments: ResticFixture.versions)
    func `other damage is no sound repository either`(version: String) throws {
        for name in ["check_missing_index", "check_corrupt_snapshotfile", "check_corrupt_index"] {
            let report = try #require(try Self.report(name, version), "\(name)")
            #expect(!report.isSound && !report.errors.isEmpty, "\(name)")
        }
        let index = try #require(try Self.report("check_corrupt_index", version))
        #expect(index.damagedFiles.first?.hasPrefix("index/") == true)
    }

    @Test(arguments: ResticFixture.versions)
    func `files that no index names are mentioned`(version: String) throws {
        let report = try #require(try Self.report("check_orphan_garbage_pack", version))
        #expect(report.isSound)
        #expect(!report.notices.isEmpty)
    }

    @Test(arguments: ResticFixture.versions)
    func `a check that never began gives no report`(version: String) throws {
        for name in ["locked_excl_check", "repo_missing_check"] {
            #expect(try Self.report(name, version) == nil, "\(name)")
        }
    }

    @Test func `a good exit without a verdict is none`() {
        #expect(ResticCheckReport.parse(exitCode: 0, output: "", ResticDiagnostics("")) == nil)
    }

    private static func report(_ name: String, _ version: String) throws -> VerifyReport? {
        let fixture = try ResticFixture(name, version)
        return ResticCheckReport.parse(exitCode: fixture.exitCode, output: fixture.output, fixture.diagnostics)
    }
}
