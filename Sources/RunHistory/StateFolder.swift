package import BackupModel
import Foundation

/// Folders for state: ours alone.
package enum StateFolder {
    /// Makes `path` and its missing parents, each 0700, and refuses a folder that somebody else could write to: what lies
    /// there decides whether a repository is trusted and which processes are ended.
    /// - Throws: ``StoreError/unsafe(path:reason:)`` for a folder of another user's, or one that others may write to.
    package static func prepare(_ path: String) throws(StoreError) {
        try make(path)
        try check(path)
    }

    /// As ``prepare(_:)`` for the state folder itself and one below it.
    static func prepare(_ below: String, in root: String) throws(StoreError) {
        try prepare(root)
        try prepare(below)
    }

    /// Refuses an unsafe folder; a missing one is fine, there is just nothing in it.
    static func checkIfPresent(_ path: String) throws(StoreError) {
        guard access(path, F_OK) == 0 || errno != ENOENT else { return }
        try check(path)
    }

    private static func check(_ path: String) throws(StoreError) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw stateError(path, errno) }
        defer { close(descriptor) }
        var facts = stat()
        guard fstat(descriptor, &facts) == 0 else { throw stateError(path, errno) }
        guard facts.st_uid == 0 || facts.st_uid == geteuid() else {
            throw .unsafe(path: path, reason: "it belongs to another user (\(facts.st_uid))")
        }
        guard facts.st_mode & 0o022 == 0 else { throw .unsafe(path: path, reason: "others may write to it") }
    }

    /// Every new folder is entered durably in its parent, or a pin below it could vanish with it.
    private static func make(_ path: String) throws(StoreError) {
        guard path.hasPrefix("/") else { throw .unusable(path: path, reason: "it is not an absolute path") }
        guard access(path, F_OK) != 0 else { return }
        guard errno == ENOENT, path != "/" else { throw stateError(path, errno) }
        let parent = (path as NSString).deletingLastPathComponent
        try make(parent)
        // Another process may have been quicker.
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw stateError(path, errno) }
        try synchronize(parent)
    }

    /// Makes the names in a folder durable.
    static func synchronize(_ path: String) throws(StoreError) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw stateError(path, errno) }
        defer { close(descriptor) }
        // Some file systems have no such thing and say EINVAL; they order names by themselves.
        guard fsync(descriptor) == 0 || errno == EINVAL else { throw stateError(path, errno, doing: "fsync") }
    }

    /// The entries of a folder in order, without our unfinished files; none when it is missing.
    static func names(in path: String) throws(StoreError) -> [String] {
        guard let stream = opendir(path) else {
            if errno == ENOENT { return [] }
            throw stateError(path, errno)
        }
        defer { closedir(stream) }
        var names: [String] = []
        errno = 0
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
            errno = 0
        }
        guard errno == 0 else { throw stateError(path, errno) }
        return names.sorted()
    }
}
