package import BackupModel
import Foundation

/// A private folder in which a tree is put together that shall appear in a target all at once or not at all.
///
/// It lies in the target, and not beside it: there it is on the same file system even where the target is a mount point, and who
/// may write into the target may make it.
package final class StagingFolder {
    private let target: String
    private let name: FileName
    /// Folders that were missing, the innermost last.
    private var made: [String] = []

    /// Where the tree goes; 0755 or what the archive says, within a folder that is ours alone.
    package let tree: String

    /// - Parameter target: absolute; made where it is missing.
    /// - Throws: ``Failure`` when it is no folder, or a link.
    package init(in target: String, run: RunID) throws(Failure) {
        self.target = target
        name = FileName(".holdfast-restore-\(run)")
        tree = "\(target)/\(name.text)/tree"
        do throws(Failure) {
            try makeTarget()
            for folder in ["\(target)/\(name.text)", tree] where mkdir(folder, 0o700) != 0 {
                throw Failure("\(folder) cannot be made: \(reason(errno))", kind: StagingFolder.kind(errno))
            }
        } catch {
            discard()
            throw error
        }
    }

    private func makeTarget() throws(Failure) {
        var facts = stat()
        var place = target
        var missing: [String] = []
        while lstat(place, &facts) != 0 {
            guard errno == ENOENT, place.count > 1 else { throw Failure("\(place): \(reason(errno))") }
            missing.append(place)
            place = String(place[..<(place.lastIndex(of: "/") ?? place.startIndex)])
            if place.isEmpty { place = "/" }
        }
        // Folders above it are the operator's, links among them too.
        guard missing.isEmpty ? facts.st_mode & S_IFMT == S_IFDIR : stat(place, &facts) == 0,
            facts.st_mode & S_IFMT == S_IFDIR
        else { throw Failure("\(place) is not a folder, or is a link to one", kind: .usage) }
        for folder in missing.reversed() {
            guard mkdir(folder, 0o700) == 0 else {
                throw Failure("\(folder) cannot be made: \(reason(errno))", kind: StagingFolder.kind(errno))
            }
            made.append(folder)
        }
    }

    /// - Returns: true when something bears this name in the target already, be it a link to nowhere.
    package func isTaken(_ name: String) -> Bool {
        var facts = stat()
        return lstat("\(target)/\(name)", &facts) == 0 || errno != ENOENT
    }

    /// Moves the tree's entries into the target, and is gone then. When one of them cannot be moved, none is.
    package func complete() throws(Failure) {
        do throws(ScratchError) {
            let from = try FolderHandle(path: tree)
            let to = try FolderHandle(path: target)
            var moved: [FileName] = []
            for entry in try from.names() {
                if let failure = StagingFolder.move(entry, from, to) {
                    for entry in moved { _ = StagingFolder.move(entry, to, from) }
                    throw ScratchError(path: "\(target)/\(entry.text)", reason: failure)
                }
                moved.append(entry)
            }
            _ = fsync(to.descriptor)
            made = []
        } catch {
            throw Failure(
                "what was restored cannot be moved into its place: \(error.path): \(error.reason)",
                hint: "nothing in \(target) was changed")
        }
    }

    private static func move(_ name: FileName, _ from: FolderHandle, _ to: FolderHandle) -> String? {
        var facts = stat()
        guard fstatat(to.descriptor, name.bytes, &facts, AT_SYMLINK_NOFOLLOW) != 0 else { return "it is there already" }
        return renameat(from.descriptor, name.bytes, to.descriptor, name.bytes) == 0 ? nil : reason(errno)
    }

    /// Removes it with all that is in it, and folders that were made for it and stayed empty.
    /// - Returns: why something stayed behind.
    @discardableResult package func discard() -> String? {
        var problem: String?
        if access("\(target)/\(name.text)", F_OK) == 0 || errno != ENOENT {
            do throws(ScratchError) {
                try FolderHandle(path: target).removeTree(name)
            } catch {
                problem = "\(error.path): \(error.reason)"
            }
        }
        for folder in made.reversed() { rmdir(folder) }
        made = []
        return problem
    }

    private static func kind(_ code: Int32) -> FailureKind {
        switch code {
        case ENOSPC, EDQUOT: .destinationFull
        case EROFS: .destinationReadOnly
        default: .failed
        }
    }
}
