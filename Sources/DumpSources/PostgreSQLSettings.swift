package import BackupModel

/// What a profile says about a `postgres` source.
package struct PostgreSQLSettings: Sendable, Equatable {
    package enum Databases: Sendable, Equatable {
        case named([String])
        /// Every database that allows connections and is no template, listed afresh by each run.
        case all
    }
    package enum Format: String, Sendable, CaseIterable { case plain, custom }

    package var databases: Databases
    package var user: String?
    /// A host name, an address, or the folder of a Unix socket.
    package var host: String?
    package var port: Int?
    package var password: SecretReference?
    package var tlsMode: String?
    package var tlsRootCertificate: String?
    package var maintenanceDatabase: String
    package var format: Format
    package var includesGlobals: Bool
    package var facts: RowCounting
    package var factsLimit: Duration
    package var lockWait: Duration
    package var stallLimit: Duration
    package var excludedTables: [String]
    package var excludedTableData: [String]
    /// The system user to run the client programs as.
    package var runAs: String?
    /// Where the client programs are; `nil` looks for the newest.
    package var clients: String?
    /// Where the client programs run.
    package var through: ThroughSettings?

    package init(_ value: ConfigValue) throws(SourceError) {
        let several = value["databases"]
        if value.entries.isEmpty {
            databases = .named(value.strings)
        } else if let several {
            if case .string("all") = several.content { databases = .all } else { databases = .named(several.strings) }
        } else {
            databases = .named(value["database"]?.strings ?? [])
        }
        user = value["user"]?.text
        host = value["host"]?.text
        port = value["port"]?.integer.map(Int.init)
        password = value["password"]?.secret
        tlsMode = value["sslmode"]?.text
        tlsRootCertificate = value["sslrootcert"]?.text
        maintenanceDatabase = value["maintenance-database"]?.text ?? "postgres"
        format = value["format"]?.text.flatMap(Format.init(rawValue:)) ?? .plain
        includesGlobals = value["globals"]?.boolean ?? true
        facts = value["facts"]?.text.flatMap(RowCounting.init(rawValue:)) ?? .exact
        factsLimit = value["facts-limit"]?.duration ?? .seconds(60)
        lockWait = value["lock-wait"]?.duration ?? .seconds(60)
        stallLimit = value["stall-limit"]?.duration ?? .seconds(1800)
        excludedTables = value["exclude-table"]?.strings ?? []
        excludedTableData = value["exclude-table-data"]?.strings ?? []
        through = ThroughSettings(value["through"])
        runAs = value["run-as"]?.text ?? through?.localUser
        clients = value["clients"]?.text
        if case .named(let names) = databases,
            names.isEmpty || names.contains(where: { $0.isEmpty || $0.contains("\0") })
        {
            throw .unsupported(
                "a postgres source without a database",
                hint: "name it under `database:`, several under `databases:`, or write `databases: all`")
        }
    }

    package static let descriptor = KindDescriptor(
        kind: "postgres",
        summary: "PostgreSQL databases by pg_dump, streamed, with rows counted in the very snapshot that is dumped.",
        shape: .either([.string, .object(keys)]),
        example: """
            postgres:
              database: app
              user: app
              host: /var/run/postgresql
              password: env:PGPASSWORD
            """,
        check: check)

    private static func check(_ entry: ConfigValue) -> [ConfigProblem] {
        guard let value = entry["postgres"], !value.entries.isEmpty else { return [] }
        var problems = ThroughSettings.check(value["through"], in: "postgres")
        if let runAs = value["run-as"], value["through"] != nil {
            problems.append(
                ConfigProblem(
                    at: runAs.location, keyPath: "postgres.run-as",
                    message: "stands beside `through:`; say `user:` there instead"))
        }
        switch (value["database"], value["databases"]) {
        case (nil, nil):
            problems.append(
                ConfigProblem(
                    at: value.location, keyPath: "postgres.database",
                    message: "names no database: set `database:`, or `databases:` to a list or to `all`"))
        case (_?, let several?):
            problems.append(
                ConfigProblem(
                    at: several.location, keyPath: "postgres.databases",
                    message: "stands beside `database:`; use one of the two"))
        case (_?, nil), (nil, _?): break
        }
        var seen: Set<String> = []
        for element in (value["databases"] ?? value["database"])?.elements ?? [] {
            guard let name = element.text else { continue }
            if name.isEmpty || name.utf8.count > 63 {
                problems.append(
                    ConfigProblem(
                        at: element.location, keyPath: "postgres.databases",
                        message: "a database name has between 1 and 63 bytes"))
            } else if !seen.insert(name).inserted {
                problems.append(
                    ConfigProblem(
                        at: element.location, keyPath: "postgres.databases", message: "names `\(name)` twice"))
            }
        }
        return problems
    }

    private static let keys = [
        KeyDescriptor("database", .string, "The database to dump."),
        KeyDescriptor(
            "databases", .list(.string),
            "Several databases, or `all`: each that allows connections and is no template, new ones included."),
        KeyDescriptor("user", .string, "The role to connect as; without it, the name of the system user."),
        KeyDescriptor(
            "host", .string, "Host name, address, or the folder of the Unix socket; without it, the local socket.",
            refusesSecrets: true),
        KeyDescriptor("port", .integer(1...65_535), "The server's port.", default: "5432"),
        KeyDescriptor(
            "password", .secret, "The role's password; handed over through a memory file, or on standard input."),
        KeyDescriptor(
            "sslmode", .choice(["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]),
            "How TLS is used; `verify-full` for servers on other hosts.", default: "prefer"),
        KeyDescriptor(
            "sslrootcert", .path, "The certificates that the server's must be signed by.", refusesSecrets: true),
        KeyDescriptor(
            "maintenance-database", .string,
            "Where to connect in order to list all databases, and to create one for a restore.", default: "postgres"),
        KeyDescriptor(
            "format", .choice(Format.allCases.map(\.rawValue)),
            "`plain` is SQL; `custom` is pg_restore's own format, left uncompressed so that it deduplicates.",
            default: "plain"),
        KeyDescriptor(
            "globals", .boolean, "Also dumps roles and tablespaces, as far as the role is permitted to see them.",
            default: "true"),
        KeyDescriptor(
            "facts", .choice(RowCounting.allCases.map(\.rawValue)),
            "How rows per table are learnt: counted in the dumped snapshot, taken from statistics, or not at all.",
            default: "exact"),
        KeyDescriptor(
            "facts-limit", .duration, "How long counting may take; tables left over are recorded as not counted.",
            default: "60s"),
        KeyDescriptor(
            "lock-wait", .duration, "How long to wait for a table that somebody holds locked.", default: "60s"),
        KeyDescriptor(
            "stall-limit", .duration, "A dump from which nothing has come for this long is stopped.", default: "30m"),
        KeyDescriptor(
            "exclude-table", .list(.string), "Tables that are not dumped; patterns as pg_dump has them.",
            refusesSecrets: true),
        KeyDescriptor(
            "exclude-table-data", .list(.string), "Tables that are dumped without their rows.", refusesSecrets: true),
        KeyDescriptor(
            "run-as", .string, "The system user to run the client programs as, such as `postgres`; needs root."),
        KeyDescriptor(
            "clients", .path,
            "The folder with pg_dump and psql; without it, the newest on this machine are taken, or those on the search "
                + "path where `through:` leads.",
            refusesSecrets: true),
        ThroughSettings.key("the client programs"),
    ]
}
