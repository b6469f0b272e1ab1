import BackupModel
import Foundation

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The folder of an rsync repository.
struct RsyncFolder: DurableFolder {
    var path: String

    /// Begins the name of the folder of a run that is not complete.
    static let partialPrefix = ".partial-"
    /// Begins the name of what is to be deleted and counts no more.
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
            if names.contains(RsyncHeader.fileName) { return .repository }
            // What a creation that was killed left is no matter.
            for name in names where !name.hasPrefix(RsyncHeader.fileName) {
                let manifest = "\(path)/\(name)/\(RsyncManifest.fileName)"
                let isOurs = try SystemFolder.status(manifest) != nil
                return .foreign(
                    isOurs && RunNames.isStamp(name)
                        ? "restore points, whose file \(RsyncHeader.fileName) is missing" : name)
            }
            return .empty
        }
    }

    func header() throws(RepositoryError) -> RsyncHeader {
        let bytes = try read(RsyncHeader.fileName, limit: 1 << 20)
        let header: RsyncHeader
        do {
            struct Head: Decodable { var version: Int }
            let version = try JSONDecoder().decode(Head.self, from: Data(bytes)).version
            guard version <= RsyncHeader.currentVersion else {
                throw RepositoryError.formatTooNew(location: path, detail: "its version is \(version)")
            }
            header = try JSONDecoder().decode(RsyncHeader.self, from: Data(bytes))
        } catch let error as RepositoryError {
            throw error
        } catch {
            throw .damaged(location: path, detail: "\(RsyncHeader.fileName) cannot be read: \(error)")
        }
        guard header.format == RsyncHeader.currentFormat else {
            throw .damaged(location: path, detail: "\(RsyncHeader.fileName) is no rsync repository's")
        }
        return header
    }

    // MARK: - Runs

    /// Names of the folders of complete runs, oldest first.
    func runs() throws(RepositoryError) -> [String] { try folders().filter(RunNames.isStamp) }

    /// Names of the folders of runs that are going on, or were killed.
    func partial() throws(RepositoryError) -> [String] {
        try folders().filter { $0.hasPrefix(RsyncFolder.partialPrefix) }
    }

    /// Names of what is to be deleted, files too.
    func removing() throws(RepositoryError) -> [String] {
        try mapped { () throws(SystemFailure) in
            try SystemFolder.names(in: path).filter { $0.hasPrefix(RsyncFolder.removingPrefix) }
        }
    }

    /// Takes a folder or file out of what counts. Its room is freed by ``delete(_:)``.
    func hide(_ name: String) throws(RepositoryError) {
        let flat = name.replacing("/", with: "-")
        let hidden = RsyncFolder.removingPrefix + flat + "-" + UUID().uuidString.prefix(8)
        try rename(name, to: hidden)
        try sync(".")
    }

    /// - Important: deletes a folder with all that is in it, or a file.
    /// - Returns: the room that it frees.
    @discardableResult
    func delete(_ name: String) throws(RepositoryError) -> ByteCount {
        try mapped { () throws(SystemFailure) in try TreeRemoval.remove("\(path)/\(name)") }
    }

    // MARK: - The file system

    /// Tries what trees need: a file with two names.
    /// - Parameter link: as link(2).
    /// - Throws: ``RepositoryError/unsupported(_:)`` where there is no such thing.
    func requireHardLinks(
        by link: (String, String) -> Int32 = { link($0, $1) }
    ) throws(RepositoryError) {
        let first = "\(path)/\(RsyncHeader.fileName).probe-\(getpid())"
        let second = first + "-link"
        defer {
            unlink(first)
            unlink(second)
        }
        try mapped { () throws(SystemFailure) in try SystemFolder.makeFile([], at: first) }
        guard link(first, second) == 0 else {
            let failure = SystemFailure.last(second)
            if [SystemFailure.noSpace, SystemFailure.readOnly, EDQUOT].contains(failure.code) {
                throw repositoryError(failure)
            }
            throw .unsupported(
                "\(path) lies on a file system without hard links (\(failure.reason)), as vfat and exFAT are: every run would "
                    + "take the room of all files. Use a disk with ext4, xfs or btrfs, or a repository of kind `archive` or `restic`, "
                    + "which need no links"
            )
        }
    }

    /// Whether times of files are kept to the nanosecond there.
    func keepsFractions() throws(RepositoryError) -> Bool {
        let probe = "\(path)/\(RsyncHeader.fileName).probe-\(getpid())-\(UUID().uuidString.prefix(8))"
        defer { unlink(probe) }
        return try mapped { () throws(SystemFailure) in
            try SystemFolder.makeFile([], at: probe)
            let time = timespec(tv_sec: 1_700_000_000, tv_nsec: 123_456_789)
            guard utimensat(AT_FDCWD, probe, [time, time], AT_SYMLINK_NOFOLLOW) == 0 else { throw .last(probe) }
            return try SystemFolder.status(probe)?.modifiedNanoseconds == 1_700_000_000_123_456_789
        }
    }

    /// Everything that was written to this file system is on the disk when this returns.
    /// - Source: syncfs(2): it reports errors in writing back since Linux 5.8. Its header keeps it from Swift.
    func syncAll() throws(RepositoryError) {
        try mapped { () throws(SystemFailure) in
            let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            guard descriptor >= 0 else { throw .last(path) }
            defer { close(descriptor) }
            #if os(Linux)
                typealias SyncFileSystem = @convention(c) (Int32) -> Int32
                // SAFETY: the type is that of the function's declaration.
                let call = dlsym(nil, "syncfs").map { unsafeBitCast($0, to: SyncFileSystem.self) }
                guard let call else {
                    Glibc.sync()
                    return
                }
                guard call(descriptor) == 0 else { throw .last(path) }
            #else
                Darwin.sync()
            #endif
        }
    }
}
