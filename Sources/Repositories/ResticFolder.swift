import BackupModel
import Digests
import Programs

/// A restic repository that is a folder of this machine, read without restic and without a password: its files are named by
/// the SHA-256 of what is in them.
/// - Source: https://restic.readthedocs.io/en/stable/100_references.html#repository-layout, checked for 0.14.0 to 0.19.1.
struct ResticFolder: Sendable {
    var path: String

    enum Content: Equatable {
        case missing
        case empty
        case repository
        /// Holds something else.
        case foreign(String)
        /// Made by a first `init` that did not come to its end: nothing is in it but perhaps a key, which opens nothing.
        case unfinished
        /// Holds snapshots or data, and no configuration.
        case headless
    }

    func content() throws(RepositoryError) -> Content {
        do throws(SystemFailure) {
            guard let status = try SystemFolder.status(path, following: true) else { return .missing }
            guard status.type == .folder else { return .foreign("it is not a folder") }
            let names = try SystemFolder.names(in: path)
            if names.isEmpty || names == ["lost+found"] { return .empty }
            if names.contains("config") { return .repository }
            if try isUnfinished(names) { return .unfinished }
            guard Set(["keys", "snapshots", "data"]).isSubset(of: names) else {
                let some = names.prefix(3).joined(separator: ", ")
                return .foreign(names.count > 3 ? "\(some) and \(names.count - 3) more" : some)
            }
            return .headless
        } catch {
            throw repositoryError(error)
        }
    }

    private func isUnfinished(_ names: [String]) throws(SystemFailure) -> Bool {
        let folders = names.filter { !isDraft($0, of: "config") }
        guard Set(folders).isSubset(of: ["data", "index", "keys", "locks", "snapshots"]) else { return false }
        for folder in folders {
            for name in try SystemFolder.names(in: "\(path)/\(folder)") {
                switch folder {
                case "keys" where isKey(name): continue
                case "data" where try holdsNothing("\(path)/data/\(name)"): continue
                default: return false
                }
            }
        }
        return true
    }

    private func holdsNothing(_ folder: String) throws(SystemFailure) -> Bool {
        guard try SystemFolder.status(folder)?.type == .folder else { return false }
        return try SystemFolder.names(in: folder).isEmpty
    }

    private func isKey(_ name: String) -> Bool {
        let id = String(name.prefix(64))
        return ResticListing.isID(id) && (name == id || isDraft(name, of: id))
    }

    /// What restic calls a file while it writes it. No restic reads or removes one that a kill has left.
    /// - Source: restic 0.14.0 to 0.19.1, internal/backend/local/local.go, `Save`; left in every folder, none of `check`,
    ///   `prune`, `unlock`, `backup` and the listings minded.
    private func isDraft(_ name: String, of final: String) -> Bool { name.hasPrefix(final + "-tmp-") }

    /// A draft of the configuration or of a file that is named by its digest.
    func isDraft(_ name: String) -> Bool {
        let id = String(name.prefix(64))
        return isDraft(name, of: "config") || ResticListing.isID(id) && isDraft(name, of: id)
    }

    /// Makes room for a second attempt at `init`, which newer restics refuse where they find a key.
    /// - Important: removes keys; only where ``content()`` has found that there is nothing for them to open.
    func clearUnfinished() throws(RepositoryError) {
        guard try content() == .unfinished else { return }
        do throws(SystemFailure) {
            for name in try SystemFolder.names(in: path) where isDraft(name, of: "config") {
                try SystemFolder.remove("\(path)/\(name)")
            }
            guard try SystemFolder.status(path + "/keys") != nil else { return }
            for name in try SystemFolder.names(in: path + "/keys") { try SystemFolder.remove("\(path)/keys/\(name)") }
        } catch {
            throw repositoryError(error)
        }
    }

    /// SHA-256 of the configuration file.
    func configDigest() throws(RepositoryError) -> String {
        do throws(DigestError) {
            return try FileDigest(bufferSize: 4096).digest(ofFile: path + "/config").description
        } catch {
            switch error {
            case .unreadable(let code, _): throw repositoryError(SystemFailure(code: code, path: path + "/config"))
            case .unavailable, .stopped: throw .unsupported(error.description)
            }
        }
    }

    func keyIDs() throws(RepositoryError) -> [String] { try ids(in: "keys") }
    func lockIDs() throws(RepositoryError) -> [String] { try ids(in: "locks") }

    func snapshotIDs() throws(RepositoryError) -> Set<SnapshotID> {
        Set(try ids(in: "snapshots").map(SnapshotID.init))
    }

    /// True when the snapshot's file is there and holds what its name says.
    func holdsIntact(_ snapshot: SnapshotID) throws(RepositoryError) -> Bool {
        do throws(DigestError) {
            let found = try FileDigest(bufferSize: 1 << 16).digest(ofFile: path + "/snapshots/" + snapshot.rawValue)
            return found.description == snapshot.rawValue
        } catch {
            switch error {
            case .unreadable(let code, _):
                throw repositoryError(SystemFailure(code: code, path: path + "/snapshots/" + snapshot.rawValue))
            case .unavailable, .stopped: throw .unsupported(error.description)
            }
        }
    }

    func removeLock(_ id: String) throws(RepositoryError) {
        do throws(SystemFailure) {
            try SystemFolder.remove(path + "/locks/" + id)
        } catch {
            throw repositoryError(error)
        }
    }

    func requireWritable() throws(RepositoryError) {
        do throws(SystemFailure) {
            for folder in ["data", "snapshots", "locks"] { try SystemFolder.requireWritable("\(path)/\(folder)") }
        } catch {
            throw repositoryError(error)
        }
    }

    private func ids(in folder: String) throws(RepositoryError) -> [String] {
        do throws(SystemFailure) {
            return try SystemFolder.names(in: "\(path)/\(folder)").filter(ResticListing.isID)
        } catch {
            // A repository with a configuration and without one of its folders has lost it.
            if error.code == SystemFailure.noEntry, try content() == .repository {
                throw .damaged(location: path, detail: "its folder \(folder)/ is missing")
            }
            throw repositoryError(error)
        }
    }

    func repositoryError(_ failure: SystemFailure) -> RepositoryError {
        let detail = "\(failure.path): \(failure.reason)"
        return switch failure.code {
        case SystemFailure.notPermitted, SystemFailure.noAccess: .denied(location: path, detail: detail)
        case SystemFailure.readOnly: .readOnly(location: path, detail: detail)
        case SystemFailure.noEntry: .absent(location: path)
        case SystemFailure.inputOutput: .damaged(location: path, detail: detail)
        default: .unreachable(location: path, detail: detail)
        }
    }
}
