import BackupModel
import Programs
import Testing

struct ResticDiagnosticsTests {
    @Test(arguments: ResticFixture.versions)
    func `unreadable items are listed once each with the reason`(version: String) throws {
        let items = try ResticFixture("backup_partial_unreadable", version).diagnostics.items
        #expect(items.map(\.path) == ["/spike/up/src/closed", "/spike/up/src/secret.txt"])
        #expect(items[1].reason.contains("permission denied"))
    }

    @Test(arguments: ResticFixture.versions)
    func `a path that is not there is an unreadable item whatever the exit code`(version: String) throws {
        let items = try ResticFixture("backup_missing_one_of_two", version).diagnostics.items
        #expect(items == [UnreadableItem(path: "/no/such/path", reason: "does not exist")])
    }

    @Test(arguments: ResticFixture.versions)
    func `a missing index is damage and not an unreadable source`(version: String) throws {
        #expect(ResticFailure.tellsOfDamage(try ResticFixture("backup_missing_index", version).diagnostics))
        #expect(!ResticFailure.tellsOfDamage(try ResticFixture("backup_partial_unreadable", version).diagnostics))
        #expect(!ResticFailure.tellsOfDamage(try ResticFixture("backup_missing_one_of_two", version).diagnostics))
    }

    @Test(arguments: ResticFixture.versions)
    func `an empty stream is told`(version: String) throws {
        let fixture = try ResticFixture("backup_stdin_empty", version)
        #expect(fixture.diagnostics.items.map(\.path) == ["/empty.sql"])
    }

    @Test(arguments: ResticFixture.versions)
    func `a restore tells which files failed`(version: String) throws {
        let items = try ResticFixture("restore_corrupt_pack", version).diagnostics.items
        #expect(items.map(\.path) == ["/spike/src/big.bin"])
    }

    @Test func `what restic writes for a terminal is taken out`() {
        let diagnostics = ResticDiagnostics("\u{1b}[2Ksignal interrupt received, cleaning up\n")
        #expect(diagnostics.text == ["signal interrupt received, cleaning up"])
    }
}
