import Programs
import Testing

@Suite("Roles of a dump of globals")
struct PostgreSQLRolesTests {
    private static let globals = """
        --
        -- PostgreSQL database cluster dump
        --
        SET default_transaction_read_only = off;
        CREATE ROLE app;
        ALTER ROLE app WITH NOSUPERUSER INHERIT NOCREATEROLE NOCREATEDB LOGIN NOREPLICATION NOBYPASSRLS PASSWORD 'SCRAM-SHA-256$4096:x';
        CREATE ROLE "odd ""name";
        ALTER ROLE "odd ""name" WITH NOSUPERUSER NOLOGIN;
        CREATE ROLE postgres;
        ALTER ROLE postgres WITH SUPERUSER LOGIN PASSWORD 'old';
        ALTER ROLE app SET search_path TO 'app', 'public';
        ALTER ROLE app IN DATABASE x SET work_mem TO '1MB';
        COMMENT ON ROLE app IS 'CREATE ROLE evil;
        CREATE ROLE evil';
        GRANT "odd ""name" TO app WITH ADMIN OPTION GRANTED BY postgres;
        GRANT app TO postgres GRANTED BY postgres;
        CREATE TABLESPACE big OWNER postgres LOCATION '/srv/big';
        """

    @Test func `only what is missing is made, with its attributes and memberships`() {
        let roles = PostgreSQLRoles(globals: Self.globals, existing: ["postgres"])
        #expect(roles.missing == ["app", "odd \"name"])
        #expect(
            roles.statements == [
                "CREATE ROLE app;",
                "ALTER ROLE app WITH NOSUPERUSER INHERIT NOCREATEROLE NOCREATEDB LOGIN NOREPLICATION NOBYPASSRLS PASSWORD "
                    + "'SCRAM-SHA-256$4096:x';",
                "CREATE ROLE \"odd \"\"name\";", "ALTER ROLE \"odd \"\"name\" WITH NOSUPERUSER NOLOGIN;",
                "ALTER ROLE app SET search_path TO 'app', 'public';",
                "GRANT \"odd \"\"name\" TO app WITH ADMIN OPTION;",
            ])
    }

    @Test func `where all are there nothing is said`() {
        let roles = PostgreSQLRoles(globals: Self.globals, existing: ["postgres", "app", "odd \"name"])
        #expect(roles.missing.isEmpty && roles.statements.isEmpty)
    }

    @Test(arguments: [
        (
            "GRANT a TO b WITH ADMIN OPTION, INHERIT FALSE, SET FALSE GRANTED BY x;",
            "GRANT a TO b WITH ADMIN OPTION, INHERIT FALSE, SET FALSE;"
        ),
        ("GRANT a TO b WITH INHERIT FALSE;", "GRANT a TO b WITH INHERIT FALSE;"), ("GRANT a TO b;", "GRANT a TO b;"),
        ("GRANT a TO \"b GRANTED BY c\" GRANTED BY x;", "GRANT a TO \"b GRANTED BY c\";"),
    ])
    func `what a membership allows is kept, and who granted it is not`(line: String, statement: String) {
        let member = line.contains("\"") ? "\"b GRANTED BY c\"" : "b"
        let roles = PostgreSQLRoles(globals: "CREATE ROLE \(member);\n\(line)", existing: ["a"])
        #expect(roles.statements.last == statement)
    }
}
