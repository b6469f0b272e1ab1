import BackupModel
import Programs
import Testing

@Suite struct `The sqlite3 shell` {
    @Test func `is called with the database as a URI and all SQL on its input`() {
        let command = SQLiteShell.command("/srv/a b/x?.db", .readOnly, script: [".timeout 5", "SELECT 1;"])
        #expect(command.program == "sqlite3")
        #expect(
            command.arguments == [
                "-batch", "-init", "/dev/null", "-noheader", "-list", "-bail", "file:///srv/a%20b/x%3F.db?mode=ro",
            ])
        #expect(command.input == .bytes(Array(".timeout 5\nSELECT 1;\n".utf8)))
        #expect(command.whenOrphaned == .signal(.terminate))
    }

    @Test(arguments: [
        ("/a", "file:///a?mode=rw"), ("/ü%&#\n'\"", "file:///%C3%BC%25%26%23%0A%27%22?mode=rw"),
        ("//host/x", "file:////host/x?mode=rw"),
    ])
    func `no name can end the path of a URI`(_ path: String, _ uri: String) {
        #expect(SQLiteShell.uri(path, .existing) == uri)
    }

    @Test func `copies inside a read transaction, for a plain backup under a writer never ends`() throws {
        let script = SQLiteShell.backupScript(to: "copy.db", busyTimeout: .milliseconds(1500))
        #expect(script.first == ".timeout 1500")
        let begin = try #require(script.firstIndex(of: "BEGIN;"))
        let read = try #require(script.firstIndex { $0.hasPrefix("SELECT") })
        let copy = try #require(script.firstIndex(of: ".backup main copy.db"))
        #expect(begin < read && read < copy)
    }

    @Test func `quotes names and texts`() {
        #expect(SQLiteShell.literal("it's") == "'it''s'")
        #expect(SQLiteShell.identifier("a \"b\"") == "\"a \"\"b\"\"\"")
        #expect(SQLiteShell.countScript(["a\nb"]) == ["SELECT '610A62', count(*) FROM \"a\nb\";"])
    }

    @Test(arguments: [
        ("Parse error near line 3: database is locked (5)", SQLiteFailure.busy),
        ("Error: near line 3: database is locked", .busy),
        ("Parse error near line 2: file is not a database (26)", .notADatabase),
        ("Runtime error near line 1: database disk image is malformed (11)", .malformed),
        ("Error: unable to open database \"file:x?mode=ro\": unable to open database file", .cannotOpen),
        ("Runtime error near line 2: attempt to write a readonly database (8)", .readOnly),
        ("Error: database or disk is full", .full),
        ("Error: unable to open database \"/d\": disk I/O error", .cannotOpen),
        ("Error: in prepare, no such collation sequence: foo", .missingExtension), ("", .other),
    ])
    func `says why it failed`(_ text: String, _ expected: SQLiteFailure) {
        #expect(SQLiteFailure(diagnostics: text) == expected)
    }

    @Test func `only ok is a sound database`() {
        #expect(SQLiteIntegrity(output: "ok\n").isSound)
        #expect(!SQLiteIntegrity(output: "").isSound)
        #expect(!SQLiteIntegrity(output: "row 1 missing from index i\n").isSound)
        #expect(
            !SQLiteIntegrity(output: "*** in database main ***\nPage 12: btreeInitPage() returns error code 11\n")
                .isSound)
        let rules = SQLiteIntegrity(output: "NULL value in t.a\nCHECK constraint failed in t\n")
        #expect(rules.isSound && rules.violations.count == 2)
    }

    @Test func `answers that were cut short are not believed`() {
        #expect(SQLiteRows.parse("61|10\n62|20") == ["a": 10])
        #expect(SQLiteRows.parse("61|10\n62|20\n") == ["a": 10, "b": 20])
        #expect(SQLiteRows.parse("Error\n6|1\nzz|1\n61|\n") == [:])
        #expect(
            SQLiteTables(output: "61|0\n76|1\n")
                == {
                    var tables = SQLiteTables(output: "")
                    tables.countable = ["a"]
                    tables.virtual = ["v"]
                    return tables
                }())
    }

    @Test func `tells its version`() {
        #expect(SQLiteShell.parseVersion("3.40.1 2022-12-28 14:03:47 df5c253c0b3d\n") == "3.40.1")
        #expect(SQLiteShell.parseVersion("command not found") == nil)
    }
}
