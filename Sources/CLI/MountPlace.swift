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
        holds(folder, live) { $0.fileSystem.hasPrefix("fuse") }
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
            throw Failure(
                "\(folder) is no folder",
                hint: access(folder, F_OK) == 0 || errno != ENOENT
                    ? "name an empty folder"
                    : "mkdir -p \(MountPlace.word(folder)) (the restore point comes first, then the folder)",
                kind: .usage)
        }
        guard live.host.mount(containing: real)?.path != real else {
            throw MountPlace.taken(folder)
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
                hint: "fusermount -uz \(MountPlace.word(folder))")
        }
    }
}

extension MountPlace {
    /// Runs what shows something at the folder, until somebody has seen enough: by Ctrl-C, or by unmounting it.
    /// - Parameters:
    ///   - folder: as ``checked(_:)`` returned it.
    ///   - command: ends by itself when it is unmounted.
    ///   - isOurs: tells what it mounts from what somebody else does.
    ///   - whenSeen: called once there is something to see.
    /// - Returns: how the command ended, where it did not do its work; `nil` where it did.
    /// - Throws: ``Failure`` where something is mounted there meanwhile, or stays mounted; `CancellationError` where it was ended before
    ///   there was anything to see.
    static func show(
        _ folder: String, _ live: Live, by command: ToolCommand, as isOurs: @escaping @Sendable (MountPoint) -> Bool,
        whenSeen: @escaping @Sendable () -> Void
    ) async throws -> ToolResult? {
        guard live.host.mount(containing: folder)?.path != folder else { throw MountPlace.taken(folder) }
        let watch = Task {
            while !MountPlace.holds(folder, live, isOurs) { try await Task.sleep(for: .milliseconds(50)) }
            whenSeen()
        }
        let result = try await live.runner.run(command)
        watch.cancel()
        let wasSeen = if case .success = await watch.result { true } else { false }
        let didEnd = result.stopped == .cancelled || result.didItsWork
        if MountPlace.holds(folder, live, isOurs) {
            // Nobody serves it any more.
            if !didEnd { _ = try await live.runner.run(MountPlace.unmounting(folder)) }
            guard !MountPlace.holds(folder, live, isOurs) else {
                throw Failure(
                    "\(folder) is still mounted: something has a file or a folder in it open",
                    hint: "leave it, then: fusermount -u \(MountPlace.word(folder))")
            }
        }
        if result.stopped == .cancelled, !wasSeen { throw CancellationError() }
        return didEnd ? nil : result
    }

    private static func holds(_ folder: String, _ live: Live, _ isOurs: (MountPoint) -> Bool) -> Bool {
        // By the list of mounts: one whose program is gone cannot be looked at. Of several the last covers the others.
        live.host.mounts().last { $0.path == folder }.map(isOurs) ?? false
    }

    /// Ends a mount whose program is gone.
    private static func unmounting(_ folder: String) -> ToolCommand {
        ToolCommand(ResticRepository.mountHelper, ["-u", "-z", "--", folder])
    }

    /// For a line that is printed to be pasted.
    static func word(_ path: String) -> String { ToolCommand(path).displayed }

    private static func taken(_ folder: String) -> Failure {
        Failure(
            "something is mounted at \(folder) already",
            hint: "choose an empty folder, or: fusermount -u \(word(folder))", kind: .usage)
    }

    /// Finds out whether anything can be mounted here, before work is done for it.
    /// - Parameter command: shows something empty, for a moment.
    /// - Returns: as ``show(_:_:by:as:whenSeen:)``.
    static func tryOut(
        _ folder: String, _ live: Live, by command: ToolCommand, as isOurs: @escaping @Sendable (MountPoint) -> Bool
    ) async throws -> ToolResult? {
        let (seen, tell) = AsyncStream.makeStream(of: Void.self)
        let work = Task {
            defer { tell.finish() }
            return try await show(folder, live, by: command, as: isOurs) { tell.finish() }
        }
        for await _ in seen {}
        work.cancel()
        return try await work.value
    }
}
