package import BackupModel
import Foundation

/// Records of runs that the history could not take: one file each, `unrecorded-<run>.json`, until it can again.
package struct UnrecordedRuns: Sendable {
    private static let prefix = "unrecorded-"
    private let folders: [String]

    /// - Parameter folders: tried in order, such as the state folder and one on another file system.
    package init(folders: [String]) { self.folders = folders }

    /// Durable when it returns.
    /// - Returns: where it is.
    /// - Throws: what went wrong with the first folder, when it can be written to none.
    @discardableResult
    package func write(_ run: RunRecord) throws(StoreError) -> String {
        var first: StoreError?
        for folder in folders {
            do throws(StoreError) {
                let path = path(of: run.id, in: folder)
                try StateFolder.prepare(folder)
                try DurableFile.write(try StoredJSON.encode(run, path: path), to: path)
                return path
            } catch {
                first = first ?? error
            }
        }
        throw first ?? .unusable(path: "", reason: "there is no folder to keep the record of run \(run.id) in")
    }

    /// Those there are, with the files that hold them.
    func all() throws(StoreError) -> [(run: RunRecord, path: String)] {
        var found: [(RunRecord, String)] = []
        for folder in folders {
            try StateFolder.checkIfPresent(folder)
            for name in try StateFolder.names(in: folder) where isUnrecorded(name) {
                let path = "\(folder)/\(name)"
                guard let bytes = try DurableFile.read(path) else { continue }
                do throws(StoreError) {
                    found.append((try StoredJSON.decode(RunRecord.self, from: bytes, path: path), path))
                } catch {
                    // It stays for people to read, and does not stand in the way of the others again.
                    guard rename(path, path + ".unreadable") == 0 else { throw stateError(path, errno) }
                }
            }
        }
        return found
    }

    func remove(_ id: RunID) throws(StoreError) {
        for folder in folders { try DurableFile.remove(path(of: id, in: folder)) }
    }

    private func path(of id: RunID, in folder: String) -> String { "\(folder)/\(UnrecordedRuns.prefix)\(id).json" }

    private func isUnrecorded(_ name: String) -> Bool {
        name.hasPrefix(UnrecordedRuns.prefix) && name.hasSuffix(".json")
    }
}
