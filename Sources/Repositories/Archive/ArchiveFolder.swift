import BackupModel
import Foundation

/// The folder of an archive repository.
struct ArchiveFolder: DurableFolder {
    var path: String
    /// What messages call it; `nil`: its path.
    var location: String?

    /// Begins the name of the folder of a run that is not complete.
    static let incompletePrefix = ".incomplete-"
    /// Begins the name of a run's folder while it is being removed.
    static let removingPrefix = ".removing-"

    enum Content: Sendable, Equatable {
        case missing
        case empty
        case foreign(String)
        case repository
    }

    func content() throws(RepositoryError) -> Content {
        try mapped { () throws(SystemFailure) in
            guard let status = try SystemFolder.status(path, following: true) else { return .missing }
            guard status.type == .folder else { return .foreign("a file") }
            let names = try SystemFolder.names(in: path).filter { $0 != "lost+found" }
            if names.contains(ArchiveHeader.fileName) { return .repository }
            // What a creation that was killed left is no matter, and the logs and archives of a script that was here before
            // may stay.
            for name in names where !name.hasPrefix(ArchiveHeader.fileName) {
                guard name == "logs" || RunNames.isStamp(name),
                    try SystemFolder.status("\(path)/\(name)")?.type == .folder
                else { return .foreign(name) }
                if try isOurs(name) { return .foreign("archives, whose file \(ArchiveHeader.fileName) is missing") }
            }
            return .empty
        }
    }

    /// Whether a folder has a manifest of ours.
    private func isOurs(_ folder: String) throws(SystemFailure) -> Bool {
        struct Head: Decodable { var format: String }
        for name in try SystemFolder.names(in: "\(path)/\(folder)") where name.hasSuffix(".json") {
            guard let data = FileManager.default.contents(atPath: "\(path)/\(folder)/\(name)") else {
                throw SystemFailure(code: SystemFailure.noAccess, path: "\(path)/\(folder)/\(name)")
            }
            do {
                if try JSONDecoder().decode(Head.self, from: data).format == ArchiveManifest.format { return true }
            } catch { continue }
        }
        return false
    }

    /// Names of the folders of archives that are there before a repository is.
    func older() throws(RepositoryError) -> [String] {
        guard try content() == .empty else { return [] }
        return try folders().filter(RunNames.isStamp)
    }

    func header() throws(RepositoryError) -> ArchiveHeader {
        let bytes = try read(ArchiveHeader.fileName, limit: 1 << 20)
        struct Head: Decodable { var version: Int }
        do {
            let head = try JSONDecoder().decode(Head.self, from: Data(bytes))
            if head.version <= ArchiveHeader.currentVersion {
                let header = try JSONDecoder().decode(ArchiveHeader.self, from: Data(bytes))
                if header.format == ArchiveHeader.currentFormat { return header }
            } else {
                throw RepositoryError.formatTooNew(location: path, detail: "its version is \(head.version)")
            }
        } catch let error as RepositoryError {
            throw error
        } catch {
            throw .damaged(location: location ?? path, detail: "\(ArchiveHeader.fileName) cannot be read: \(error)")
        }
        throw .damaged(location: location ?? path, detail: "\(ArchiveHeader.fileName) is no archive repository's")
    }

    // MARK: - Runs

    /// Names of the folders of complete runs, oldest first.
    func runs() throws(RepositoryError) -> [String] {
        let older = Set(try header().older ?? [])
        return try folders().filter { RunNames.isStamp($0) && !older.contains($0) }
    }

    /// Names of the folders of runs that are going on, or were killed.
    func incomplete() throws(RepositoryError) -> [String] {
        try folders().filter { $0.hasPrefix(ArchiveFolder.incompletePrefix) }
    }

    /// Names of folders that were being removed.
    func halfRemoved() throws(RepositoryError) -> [String] {
        try folders().filter { $0.hasPrefix(ArchiveFolder.removingPrefix) }
    }
}
