import Foundation

/// Looks over a host for what is worth a backup. Only reads names and the first bytes of files, within fixed bounds.
package struct HostSurvey: Sendable {
    package struct Findings: Sendable, Equatable {
        package var composeFiles: [String] = []
        package var sqliteDatabases: [String] = []
        package var postgresClusters: [PostgreSQLCluster] = []
        /// Sockets of running servers of MySQL or MariaDB.
        package var mysqlSockets: [String] = []
        /// Folders that have something in them and are a plain choice, in the order of the roots.
        package var folders: [String] = []
        /// False when a bound was met before everything had been seen.
        package var isComplete = true
        package init() {}
    }

    package struct PostgreSQLCluster: Sendable, Equatable {
        /// `15`
        package var version: String?
        package var dataFolder: String?
        /// The folder of the Unix socket of a running server.
        package var socketFolder: String?
        package var port: Int?

        package init(version: String? = nil, dataFolder: String? = nil, socketFolder: String? = nil, port: Int? = nil) {
            self.version = version
            self.dataFolder = dataFolder
            self.socketFolder = socketFolder
            self.port = port
        }
    }

    package var roots: [String]
    package var clusterRoots = ["/var/lib/postgresql"]
    package var socketFolders = ["/var/run/postgresql", "/tmp"]
    /// Where packages put the socket.
    package var mysqlSockets = ["/run/mysqld/mysqld.sock", "/var/lib/mysql/mysql.sock", "/tmp/mysql.sock"]
    package var maximumDepth = 6
    package var maximumEntries = 200_000
    package var timeLimit: Duration = .seconds(10)
    /// Names of folders that are not entered.
    package var skipped: Set<String> = [
        ".git", "node_modules", ".cache", "__pycache__", ".build", "proc", "sys", "dev", "overlay2", "containers",
        "snapshots",
    ]

    package init(roots: [String]) { self.roots = roots }

    package static let composeNames: Set<String> = [
        "compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml",
    ]

    package func run() -> Findings {
        var findings = Findings()
        let deadline = ContinuousClock.now + timeLimit
        var seen = 0
        for root in roots {
            var queue = [(PathText.resolvingLinks(root), 0)]
            if !names(in: root).isEmpty { findings.folders.append(root) }
            while let (folder, depth) = queue.popLast() {
                for name in names(in: folder) {
                    seen += 1
                    guard seen <= maximumEntries, ContinuousClock.now < deadline else {
                        findings.isComplete = false
                        return finished(findings)
                    }
                    let path = folder == "/" ? "/" + name : folder + "/" + name
                    var status = stat()
                    guard lstat(path, &status) == 0 else { continue }
                    switch status.st_mode & S_IFMT {
                    case S_IFDIR where !skipped.contains(name) && depth < maximumDepth: queue.append((path, depth + 1))
                    case S_IFREG:
                        if HostSurvey.composeNames.contains(name) { findings.composeFiles.append(path) }
                        if status.st_size >= 512, status.st_size % 512 == 0, HostSurvey.isSQLite(path) {
                            findings.sqliteDatabases.append(path)
                        }
                    default: break
                    }
                }
            }
        }
        return finished(findings)
    }

    private func finished(_ findings: Findings) -> Findings {
        var findings = findings
        findings.composeFiles.sort()
        findings.sqliteDatabases.sort()
        findings.postgresClusters = clusters()
        findings.mysqlSockets = mysqlSockets.filter { path in
            var status = stat()
            return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFSOCK
        }
        return findings
    }

    /// In order; none where it is no folder, and where it may not be read: this user could back up nothing of it.
    private func names(in folder: String) -> [String] {
        // A survey proposes what it sees, and reports no errors.
        (try? FileManager.default.contentsOfDirectory(atPath: folder).sorted()) ?? []
    }

    /// - Source: https://www.sqlite.org/fileformat2.html#the_database_header (3.40): the first 16 bytes; the size is a whole
    ///   number of pages of at least 512 bytes.
    package static func isSQLite(_ path: String) -> Bool {
        let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var header = [UInt8](repeating: 0, count: 16)
        return read(descriptor, &header, 16) == 16 && header == Array("SQLite format 3\0".utf8)
    }

    // MARK: PostgreSQL

    /// Running servers by their sockets, then data folders without one.
    /// - Source: https://www.postgresql.org/docs/15/runtime-config-connection.html: the socket is `.s.PGSQL.PORT` in a folder
    ///   of `unix_socket_directories`; https://www.postgresql.org/docs/15/storage-file-layout.html: PG_VERSION.
    private func clusters() -> [PostgreSQLCluster] {
        var clusters: [PostgreSQLCluster] = []
        for folder in socketFolders {
            for name in names(in: folder) {
                guard name.hasPrefix(".s.PGSQL."), let port = Int(name.dropFirst(9)) else { continue }
                clusters.append(PostgreSQLCluster(socketFolder: folder, port: port))
            }
        }
        for root in clusterRoots {
            for version in names(in: root) {
                for name in names(in: "\(root)/\(version)") {
                    let data = "\(root)/\(version)/\(name)"
                    guard FileManager.default.fileExists(atPath: data + "/PG_VERSION") else { continue }
                    if clusters.count == 1, clusters[0].dataFolder == nil {
                        clusters[0].version = version
                        clusters[0].dataFolder = data
                    } else {
                        clusters.append(PostgreSQLCluster(version: version, dataFolder: data))
                    }
                }
            }
        }
        return clusters
    }
}
