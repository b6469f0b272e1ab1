/// A first profile for a host, with comments, from what a ``HostSurvey`` found. It passes `profile check` as it is.
package struct ProfileDraft: Sendable {
    package var name: String
    package var findings: HostSurvey.Findings
    /// Where the repository would be.
    package var repository: String
    /// Where the repository's password would be.
    package var passwordFile: String

    /// Holdfast's own state, which a backup leaves out.
    package var stateFolder: String?

    package init(
        name: String, findings: HostSurvey.Findings, repository: String, passwordFile: String,
        stateFolder: String? = nil
    ) {
        self.name = name
        self.findings = findings
        self.repository = repository
        self.passwordFile = passwordFile
        self.stateFolder = stateFolder
    }

    package var text: String {
        var lines = [
            "# What to back up on this host, and where to. `holdfast profile check \(quoted(name))` checks it, and",
            "# `holdfast backup --dry-run` says what a run would do. Every key: docs/profile-reference.md", "",
            "profile: \(quoted(name))", "", "sources:",
        ]
        if !findings.isComplete {
            lines.insert("# The look over the host was cut short; there may be more than is listed here.", at: 2)
        }
        lines += postgres + mysql + sqlite + files
        lines += [
            "", "repositories:", "  local:",
            "    # Better on another disk than the data; `restic:` also takes s3:…, sftp:… and rest:… addresses.",
            "    restic: \(quoted(repository))",
            "    # Keep a copy of the password elsewhere: without it the backups are lost.",
            "    # The first backup writes it, when there is none.",
            "    password: \(quoted("file:" + passwordFile))", "    generate: true", "",
            "retention:", "  daily: 7", "  weekly: 4", "  monthly: 12", "",
        ]
        return lines.joined(separator: "\n")
    }

    private var postgres: [String] {
        findings.postgresClusters.enumerated().flatMap { index, cluster -> [String] in
            let title = "PostgreSQL" + (cluster.version.map { " \($0)" } ?? "")
            let name = index == 0 ? "postgres" : "postgres-\(index + 1)"
            guard let socket = cluster.socketFolder else {
                return [
                    "  # \(title) in \(plain(cluster.dataFolder ?? "")) is not running, so that it cannot be dumped now."
                ]
            }
            return [
                "  # \(title), every database of the server that listens in \(plain(socket)).", "  \(name):",
                "    postgres:",
                "      databases: all", "      host: \(quoted(socket))", "      port: \(cluster.port ?? 5432)",
            ]
        }
    }

    private var mysql: [String] {
        findings.mysqlSockets.enumerated().flatMap { index, socket in
            [
                "  # Every database of the MySQL or MariaDB server behind this socket. Without `password:`, the system user's own",
                "  # name is let in, where the server trusts it (unix_socket).",
                index == 0 ? "  mysql:" : "  mysql-\(index + 1):",
                "    mysql:", "      all: true", "      socket: \(quoted(socket))",
            ]
        }
    }

    private var sqlite: [String] {
        let inside = findings.folders
        let alone = findings.sqliteDatabases.filter { database in !inside.contains { database.hasPrefix($0 + "/") } }
        // Within a source databases are told apart by their file names.
        var groups: [[String]] = []
        for database in alone {
            let name = database.split(separator: "/").last
            if let index = groups.firstIndex(where: { !$0.contains { $0.split(separator: "/").last == name } }) {
                groups[index].append(database)
            } else {
                groups.append([database])
            }
        }
        return groups.enumerated().flatMap { index, databases in
            (index == 0 ? ["  # Databases in use are copied consistently."] : [])
                + [index == 0 ? "  sqlite:" : "  sqlite-\(index + 1):", "    sqlite:", "      path:"]
                + databases.map { "        - \(quoted($0))" }
        }
    }

    private var files: [String] {
        let composeFolders = findings.composeFiles.map(PathText.folder(of:))
        var paths = findings.folders
        for folder in composeFolders where !paths.contains(where: { folder == $0 || folder.hasPrefix($0 + "/") }) {
            paths.append(folder)
        }
        var lines: [String] = []
        let inside = findings.sqliteDatabases.filter { database in paths.contains { database.hasPrefix($0 + "/") } }
        if !inside.isEmpty {
            lines.append("  # SQLite databases in here are captured consistently, at their own paths:")
            lines += inside.prefix(10).map { "  #   \(plain($0))" }
            if inside.count > 10 { lines.append("  #   and \(inside.count - 10) more") }
        }
        if !findings.composeFiles.isEmpty {
            lines.append("  # Compose files; databases inside containers want a dump of their own:")
            lines += findings.composeFiles.prefix(10).map { "  #   \(plain($0))" }
        }
        if paths.isEmpty,
            !findings.sqliteDatabases.isEmpty || !findings.mysqlSockets.isEmpty
                || findings.postgresClusters.contains(where: { $0.socketFolder != nil })
        {
            return lines
        }
        if paths.isEmpty {
            lines.append("  # Nothing was found that is worth a backup for certain; name what is.")
            paths = ["/etc"]
        }
        return lines + ["  files:", "    files:", "      paths:"] + paths.map { "        - \(quoted($0))" }
            + excludes(from: paths) + ["      exclude-caches: true"]
    }

    /// A repository that is backed up into itself doubles with every run.
    private func excludes(from paths: [String]) -> [String] {
        var own: [String] = []
        for folder in [stateFolder, repository].compactMap(\.self)
        where paths.contains(where: { folder == $0 || folder.hasPrefix($0 == "/" ? "/" : $0 + "/") })
            && !own.contains(where: { folder.hasPrefix($0 + "/") })
        {
            own.append(folder)
        }
        guard !own.isEmpty else { return [] }
        return ["      # The backups themselves.", "      exclude:"] + own.map { "        - \(quoted(pattern($0)))" }
    }

    /// The pattern of restic's that means this path alone.
    private func pattern(_ path: String) -> String {
        path.reduce(into: "") { text, character in
            if "\\*?[".contains(character) { text.append("\\") }
            text.append(character)
        }
    }

    private func quoted(_ text: String) -> String { YAMLText.string(text) }
    /// For a comment.
    private func plain(_ text: String) -> String { shown(text, limit: 200) }
}
