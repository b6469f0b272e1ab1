package import BackupModel
import Synchronization

/// A database server in memory: names, and what is in each.
package final class MemoryDatabases: DatabaseServer {
    private let databases: Mutex<[String: String]>
    private let failure: Mutex<SourceError?> = Mutex(nil)
    private let absence: Mutex<SourceError?> = Mutex(nil)
    private let name = Mutex("one")
    package let longestName = 63

    package init(_ databases: [String: String] = [:]) { self.databases = Mutex(databases) }

    package var all: [String: String] { databases.withLock { $0 } }
    package func make(_ name: String, _ content: String) { databases.withLock { $0[name] = content } }
    /// The next exchanges fail with this.
    package func fail(with error: SourceError?) { failure.withLock { $0 = error } }

    /// From now on it answers nothing but this.
    package func beAway(_ error: SourceError?) { absence.withLock { $0 = error } }

    package func existing(_ names: [String]) async throws(SourceError) -> Set<String> {
        if let error = absence.withLock({ $0 }) { throw error }
        return databases.withLock { Set(names).intersection($0.keys) }
    }

    package func exchange(
        live: String, staged: String, aside: String, adopting: Bool
    ) async throws(SourceError) -> [String] {
        if let error = failure.withLock({ $0 }) { throw error }
        databases.withLock { databases in
            if let old = databases.removeValue(forKey: live) { databases[aside] = old }
            databases[live] = databases.removeValue(forKey: staged)
        }
        return []
    }

    package func identity() async throws(SourceError) -> String? { name.withLock { $0 } }

    /// From now on it is another server.
    package func becomeAnother() { name.withLock { $0 = "another" } }

    package func drop(_ name: String) async throws(SourceError) {
        databases.withLock { $0[name] = nil }
    }

    package func addMissing(from content: [UInt8], part: ManifestPart) async throws(SourceError) -> [String] {
        ["made what was missing"]
    }
}
