import Foundation
import TestSupport
import Testing

/// Everything is lost but a copy elsewhere, the sheet, and the keys that were kept apart: the home, the state, the configuration,
/// the primary. What was there comes back by the sheet's own lines, and a second time by the program with the profile that the
/// sheet carries; both times it is compared bit by bit.
@Suite("After a disaster", .serialized, .enabled(if: S3Server.isAvailable, "python3 is not installed"))
struct DisasterTests {
    @Test(.enabled(if: PrivatePostgres.programs != nil, "PostgreSQL is not installed"))
    func `timetiles comes back from the write-only mirror, rows and uploads`() async throws {
        let server = try S3Server()
        let postgres = try PrivatePostgres.shared.get()
        let database = try postgres.makeDatabase(
            "tiles\(UInt32.random(in: 0..<1_000_000))", "CREATE TABLE tiles AS SELECT generate_series(1, 500) AS id;")
        let host = try DisasterScene("timetiles")
        try host.profile("timetiles", replacing: [("/opt/timetiles", "\(host.old)/app")])
        let credential = server.credential(.writeOnly)
        try host.folder.write(
            """
            RESTIC_PASSWORD=""
            RESTIC_OFFSITE_REPOSITORY="s3:s3.amazonaws.com/\(server.bucket)/timetiles"
            AWS_ACCESS_KEY_ID="\(credential.id)"
            AWS_SECRET_ACCESS_KEY="\(credential.secret)"
            AWS_ENDPOINT_URL="\(server.endpoint)"
            POSTGRES_DB=\(database)
            POSTGRES_USER=\(postgres.superuser)
            POSTGRES_HOST=\(postgres.socketFolder)
            POSTGRES_PASSWORD=not-asked-for

            """, to: "old/app/.env", mode: 0o600)
        try host.folder.write("a picture\n", to: "old/app/uploads/a picture.jpg", mode: 0o640)
        let backup = try await host.world.program.run("backup", "--offsite", "--strict")
        #expect(backup.code == 0, "\(backup)")
        try await host.shell("mkdir -p kept; cp old/app/.restic-password kept/password; chmod 600 kept/password")
        try await host.strike(keeping: ["app/uploads"])
        try postgres.sql("DROP DATABASE \(database)")

        var variables = server.credential(.readOnly).environment
        variables.merge([
            "FROM": "offsite", "PASSWORD_FILE": host.folder["kept/password"], "PGHOST": postgres.socketFolder,
            "PGPORT": String(postgres.port), "PGUSER": postgres.superuser, "GLOBALS": "yes",
        ]) { $1 }
        let sheet = try await host.bySheet(variables)
        #expect(sheet.code == 0 && sheet.output.contains("proven: database \(database): 1 table, 500 rows"), "\(sheet)")
        #expect(try postgres.sql("SELECT sum(id) FROM tiles", database: database) == "125250")

        let password = try String(contentsOfFile: host.folder["kept/password"], encoding: .utf8)
        let program = try await host.byProgram(
            "timetiles", ["--offsite", "--credentials", try host.credentials(server), "--into", "db=\(database)_b"],
            environment: [
                "RESTIC_PASSWORD": password.trimmingCharacters(in: .newlines), "POSTGRES_PASSWORD": "not-asked-for",
            ])
        #expect(program.code == 0 && program.said.contains("500 rows"), "\(program)")
        #expect(try postgres.sql("SELECT sum(id) FROM tiles", database: "\(database)_b") == "125250")
        try await host.expectSame("app/uploads", in: "uploads")
        #expect(try server.complaints() == "")
    }

    @Test(.enabled(if: geteuid() == 0, "mounting a disk of its own for the backups needs root"))
    func `hapi comes back from the disk elsewhere, sessions counted, secrets opened`() async throws {
        var host = try DisasterScene("hapi")
        let disk = try TemporaryFileSystem(at: host.folder["disk"], kibibytes: 64 << 10)
        defer { disk.unmount() }
        var program = host.world.program
        program.environment["HAPI_BACKUP_REPOSITORY"] = host.folder["disk/hapi"]
        host.world = World(program: program)
        try host.profile("hapi")
        try host.folder.write("a password of words\n", to: "old/home/.config/holdfast/hapi.password", mode: 0o600)
        try host.folder.write("JWT_SECRET=CANARY-of-hapi\n", to: "old/home/.hapi/hub.env", mode: 0o600)
        try host.folder.write("{\"layers\": 3}\n", to: "old/home/.hapi/driver-status.json")
        try host.folder.write("layers: [a, b]\n", to: "old/home/.config/hapi/driver-manifest.yaml")
        try await host.shell(
            """
            mkdir -p kept; age-keygen -o kept/key.age 2>/dev/null; age-keygen -y kept/key.age > old/home/.config/holdfast/recipients.txt
            cp -p old/home/.config/holdfast/hapi.password kept/password
            sqlite3 old/home/.hapi/hapi.db 'PRAGMA journal_mode=wal; CREATE TABLE session(id); INSERT INTO session VALUES (1),(2),(3)' >/dev/null
            cd old/home; mkdir -p coding/hapi/docs/plans; cd coding/hapi; git init --quiet --initial-branch=main
            echo tracked > docs/plans/tracked.md; git add .
            git -c user.name=a -c user.email=a@b commit --quiet --message=first; echo handoff > docs/plans/handoff.md
            """)
        let backup = try await host.world.program.run("backup")
        #expect(backup.code == 0, "\(backup)")
        try await host.strike(keeping: [
            "home/.hapi/hub.env", "home/.hapi/driver-status.json", "home/coding/hapi/docs/plans/handoff.md",
        ])

        let sheet = try await host.bySheet([
            "PASSWORD_FILE": host.folder["kept/password"], "SOURCE_IDENTITY_FILE": host.folder["kept/key.age"],
        ])
        #expect(sheet.code == 0 && sheet.output.contains("hapi.db: 1 table, 3 rows"), "\(sheet)")
        // Where the profile says that it is.
        try await host.shell(
            "mkdir -p old/home/.config/holdfast; cp -p kept/password old/home/.config/holdfast/hapi.password")
        let again = try await host.byProgram("hapi", ["--identity", host.folder["kept/key.age"]])
        #expect(again.code == 0 && again.said.contains("3 rows"), "\(again)")
        for file in ["hub.env", "driver-status.json", "handoff.md"] {
            let kept = try await host.world.program.runTool(
                "find", host.folder["as-it-was"], host.folder["sheet"], host.folder["program"], "-name", file, "-type",
                "f",
                "-exec", "sha256sum", "{}", ";")
            let digests = kept.output.split(separator: "\n").map { $0.prefix(64) }
            #expect(digests.count == 3 && Set(digests).count == 1, "\(file): \(kept)")
        }
        for way in ["sheet", "program"] {
            let rows = try await host.world.program.runTool(
                "sqlite3", host.folder["\(way)/sessions/hapi.db"], "SELECT count(*), sum(id) FROM session")
            #expect(rows.output == "3|6\n", "\(way): \(rows)")
        }
    }

    @Test func `hermes comes back from S3, of which the host's own key could read nothing`() async throws {
        let server = try S3Server()
        var host = try DisasterScene("hermes")
        var program = host.world.program
        program.environment.merge(server.credential(.writeOnly).environment) { $1 }
        program.environment["BACKUP_S3_URI"] = "s3://\(server.bucket)/hermes"
        program.environment["AWS_ENDPOINT_URL"] = server.endpoint
        host.world = World(program: program)
        try host.profile("hermes")
        try host.folder.write("a passphrase of words\n", to: "old/home/.config/timmy/backup.passphrase", mode: 0o600)
        try host.folder.write("name: hermes\n", to: "old/home/.hermes/config.yaml")
        try host.folder.write("one\n", to: "old/home/.hermes/sessions/a b.json", mode: 0o640)
        try await host.shell("mkdir -p kept; cp -p old/home/.config/timmy/backup.passphrase kept/passphrase")
        let backup = try await host.world.program.run("backup", "--strict")
        #expect(backup.code == 0, "\(backup)")
        try await host.strike(keeping: ["home/.hermes"])

        var variables = server.credential(.readOnly).environment
        variables.merge(["FROM": "s3", "PASSWORD_FILE": host.folder["kept/passphrase"]]) { $1 }
        let sheet = try await host.bySheet(variables)
        #expect(sheet.code == 0 && sheet.output.contains("every file has its digest"), "\(sheet)")
        // The digests are beside what was unpacked.
        try await host.shell("rm sheet/hermes/.holdfast-sha256sums; mkdir -p old/home/.config/timmy")
        try await host.shell("cp -p kept/passphrase old/home/.config/timmy/backup.passphrase")
        let again = try await host.byProgram("hermes", ["--from", "s3", "--credentials", try host.credentials(server)])
        #expect(again.code == 0, "\(again)")
        try await host.expectSame("home/.hermes", in: "hermes")
        #expect(try server.complaints() == "")
    }

    @Test(.enabled(if: PrivatePostgres.programs != nil, "PostgreSQL is not installed"))
    func `ripple-env comes back from S3, its environment file opened by its own key, its database counted`()
        async throws
    {
        let server = try S3Server()
        let postgres = try PrivatePostgres.shared.get()
        let database = try postgres.makeDatabase(
            "ripple\(UInt32.random(in: 0..<1_000_000))", "CREATE TABLE t AS SELECT generate_series(1, 300) AS i;")
        var host = try DisasterScene("ripple")
        var program = host.world.program
        program.environment.merge(server.credential(.writeOnly).environment) { $1 }
        program.environment.merge([
            "RIPPLE_ENV": host.folder["old/ripple-env"], "RIPPLE_BACKUP": host.folder["old/drive/ripple-env"],
            "RIPPLE_DRIVE_IS_MOUNTED": "false", "RIPPLE_S3_URI": "s3://\(server.bucket)/ripple-env-backups",
            "AWS_ENDPOINT_URL": server.endpoint,
        ]) { $1 }
        host.world = World(program: program)
        try host.profile(
            "ripple-env",
            replacing: [
                ("database: flexnetos", "database: \(database)\n      host: \(postgres.socketFolder)"),
                ("user: postgres", "user: \(postgres.superuser)"),
                (
                    "      through: { compose: \"${RIPPLE_COMPOSE:-~/ripple-env/docker-compose.yml}\", service: postgres }\n",
                    ""
                ),
            ])
        try host.folder.write("a password of words\n", to: "old/home/.config/holdfast/ripple-env.password", mode: 0o600)
        try await host.shell(
            """
            mkdir -p kept; age-keygen -o kept/key.age 2>/dev/null; age-keygen -y kept/key.age > old/home/.config/holdfast/recipients.txt
            cp -p old/home/.config/holdfast/* kept/
            mkdir -p old/ripple-env/secrets old/ripple-env/docker/data/app; cd old/ripple-env; git init --quiet --initial-branch=main
            printf '.env\ndocker/data/\n' > .gitignore; echo locked > flake.lock; echo locked > pixi.lock
            echo 'services: {}' > docker-compose.web.yml; echo sealed > secrets/db.age; git add .
            git -c user.name=a -c user.email=a@b commit --quiet --message=first
            echo 'services: { web: {} }' > docker-compose.web.yml; echo new > docker-compose.gpu.yml
            echo 'SECRET=CANARY-of-ripple-env' > .env; chmod 600 .env; echo data > docker/data/app/data
            """)
        let backup = try await host.world.program.run("backup", "--strict")
        #expect(backup.code == 0, "\(backup)")
        let files = [
            ".env", "secrets/db.age", "pixi.lock", "docker-compose.web.yml", "docker-compose.gpu.yml",
            "docker/data/app/data",
        ]
        try await host.strike(keeping: files.map { "ripple-env/" + $0 })
        try postgres.sql("DROP DATABASE \(database)")

        var variables = server.credential(.readOnly).environment
        let key = host.folder["kept/key.age"]
        variables.merge([
            "FROM": "cloud", "IDENTITY_FILE": key, "SOURCE_IDENTITY_FILE": key, "PGHOST": postgres.socketFolder,
            "PGPORT": String(postgres.port), "PGUSER": postgres.superuser, "GLOBALS": "yes",
        ]) { $1 }
        let sheet = try await host.bySheet(variables)
        #expect(sheet.code == 0 && sheet.output.contains("proven: database \(database): 1 table, 300 rows"), "\(sheet)")
        try await host.shell(
            "mkdir -p old/home/.config/holdfast; cp -p kept/ripple-env.password kept/recipients.txt old/home/.config/holdfast/"
        )
        let again = try await host.byProgram(
            "ripple-env",
            [
                "--offsite", "--credentials", try host.credentials(server), "--identity", key, "--into",
                "postgres=\(database)_b",
            ])
        #expect(again.code == 0 && again.said.contains("300 rows"), "\(again)")
        for name in [database, database + "_b"] {
            #expect(try postgres.sql("SELECT count(*) FROM t", database: name) == "300")
        }
        for file in files {
            let name = (file as NSString).lastPathComponent
            let found = try await host.world.program.runTool(
                "find", host.folder["as-it-was"], host.folder["sheet"], host.folder["program"], "-name", name, "-type",
                "f",
                "-exec", "sha256sum", "{}", ";")
            let digests = found.output.split(separator: "\n").map { $0.prefix(64) }
            #expect(digests.count == 3 && Set(digests).count == 1, "\(file): \(found)")
        }
        #expect(try server.complaints() == "")
    }
}
