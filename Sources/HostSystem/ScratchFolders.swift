package import BackupModel
import Foundation

/// Private working folders, one per run: `holdfast-<run>` below the profile's `scratch:` or the state folder's.
package struct ScratchFolders: ScratchSpace {
    private static let prefix = "holdfast-"
    /// Folders in which restores are put together, beside their place.
    private static let stagingPrefix = ".holdfast-restore-"
    /// Folders in mounted places, in which restores have put aside what was there.
    private static let keptPrefix = ".holdfast-before-"
    package let defaultRoot: String

    package init(defaultRoot: String) { self.defaultRoot = defaultRoot }

    package func path(for run: RunID, root: String?) -> String {
        "\(root ?? defaultRoot)/\(ScratchFolders.prefix)\(run)"
    }

    package func create(for run: RunID, root: String?) throws(ScratchError) -> String {
        let root = root ?? defaultRoot
        guard ScratchFolders.isRunID(run.rawValue) else { throw ScratchError(path: root, reason: "\(run) is no run") }
        do {
            try PrivateFolder.make(root)
        } catch {
            throw ScratchError(path: error.path, reason: error.reason)
        }
        let parent = try FolderHandle(path: root)
        try parent.checkIsSafe()
        let name = ScratchFolders.prefix + run.rawValue
        guard mkdirat(parent.descriptor, name, 0o700) == 0 else {
            throw ScratchError(path: "\(root)/\(name)", reason: errno == EEXIST ? "it exists already" : reason(errno))
        }
        return "\(root)/\(name)"
    }

    package func remove(_ path: String) throws(ScratchError) {
        let name = (path as NSString).lastPathComponent
        let folder = ((path as NSString).deletingLastPathComponent as NSString).lastPathComponent
        guard
            ScratchFolders.isKeptAside(name) || ScratchFolders.run(ofFolder: folder, ScratchFolders.keptPrefix) != nil
                || ScratchFolders.run(ofFolder: name, ScratchFolders.keptPrefix) != nil
                || ScratchFolders.run(ofFolder: name)
                    ?? ScratchFolders.run(ofFolder: name, ScratchFolders.stagingPrefix)
                    != nil
        else {
            throw ScratchError(path: path, reason: "it is not a scratch folder, so it is not removed")
        }
        let root = (path as NSString).deletingLastPathComponent
        guard access(root, F_OK) == 0 || errno != ENOENT else { return }
        try FolderHandle(path: root).removeTree(FileName(name))
    }

    package func present(root: String) -> [String] {
        // What is not there, or is not ours to see, holds nothing of ours.
        let names = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        return names.filter { ScratchFolders.run(ofFolder: $0) != nil }.sorted().map { "\(root)/\($0)" }
    }

    package func sweep(root: String?, isLive: (RunID) -> Bool) throws(ScratchError) -> [String] {
        let root = root ?? defaultRoot
        guard access(root, F_OK) == 0 || errno != ENOENT else { return [] }
        let parent = try FolderHandle(path: root)
        var removed: [String] = []
        for name in try parent.names().sorted(by: { $0.text < $1.text }) {
            guard let run = ScratchFolders.run(ofFolder: name.text), try parent.isOwnFolder(name), !isLive(run) else {
                continue
            }
            try parent.removeTree(name)
            removed.append("\(root)/\(name.text)")
        }
        return removed
    }

    /// `uploads.before-20261121T023000Z-7f3a9c`, perhaps with the ending of a file that belongs to a database.
    private static func isKeptAside(_ name: String) -> Bool {
        guard let mark = name.range(of: ".before-", options: .backwards) else { return false }
        let rest = name[mark.upperBound...]
        return isRunID(String(rest.prefix(23))) && ["", "-wal", "-shm", "-journal"].contains(rest.dropFirst(23))
    }

    private static func run(ofFolder name: String, _ prefix: String = prefix) -> RunID? {
        guard name.hasPrefix(prefix) else { return nil }
        let rest = String(name.dropFirst(prefix.count))
        return isRunID(rest) ? RunID(rawValue: rest) : nil
    }

    /// `20261121T023000Z-7f3a9c` and nothing that merely resembles it.
    private static func isRunID(_ text: String) -> Bool {
        let marks: [Int: UInt8] = [8: UInt8(ascii: "T"), 15: UInt8(ascii: "Z"), 16: UInt8(ascii: "-")]
        let bytes = Array(text.utf8)
        guard bytes.count == 23 else { return false }
        return bytes.enumerated().allSatisfy { index, byte in
            if let mark = marks[index] { return byte == mark }
            return (48...57).contains(byte) || (index > 16 && (97...102).contains(byte))
        }
    }
}
