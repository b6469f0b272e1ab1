import BackupModel
import Foundation
import Synchronization

/// Finds programs, each once: a program does not change its place during a run.
final class ProgramSearch: Sendable {
    /// Folders in the order they are searched.
    let folders: [String]
    private let found = Mutex<[String: String]>([:])

    /// Where Debian keeps the programs of each PostgreSQL, the newest of which serves when PATH has none.
    /// - Source: postgresql-common 248, README.Debian
    private static let postgresRoot = "/usr/lib/postgresql"

    /// - Parameter path: in the form of PATH. Entries that are not absolute are left out: the working folder decides nothing.
    init(path: String) {
        folders = path.split(separator: ":").filter { $0.hasPrefix("/") }.map(String.init)
    }

    /// - Parameter program: a bare name or a path.
    func locate(_ program: String) -> String? {
        if program.contains("/") { return ProgramSearch.isExecutable(program) ? program : nil }
        if let known = found.withLock({ $0[program] }) { return known }
        guard !program.isEmpty,
            let path = (folders.lazy + ProgramSearch.postgresFolders()).map({ "\($0)/\(program)" })
                .first(where: ProgramSearch.isExecutable)
        else { return nil }
        found.withLock { $0[program] = path }
        return path
    }

    private static func isExecutable(_ path: String) -> Bool {
        var facts = stat()
        return stat(path, &facts) == 0 && facts.st_mode & S_IFMT == S_IFREG && access(path, X_OK) == 0
    }

    private static func postgresFolders() -> [String] {
        // A machine without that folder has no such versions.
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: postgresRoot)) ?? []
        return versions.compactMap { name in Double(name).map { (name, $0) } }.sorted { $0.1 > $1.1 }
            .map { "\(postgresRoot)/\($0.0)/bin" }
    }
}
