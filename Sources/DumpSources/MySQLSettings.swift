package import BackupModel
package import Programs

/// What a profile says about a `mysql` source.
package struct MySQLSettings: Sendable, Equatable {
    package enum Databases: Sendable, Equatable {
        case named([String])
        /// Every database that is not the server's own, listed afresh by each run.
        case all
    }

    package var databases: Databases
    package var host: String?
    package var port: Int?
    package var socket: String?
    package var user: String?
    package var password: SecretReference?
    package var tls: MySQLConnection.TLS?
    package var certificates: String?
    /// `nil`: with all databases, where the user may read them.
    package var includesUsers: Bool?
    package var locks: Bool
    package var hasRoutines: Bool
    package var hasEvents: Bool
    package var hasTriggers: Bool
    package var notesPosition: Bool
    package var facts: RowCounting
    package var lockWait: Duration
    package var stallLimit: Duration
    /// Names of tables, with `*` and `?`.
    package var excludedTables: [String]
    package var clients: String?
    package var through: ThroughSettings?

    package init(_ value: ConfigValue) throws(SourceError) {
        if value.entries.isEmpty {
            databases = .named(value.strings)
        } else if value["all"]?.boolean == true {
            databases = .all
        } else if let several = value["databases"] {
            if case .string("all") = several.content { databases = .all } else { databases = .named(several.strings) }
        } else {
            databases = .named(value["database"]?.strings ?? [])
        }
        host = value["host"]?.text
        port = value["port"]?.integer.map(Int.init)
        socket = value["socket"]?.text
        user = value["user"]?.text
        password = value["password"]?.secret
        tls = value["tls"]?.text.flatMap(MySQLConnection.TLS.init(rawValue:))
        certificates = value["tls-ca"]?.text
        includesUsers = value["users"]?.boolean
        locks = value["lock"]?.boolean ?? false
        hasRoutines = value["routines"]?.boolean ?? true
        hasEvents = value["events"]?.boolean ?? true
        hasTriggers = value["triggers"]?.boolean ?? true
        notesPosition = value["binlog-position"]?.boolean ?? true
        facts = value["facts"]?.text.flatMap(RowCounting.init(rawValue:)) ?? .exact
        lockWait = value["lock-wait"]?.duration ?? .seconds(60)
        stallLimit = value["stall-limit"]?.duration ?? .seconds(1800)
        excludedTables = value["exclude-tables"]?.strings ?? []
        clients = value["clients"]?.text
        through = ThroughSettings(value["through"])
        if case .named(let names) = databases,
            names.isEmpty || names.contains(where: { $0.isEmpty || $0.contains("\0") })
        {
            throw .unsupported(
                "a mysql source without a database",
                hint: "name it under `database:`, several under `databases:`, or write `all: true`")
        }
    }

    package static let descriptor = KindDescriptor(
        kind: "mysql",
        summary:
            "MySQL and MariaDB databases by mariadb-dump or mysqldump, streamed, with rows counted in the dump itself.",
        shape: .either([.string, .object(keys)]),
        example: """
            mysql:
              database: shop
              user: backup
              host: 127.0.0.1
              port: 3306
              password: env:MYSQL_PASSWORD
            """,
        check: check)

    private static func check(_ entry: ConfigValue) -> [ConfigProblem] {
        guard let value = entry["mysql"], !value.entries.isEmpty else { return [] }
        var problems = ThroughSettings.check(value["through"], in: "mysql")
        func refuse(_ place: ConfigValue, _ key: String, _ message: String) {
            problems.append(ConfigProblem(at: place.location, keyPath: "mysql.\(key)", message: message))
        }
        let isAll = value["all"]?.boolean == true
        let named = ["database", "databases"].filter { value[$0] != nil } + (isAll ? ["all"] : [])
        if named.isEmpty {
            refuse(value, "database", "names no database: set `database:`, `databases:` to a list, or `all: true`")
        } else if named.count > 1, let second = value[named[1]] {
            refuse(second, named[1], "stands beside `\(named[0]):`; use one of the two")
        }
        if let socket = value["socket"], value["host"] != nil || value["port"] != nil {
            refuse(socket, "socket", "stands beside `host:` or `port:`; a server is reached by one or the other")
        }
        if let port = value["port"], value["host"] == nil {
            refuse(port, "port", "has no meaning without `host:`: the local socket has no port")
        }
        if let tls = value["tls"]?.text, tls == "off", let certificates = value["tls-ca"] {
            refuse(certificates, "tls-ca", "has no meaning beside `tls: off`")
        }
        for key in ["host", "socket", "user"] {
            if let text = value[key]?.text, text.isEmpty, let place = value[key] { refuse(place, key, "is empty") }
        }
        var seen: Set<String> = []
        for element in (value["databases"] ?? value["database"])?.elements ?? [] {
            guard let name = element.text else { continue }
            if name.isEmpty || name.unicodeScalars.count > 64 {
                refuse(element, "databases", "a database name has between 1 and 64 characters")
            } else if !seen.insert(name).inserted {
                refuse(element, "databases", "names `\(name)` twice")
            }
        }
        return problems
    }

    private static let keys = [
        KeyDescriptor("database", .string, "The database to dump."),
        KeyDescriptor("databases", .list(.string), "Several databases, or `all`."),
        KeyDescriptor(
            "all", .boolean, "Every database that is not the server's own, new ones included.", default: "false"),
        KeyDescriptor(
            "host", .string, "Host name or address; without it, the local socket.", refusesSecrets: true),
        KeyDescriptor("port", .integer(1...65_535), "The server's port, beside `host`; without it, 3306."),
        KeyDescriptor(
            "socket", .path, "The Unix socket, where it is not at the clients' usual place.", refusesSecrets: true),
        KeyDescriptor("user", .string, "The user to connect as; without it, the name of the system user."),
        KeyDescriptor(
            "password", .secret,
            "The user's password; handed over in an option file in memory. Where `through:` leads, it comes on standard input and "
                + "is a variable of the client's environment there."),
        KeyDescriptor(
            "tls", .choice(MySQLConnection.TLS.allCases.map(\.rawValue)),
            "How TLS is used: not at all, always, or always with the server's certificate verified. Without it, as the client "
                + "programs do by themselves."),
        KeyDescriptor("tls-ca", .path, "The certificates that the server's must be signed by.", refusesSecrets: true),
        KeyDescriptor(
            "users", .boolean,
            "Also dumps users, roles and grants, which only mariadb-dump can; without it, beside `all: true` where the user may "
                + "read them."),
        KeyDescriptor(
            "lock", .boolean,
            "Locks the tables of a database against writing while it is dumped: the one way to a consistent dump of tables "
                + "that know no transactions (MyISAM, Aria, MEMORY). Without it, all others are dumped in one view, and nobody waits.",
            default: "false"),
        KeyDescriptor("routines", .boolean, "Dumps stored procedures and functions.", default: "true"),
        KeyDescriptor("events", .boolean, "Dumps events.", default: "true"),
        KeyDescriptor("triggers", .boolean, "Dumps triggers.", default: "true"),
        KeyDescriptor(
            "binlog-position", .boolean,
            "Notes the place in the binary log, where a MariaDB server keeps one and the user may ask for it.",
            default: "true"),
        KeyDescriptor(
            "facts", .choice(RowCounting.allCases.map(\.rawValue)),
            "How rows per table are learnt: counted in the dump as it goes by, taken from statistics, or not at all.",
            default: "exact"),
        KeyDescriptor(
            "lock-wait", .duration, "How long to wait for a table that somebody holds locked.", default: "60s"),
        KeyDescriptor(
            "stall-limit", .duration, "A dump from which nothing has come for this long is stopped.", default: "30m"),
        KeyDescriptor(
            "exclude-tables", .list(.string),
            "Tables and views that are not dumped, in every database; `*` and `?` stand for anything and for one character.",
            refusesSecrets: true),
        KeyDescriptor(
            "clients", .path, "The folder with mariadb-dump and mariadb, or mysqldump and mysql.", refusesSecrets: true),
        ThroughSettings.key("the client programs"),
    ]
}
