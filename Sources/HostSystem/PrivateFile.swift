package import BackupModel
import Foundation

/// A file for its owner alone (0600) that is there whole or not at all.
package enum PrivateFile {
    /// - Parameter replacing: puts it in the place of one that is there.
    package static func write(_ bytes: [UInt8], to path: String, replacing: Bool) throws(Failure) {
        let folder = (path as NSString).deletingLastPathComponent
        let name = (path as NSString).lastPathComponent
        let draft = "\(folder.isEmpty ? "." : folder)/.\(name).\(getpid()).\(UInt32.random(in: .min ... .max)).new"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw Failure("\(path) cannot be written: \(reason(errno))", hint: "choose another file with --output")
        }
        var failure = PublishedFile.writeAll(bytes, to: descriptor)
        if failure == nil, fchmod(descriptor, 0o600) != 0 || fsync(descriptor) != 0 { failure = errno }
        if close(descriptor) != 0, failure == nil { failure = errno }
        if failure == nil { failure = replacing ? (rename(draft, path) == 0 ? nil : errno) : publish(draft, as: path) }
        unlink(draft)
        if failure == EEXIST {
            throw Failure("\(path) is there already", hint: "give another file with --output, or --force", kind: .usage)
        }
        if let failure { throw Failure("\(path) cannot be written: \(reason(failure))") }
        synchronize(folder.isEmpty ? "." : folder)
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
