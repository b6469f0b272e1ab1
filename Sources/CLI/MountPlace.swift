import BackupModel
import Foundation
import HostSystem
import Repositories

/// A folder to mount something at.
struct MountPlace {
    let folder: String
    private let live: Live

    init(_ folder: String, _ live: Live) {
        self.folder = folder
        self.live = live
    }

    static func isMounted(_ folder: String, _ live: Live) -> Bool {
        guard let mount = live.host.mount(containing: folder) else { return false }
        return mount.path == folder && mount.fileSystem.hasPrefix("fuse")
    }

    /// - Parameter programs: that it takes, by the packages that Debian has them in.
    /// - Returns: the folder with links resolved.
    /// - Throws: ``Failure`` naming what is missing.
    func checked(_ programs: [String: String]) async throws -> String {
        #if os(Linux)
            guard access("/dev/fuse", R_OK | W_OK) == 0 else {
                throw Failure(
                    "nothing can be mounted: /dev/fuse \(errno == ENOENT ? "is not there" : "may not be used by you")",
                    hint: "modprobe fuse, or in a container --device /dev/fuse --cap-add SYS_ADMIN; "
                        + "`holdfast restore --to DIR` needs none of it", kind: .toolMissing)
            }
        #endif
        let missing = programs.filter { live.runner.locate($0.value) == nil }.sorted { $0.key < $1.key }
        if let first = missing.first {
            throw Failure(
                "nothing can be mounted: there is no program \(first.value)",
                hint: "apt-get install \(missing.map(\.key).joined(separator: " ")); "
                    + "`holdfast restore --to DIR` needs none of it", kind: .toolMissing)
        }
        let real = URL(fileURLWithPath: folder).resolvingSymlinksInPath().path
        try await clearDead(real)
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: real, isDirectory: &isFolder), isFolder.boolValue else {
            throw Failure("\(folder) is no folder", hint: "mkdir -p \(folder)", kind: .usage)
        }
        guard live.host.mount(containing: real)?.path != real else {
            throw Failure(
                "something is mounted at \(folder) already",
                hint: "choose an empty folder, or: fusermount -u \(folder)",
                kind: .usage)
        }
        // A folder that cannot be read may have something in it: the message says both.
        guard (try? FileManager.default.contentsOfDirectory(atPath: real))?.isEmpty == true else {
            throw Failure(
                "\(folder) is not empty, or cannot be read: what is in it would be hidden",
                hint: "choose an empty folder",
                kind: .usage)
        }
        return real
    }

    /// Takes away what a mount left that was killed: nobody serves it any more, and nothing can be done with the folder.
    private func clearDead(_ folder: String) async throws {
        // Whether it is a folder the kernel tells from memory for a while, how much room it has it has to ask for.
        var facts = statvfs()
        guard MountPlace.isMounted(folder, live), statvfs(folder, &facts) != 0, errno == ENOTCONN else { return }
        let result = try await live.runner.run(ToolCommand(ResticRepository.mountHelper, ["-u", "--", folder]))
        guard result.didItsWork else {
            throw Failure(
                "what a killed mount left at \(folder) cannot be taken away: \(result.errors.text)",
                hint: "fusermount -uz \(folder)")
        }
    }
}

extension MountPlace {
    /// Runs what shows something at the folder, until somebody has seen enough: by Ctrl-C, or by unmounting it.
    /// - Parameters:
    ///   - folder: as ``checked(_:)`` returned it.
    ///   - command: ends by itself when it is unmounted.
    ///   - whenSeen: called once there is something to see.
    /// - Throws: ``Failure`` where it stays mounted.
    static func show(
        _ folder: String, _ live: Live, by command: ToolCommand, whenSeen: @escaping @Sendable () -> Void
    ) async throws -> ToolResult {
        let watch = Task {
            while !MountPlace.isMounted(folder, live) { try await Task.sleep(for: .milliseconds(50)) }
            whenSeen()
        }
        let result = try await live.runner.run(command)
        watch.cancel()
        // That it never came to be seen is in the result.
        _ = await watch.result
        if MountPlace.isMounted(folder, live) {
            throw Failure(
                "\(folder) is still mounted: something has a file or a folder in it open",
                hint: "leave it, then: fusermount -u \(folder)")
        }
        return result
    }
}
