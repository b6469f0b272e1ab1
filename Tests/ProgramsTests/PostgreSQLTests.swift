import BackupModel
import Programs
import Testing

@Suite struct `PostgreSQL's clients` {
    private let clients = PostgreSQLClients(folder: "/usr/lib/postgresql/15/bin")
    private var connection: PostgreSQLConnection {
        var connection = PostgreSQLConnection(database: "-x dbname=y", applicationName: "holdfast-run")
        connection.host = "/run/pg"
        connection.port = 5433
        connection.user = "app"
        connection.password = Secret("s3cr:et\\")
        return connection
    }

    @Test func `get every name by their environment and the password by a memory file`() throws {
        let command = clients.dump(connection, PostgreSQLClients.DumpOptions())
        #expect(command.environment["PGDATABASE"] == "-x dbname=y")
        #expect(command.environment["PGHOST"] == "/run/pg")
        #expect(command.environment["PGPORT"] == "5433")
        #expect(command.environment["PGUSER"] == "app")
        #expect(command.environment["PGAPPNAME"] == "holdfast-run")
        #expect(!command.displayed.contains("dbname=y"))
        guard case .memoryFile("PGPASSFILE", let secret)? = command.secrets.first else {
            Issue.record("no password file")
            return
        }
        #expect(secret == Secret("*:*:*:*:s3cr\\:et\\\\\n"))
        #expect(!command.displayed.contains("s3cr") && !"\(command)".contains("s3cr"))
    }

    @Test func `never ask for a password`() {
        let commands = [
            clients.dump(connection, .init()), clients.globals(connection, withPasswords: true),
            clients.shell(connection, script: ""), clients.session(connection), clients.load(connection),
            clients.loadArchive(connection),
        ]
        for command in commands { #expect(command.arguments.contains("--no-password"), "\(command.displayed)") }
    }

    @Test func `dump out of a given snapshot, with a bounded wait for locks`() {
        var options = PostgreSQLClients.DumpOptions()
        options.snapshot = "00000003-0000001B-1"
        options.lockWait = .seconds(7)
        options.excludedTables = ["-t*"]
        options.excludedTableData = ["log"]
        #expect(
            clients.dump(connection, options).arguments == [
                "--no-password", "--lock-wait-timeout=7000", "--format=plain", "--snapshot=00000003-0000001B-1",
                "--exclude-table=-t*", "--exclude-table-data=log",
            ])
        options.isCustom = true
        #expect(clients.dump(connection, options).arguments.contains("--compress=0"))
        #expect(clients.dump(connection, options).whenOrphaned == .leave)
    }

    @Test func `quote what has to stand in an argument or a statement`() {
        #expect(clients.globals(connection, withPasswords: false).arguments.contains("--no-role-passwords"))
        var odd = connection
        odd.database = "a'b\\c"
        #expect(clients.globals(odd, withPasswords: true).arguments.last == "--database=dbname='a\\'b\\\\c'")
        #expect(PostgreSQLQueries.literal("it's") == "'it''s'")
        #expect(PostgreSQLQueries.literal("a\\'b") == "E'a\\\\''b'")
        #expect(PostgreSQLQueries.identifier("a\"b") == "\"a\"\"b\"")
    }

    @Test(arguments: [
        (["collate": "C", "ctype": "C"], 14, "LC_COLLATE 'C' LC_CTYPE 'C'"),
        (["collate": "C", "provider": "c"], 15, "LC_COLLATE 'C' LOCALE_PROVIDER libc"),
        // A dump of a server that knew no other may come to one whose own is another.
        (["collate": "C", "server": "14.2"], 18, "LC_COLLATE 'C' LOCALE_PROVIDER libc"),
        (["collate": "C", "server": "15.2"], 18, "LC_COLLATE 'C'"),
        (
            ["collate": "C", "provider": "i", "locale": "sv", "icu-rules": "&a"], 15,
            "LC_COLLATE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'sv'"
        ),
        (
            ["provider": "i", "locale": "sv", "icu-rules": "&a"], 16,
            "LOCALE_PROVIDER icu ICU_LOCALE 'sv' ICU_RULES '&a'"
        ),
        (["provider": "b", "locale": "C.UTF-8"], 17, "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'"),
        (["collate": "C", "provider": "b", "locale": "C.UTF-8"], 15, "LC_COLLATE 'C'"),
    ])
    func `say by which rules texts are sorted, as far as a server understands it`(
        _ notes: [String: String], _ major: Int, _ options: String
    ) {
        let statement = PostgreSQLQueries.createDatabase("x", encoding: "UTF8", PostgreSQLLocale(notes), on: major)
        #expect(statement == "CREATE DATABASE \"x\" TEMPLATE template0 ENCODING 'UTF8' \(options);\n")
    }

    @Test func `name what belongs to a database in statements for any name`() throws {
        let properties = try PostgreSQLProperties(answer: [#"["ALTER DATABASE ", " SET a TO 'b';"]"#])
        #expect(properties.statements(for: "it's \"x\"") == [#"ALTER DATABASE "it's ""x""" SET a TO 'b';"#])
        let noted = try #require(try properties.noted)
        #expect(PostgreSQLProperties([PostgreSQLProperties.note: noted]) == properties)
        #expect(try PostgreSQLProperties(answer: [String]()).noted == nil && PostgreSQLProperties([:]) == nil)
    }

    @Test(arguments: [
        ("pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", 15, "15.18"), ("17.2", 17, "17.2"),
        ("pg_dump (PostgreSQL) 18beta1", 18, "18beta1"), ("15.18 (Debian 15.18-0+deb12u1)", 15, "15.18"),
        ("pg_dump (PostgreSQL) 9.6.24", 9, "9.6.24"),
    ])
    func `tell their version`(_ text: String, _ major: Int, _ shown: String) throws {
        let version = try #require(PostgreSQLVersion(text))
        #expect(version.major == major && version.description == shown)
    }

    @Test(arguments: [
        (
            "connection to server on socket \"/x/.s.PGSQL.5432\" failed: No such file or directory",
            PostgreSQLFailure.unreachable
        ),
        ("connection to server at \"127.0.0.1\", port 1 failed: Connection refused", .unreachable),
        ("could not translate host name \"nx.invalid\" to address: Name or service not known", .unreachable),
        ("connection to server on socket \"/x\" failed: FATAL:  database \"nodb\" does not exist", .noSuchDatabase),
        ("connection to server on socket \"/x\" failed: FATAL:  role \"no\" does not exist", .noSuchRole),
        ("failed: FATAL:  Peer authentication failed for user \"app\"", .notAuthenticated),
        ("failed: fe_sendauth: no password supplied", .notAuthenticated),
        ("ERROR:  permission denied for table secret", .notPermitted),
        ("ERROR:  canceling statement due to lock timeout", .busy), ("FATAL:  sorry, too many clients already", .busy),
        ("ERROR:  database \"x\" already exists", .databaseExists),
        ("ERROR:  invalid locale name: \"de_DE\"", .badLocale),
        ("FEHLER:  etwas anderes", .other),
    ])
    func `say why they failed`(_ text: String, _ expected: PostgreSQLFailure) {
        #expect(PostgreSQLFailure(diagnostics: text) == expected)
    }

    @Test(
        arguments: [
            ("log", nil, "^(log)$"), ("LOG_*", nil, "^(log_.*)$"), ("\"LOG.*\"", nil, "^(LOG\\.\\*)$"),
            ("a?.b*", "^(a.)$", "^(b.*)$"), ("s.\"x\"\"y\"", "^(s)$", "^(x\"y)$"), ("db.s.t", "^(s)$", "^(t)$"),
            ("a$b", nil, "^(a\\$b)$"), ("(a|b)", nil, "^((a|b))$"),
        ] as [(String, String?, String)])
    func `read table patterns as pg_dump does`(_ text: String, _ schema: String?, _ table: String) {
        #expect(PostgreSQLPattern(text).schema == schema)
        #expect(PostgreSQLPattern(text).table == table)
    }

    @Test func `a plain dump is complete when its marker stands near its end`() {
        let marker = "--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict abc\n\n"
        #expect(PostgreSQLQueries.isComplete(plainTail: Array(marker.utf8)))
        #expect(!PostgreSQLQueries.isComplete(plainTail: Array("COPY t FROM stdin;\n1\n".utf8)))
    }

    @Test func `answers are read strictly`() throws {
        let lines = ["{\"name\" : \"public.t\", \"estimate\" : -1, \"withoutData\" : false}", ""]
        #expect(
            try PostgreSQLQueries.decode(PostgreSQLQueries.Table.self, lines).map(\.name) == ["public.t"])
        #expect(throws: (any Error).self) { try PostgreSQLQueries.decode(PostgreSQLQueries.Table.self, ["ERROR"]) }
    }
}
