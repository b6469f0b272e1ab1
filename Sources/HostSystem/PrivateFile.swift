package import BackupModel
import Foundation

/// A file for its owner alone (0600) that is there whole or not at all.
package enum PrivateFile {
    /// - Parameter replacing: puts it in the place of one that is there.
    package static func write(_ bytes: [UInt8], to path: String, replacing: Bool) throws(Failure) {
        try write([(path, bytes)], replacing: replacing)
    }

    /// Files that are of use together alone. All are written beside their places before the first takes its own: a disk that becomes
    /// full leaves those that were there as they were.
    /// - Parameter replacing: puts each in the place of one that is there.
    package static func write(_ files: [(path: String, bytes: [UInt8])], replacing: Bool) throws(Failure) {
        var drafts: [String] = []
        defer { for draft in drafts { unlink(draft) } }
        for file in files { drafts.append(try draft(file.bytes, of: file.path)) }
        var placed: [(path: String, former: Former)] = []
        // What was replaced has a name of its own until all are there.
        defer { for draft in drafts { unlink(draft + ".former") } }
        do throws(Failure) {
            for (file, draft) in zip(files, drafts) {
                let former = replacing && files.count > 1 ? keep(file.path, as: draft + ".former") : .none
                try place(draft, as: file.path, replacing: replacing)
                placed.append((file.path, former))
            }
        } catch {
            // Fewer than all of them would pass for the whole.
            for (path, former) in placed.reversed() {
                switch former {
                case .none: unlink(path)
                case .kept(let name): rename(name, path)
                case .lost: continue
                }
            }
            throw error
        }
        for folder in Set(files.map { folder(of: $0.path) }) { synchronize(folder) }
    }

    /// What was at a place before.
    private enum Former {
        case none, lost
        case kept(String)
    }

    /// Some file systems give nothing a second name: what was there is lost once it is replaced.
    private static func keep(_ path: String, as name: String) -> Former {
        if link(path, name) == 0 { return .kept(name) }
        return errno == ENOENT ? .none : .lost
    }

    private static func folder(of path: String) -> String {
        let folder = (path as NSString).deletingLastPathComponent
        return folder.isEmpty ? "." : folder
    }

    /// - Returns: a file beside it, whole and on disk.
    private static func draft(_ bytes: [UInt8], of path: String) throws(Failure) -> String {
        let name = (path as NSString).lastPathComponent
        let draft = "\(folder(of: path))/.\(name).\(getpid()).\(UInt32.random(in: .min ... .max)).new"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw Failure("\(path) cannot be written: \(reason(errno))", hint: "choose another file with --output")
        }
        var failure = PublishedFile.writeAll(bytes, to: descriptor)
        if failure == nil, fchmod(descriptor, 0o600) != 0 || fsync(descriptor) != 0 { failure = errno }
        if close(descriptor) != 0, failure == nil { failure = errno }
        guard let failure else { return draft }
        unlink(draft)
        throw Failure("\(path) cannot be written: \(reason(failure))")
    }

    private static func place(_ draft: String, as path: String, replacing: Bool) throws(Failure) {
        let failure = replacing ? (rename(draft, path) == 0 ? nil : errno) : publish(draft, as: path)
        if failure == EEXIST {
            throw Failure("\(path) is there already", hint: "give another file with --output, or --force", kind: .usage)
        }
        if let failure { throw Failure("\(path) cannot be written: \(reason(failure))") }
    }

    /// A link is made where nothing is, and nowhere else. Some file systems have none: there a file that comes at this very moment
    /// is replaced.
    private static func publish(_ draft: String, as path: String) -> Int32? {
        if link(draft, path) == 0 { return nil }
        guard errno == EPERM || errno == EOPNOTSUPP else { return errno }
        if access(path, F_OK) == 0 { return EEXIST }
        return rename(draft, path) == 0 ? nil : errno
    }

    /// A file system that cannot has it on disk by itself soon.
    private static func synchronize(_ folder: String) {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }
}
