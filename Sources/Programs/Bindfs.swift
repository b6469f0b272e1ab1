package import BackupModel

/// bindfs shows a folder at another place, through FUSE, so that it takes no right to mount.
/// - Source: bindfs(1); seen with 1.14.7.
package enum Bindfs {
    package static let program = "bindfs"

    /// Shows a folder read-only, to whoever starts it and nobody else (as root bindfs lets everybody in by itself), until it is
    /// interrupted or the place is unmounted; it exits 0 either way.
    ///
    /// The system's list of mounts then has the folder as what is mounted, or, where its path has a space or a comma, the end of it.
    /// - Parameters:
    ///   - folder: absolute.
    ///   - place: absolute; an empty folder.
    package static func show(_ folder: String, at place: String) -> ToolCommand {
        let name = folder.split(separator: "/").suffix(2).joined(separator: "/")
        var command = ToolCommand(
            program, ["-f", "-r", "--no-allow-other", "-o", "nosuid,nodev,fsname=\(name)", folder, place])
        // Nobody may look for hours.
        command.limits = ToolCommand.Limits(total: nil, stall: nil)
        return command
    }
}
