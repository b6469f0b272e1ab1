import BackupModel
import Digests
import Foundation

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The repository's folder, looked at and changed by plain system calls.
struct ArchiveFolder: Sendable {
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
                guard name == "logs" || ArchiveNames.isStamp(name),
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
        return try folders().filter(ArchiveNames.isStamp)
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
        return try folders().filter { ArchiveNames.isStamp($0) && !older.contains($0) }
    }

    /// Names of the folders of runs that are going on, or were killed.
    func incomplete() throws(RepositoryError) -> [String] {
        try folders().filter { $0.hasPrefix(ArchiveFolder.incompletePrefix) }
    }

    /// Names of folders that were being removed.
    func halfRemoved() throws(RepositoryError) -> [String] {
        try folders().filter { $0.hasPrefix(ArchiveFolder.removingPrefix) }
    }

    private func folders() throws(RepositoryError) -> [String] {
        try mapped { () throws(SystemFailure) in
            var folders: [String] = []
            for name in try SystemFolder.names(in: path)
            where try SystemFolder.status("\(path)/\(name)")?.type == .folder { folders.append(name) }
            return folders
        }
    }

    /// Names of the files in a run's folder.
    func names(in folder: String) throws(RepositoryError) -> [String] {
        try mapped { () throws(SystemFailure) in try SystemFolder.names(in: "\(path)/\(folder)") }
    }

    // MARK: - Files

    /// Of the regular file at a path relative to the repository; `nil` when there is none.
    func size(of file: String) throws(RepositoryError) -> Int64? {
        try mapped { () throws(SystemFailure) in
            guard let status = try SystemFolder.status("\(path)/\(file)"), status.type == .file else { return nil }
            return status.size
        }
    }

    /// A small file, which must not be a link.
    func read(_ file: String, limit: Int) throws(RepositoryError) -> [UInt8] {
        let place = "\(path)/\(file)"
        return try mapped { () throws(SystemFailure) in
            let descriptor = open(place, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
            guard descriptor >= 0 else { throw .last(place) }
            defer { close(descriptor) }
            var bytes: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            while bytes.count <= limit {
                #if canImport(Glibc)
                    let count = Glibc.read(descriptor, &buffer, buffer.count)
                #else
                    let count = Darwin.read(descriptor, &buffer, buffer.count)
                #endif
                guard count >= 0 else { throw .last(place) }
                if count == 0 { return bytes }
                bytes += buffer[..<count]
            }
            throw SystemFailure(code: EFBIG, path: place)
        }
    }

    func digest(of file: String, advancing: (Int) -> Bool = { _ in true }) throws(DigestError) -> String {
        try FileDigest().digest(ofFile: "\(path)/\(file)", advancing: advancing).description
    }

    /// Makes or replaces a small file, durably: at any time there is the old one or the new one.
    func write(_ bytes: [UInt8], to file: String) throws(RepositoryError) {
        let place = "\(path)/\(file)"
        let draft = place + ArchiveFolder.draftMark + String(getpid())
        try mapped { () throws(SystemFailure) in
            do throws(SystemFailure) {
                try SystemFolder.makeFile(bytes, at: draft)
                try ArchiveFolder.sync(draft)
                try SystemFolder.rename(draft, to: place)
            } catch {
                unlink(draft)
                throw error
            }
            try ArchiveFolder.sync((place as NSString).deletingLastPathComponent)
        }
    }

    /// Stands in the name of a small file while it is written.
    private static let draftMark = ".tmp-"
    /// What somebody who was killed had been writing.
    func isDraft(_ name: String) -> Bool { name.contains(ArchiveFolder.draftMark) }

    func makeFolder(_ name: String) throws(RepositoryError) {
        try mapped { () throws(SystemFailure) in try SystemFolder.makePrivate("\(path)/\(name)") }
    }

    /// - Important: deletes a file.
    func remove(_ file: String) throws(RepositoryError) {
        try mapped { () throws(SystemFailure) in
            try SystemFolder.remove("\(path)/\(file)")
            try ArchiveFolder.sync(("\(path)/\(file)" as NSString).deletingLastPathComponent)
        }
    }

    /// - Important: deletes a folder with the files in it, which has none below.
    func removeFolder(_ folder: String) throws(RepositoryError) {
        try mapped { () throws(SystemFailure) in
            for name in try SystemFolder.names(in: "\(path)/\(folder)") {
                try SystemFolder.remove("\(path)/\(folder)/\(name)")
            }
            guard rmdir("\(path)/\(folder)") == 0 || errno == ENOENT else { throw .last("\(path)/\(folder)") }
            try ArchiveFolder.sync(path)
        }
    }

    func rename(_ name: String, to other: String) throws(RepositoryError) {
        try mapped { () throws(SystemFailure) in try SystemFolder.rename("\(path)/\(name)", to: "\(path)/\(other)") }
    }

    /// Whether anything has this name.
    func isThere(_ name: String) throws(RepositoryError) -> Bool {
        try mapped { () throws(SystemFailure) in try SystemFolder.status("\(path)/\(name)") != nil }
    }

    /// Gives a complete run its name.
    /// - Returns: false where that name is taken.
    func publish(_ folder: String, as name: String) throws(RepositoryError) -> Bool {
        let isTaken: Bool = try mapped { () throws(SystemFailure) in
            if try SystemFolder.status("\(path)/\(name)") != nil { return true }
            do throws(SystemFailure) {
                try SystemFolder.rename("\(path)/\(folder)", to: "\(path)/\(name)")
            } catch {
                // Somebody else's run took it just now.
                if error.code == ENOTEMPTY || error.code == EEXIST { return true }
                throw error
            }
            try ArchiveFolder.sync(path)
            return false
        }
        return !isTaken
    }

    func sync(_ folder: String) throws(RepositoryError) {
        try mapped { () throws(SystemFailure) in try ArchiveFolder.sync("\(path)/\(folder)") }
    }

    func requireWritable() throws(RepositoryError) {
        try mapped { () throws(SystemFailure) in try SystemFolder.requireWritable(path) }
    }

    /// - Source: fsync(2); a folder on a file system that cannot says EINVAL.
    private static func sync(_ path: String) throws(SystemFailure) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { throw .last(path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 || errno == EINVAL else { throw .last(path) }
    }

    private func mapped<Value>(_ body: () throws(SystemFailure) -> Value) throws(RepositoryError) -> Value {
        do throws(SystemFailure) {
            return try body()
        } catch {
            throw repositoryError(error)
        }
    }

    func repositoryError(_ failure: SystemFailure) -> RepositoryError {
        let detail = "\(failure.path): \(failure.reason)"
        switch failure.code {
        case SystemFailure.noSpace, EDQUOT: return .full(location: path, detail: detail, free: nil)
        case SystemFailure.readOnly: return .readOnly(location: path, detail: detail)
        case SystemFailure.noAccess, SystemFailure.notPermitted: return .denied(location: path, detail: detail)
        case SystemFailure.noEntry where failure.path == path: return .absent(location: path)
        default: return .damaged(location: path, detail: detail)
        }
    }
}
