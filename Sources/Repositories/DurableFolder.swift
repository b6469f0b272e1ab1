import BackupModel
import Digests
import Foundation

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A repository's folder on a disk of this machine, looked at and changed by plain system calls. What it writes is on the disk
/// when the call returns.
protocol DurableFolder: Sendable {
    /// Absolute.
    var path: String { get }
}

extension DurableFolder {
    /// Names of the folders in it.
    func folders() throws(RepositoryError) -> [String] {
        try mapped { () throws(SystemFailure) in
            var folders: [String] = []
            for name in try SystemFolder.names(in: path)
            where try SystemFolder.status("\(path)/\(name)")?.type == .folder { folders.append(name) }
            return folders
        }
    }

    /// Names in one of its folders.
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
        let draft = place + Self.draftMark + String(getpid())
        try mapped { () throws(SystemFailure) in
            do throws(SystemFailure) {
                try SystemFolder.makeFile(bytes, at: draft)
                try Self.sync(draft)
                try SystemFolder.rename(draft, to: place)
            } catch {
                unlink(draft)
                throw error
            }
            try Self.sync((place as NSString).deletingLastPathComponent)
        }
    }

    /// Stands in the name of a small file while it is written.
    private static var draftMark: String { ".tmp-" }
    /// What somebody who was killed had been writing.
    func isDraft(_ name: String) -> Bool { name.contains(Self.draftMark) }

    func makeFolder(_ name: String) throws(RepositoryError) {
        try mapped { () throws(SystemFailure) in try SystemFolder.makePrivate("\(path)/\(name)") }
    }

    /// - Important: deletes a file.
    func remove(_ file: String) throws(RepositoryError) {
        try mapped { () throws(SystemFailure) in
            try SystemFolder.remove("\(path)/\(file)")
            try Self.sync(("\(path)/\(file)" as NSString).deletingLastPathComponent)
        }
    }

    /// - Important: deletes a folder with the files in it, which has none below.
    func removeFolder(_ folder: String) throws(RepositoryError) {
        try mapped { () throws(SystemFailure) in
            for name in try SystemFolder.names(in: "\(path)/\(folder)") {
                try SystemFolder.remove("\(path)/\(folder)/\(name)")
            }
            guard rmdir("\(path)/\(folder)") == 0 || errno == ENOENT else { throw .last("\(path)/\(folder)") }
            try Self.sync(path)
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
            try Self.sync(path)
            return false
        }
        return !isTaken
    }

    func sync(_ folder: String) throws(RepositoryError) {
        try mapped { () throws(SystemFailure) in try Self.sync("\(path)/\(folder)") }
    }

    func requireWritable() throws(RepositoryError) {
        try mapped { () throws(SystemFailure) in try SystemFolder.requireWritable(path) }
    }

    /// - Source: fsync(2); a folder on a file system that cannot says EINVAL.
    static func sync(_ path: String) throws(SystemFailure) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { throw .last(path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 || errno == EINVAL else { throw .last(path) }
    }

    func mapped<Value>(_ body: () throws(SystemFailure) -> Value) throws(RepositoryError) -> Value {
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
