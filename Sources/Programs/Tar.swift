package import BackupModel

/// GNU tar, writing and unpacking archives on its standard streams.
package enum Tar {
    /// Writes an archive of exactly the entries named: tar itself goes into no folder.
    ///
    /// POSIX format, for names and sizes of any length and times to the nanosecond; holes stay holes, and attributes go along. What cannot be read is told of as a
    /// warning (``notices(in:)``) and does not end the archive. Exit code 1: a file changed while it was read.
    /// - Parameters:
    ///   - names: relative to `folder`, each ended by a NUL.
    ///   - overlays: files that stand in for others.
    /// - Source: https://www.gnu.org/software/tar/manual/html_node/Synopsis.html (exit codes), and there `--null`,
    ///   `--ignore-failed-read` and `--pax-option`; checked with tar 1.34.
    package static func create(names: ToolInput, in folder: String, overlays: [FileOverlay] = []) -> ToolCommand {
        var command = ToolCommand(
            "tar",
            [
                "--create", "--file=-", "--format=posix", "--pax-option=delete=atime,delete=ctime", "--sparse",
                "--xattrs", "--acls", "--no-recursion",
                "--ignore-failed-read", "--quoting-style=escape", "--directory=" + folder, "--null", "--files-from=-",
            ])
        command.input = names
        command.overlays = overlays
        command.acceptedExitCodes = [0, changedExitCode]
        command.teardown = TeardownStep.terminateFirst
        command.whenOrphaned = .leave
        // Room for some ten thousand complaints about unreadable files.
        command.keptOutput = .mebibytes(1)
        return command
    }

    /// Some file was changed while it was read.
    package static let changedExitCode: Int32 = 1

    /// Unpacks an archive into a folder that is there. Owners go by their numbers, and are restored by root only, as are
    /// attributes other than `user.…`: of those that cannot be set tar only warns.
    package static func extract(into folder: String, only names: [String] = []) -> ToolCommand {
        var command = ToolCommand(
            "tar",
            [
                "--extract", "--file=-", "--directory=" + folder, "--numeric-owner", "--preserve-permissions",
                "--xattrs", "--xattrs-include=*", "--acls", "--keep-old-files", "--no-wildcards", "--no-unquote",
                "--quoting-style=escape",
            ] + (names.isEmpty ? [] : ["--"] + names))
        command.teardown = TeardownStep.terminateFirst
        return command
    }

    /// Writes the content of one member to standard output.
    package static func print(_ name: String) -> ToolCommand {
        var command = ToolCommand(
            "tar", ["--extract", "--to-stdout", "--file=-", "--no-wildcards", "--no-unquote", "--", name])
        command.teardown = TeardownStep.terminateFirst
        return command
    }

    /// The items that tar could not read as they should be, from what it wrote to standard error.
    package static func notices(in errors: String) -> [UnreadableItem] {
        errors.split(separator: "\n").compactMap { line in
            // It calls itself as it was called: `tar`, or by its path.
            guard let colon = line.firstIndex(of: ":"), line[..<colon].hasSuffix("tar") else { return nil }
            let text = line[colon...].dropFirst(2)
            for mark in marks {
                guard let range = text.lastRange(of: mark) else { continue }
                let name = text[..<range]
                let reason = text[range...].dropFirst(2)
                return UnreadableItem(
                    path: String(name),
                    reason: String(reason.hasPrefix("Warning: ") ? reason.dropFirst(9) : reason))
            }
            return nil
        }
    }

    /// What follows a name in a message about it.
    private static let marks = [
        ": Warning: ", ": file changed as we read it", ": File removed before we read it", ": File shrank by ",
        ": Cannot ", ": Read error ",
    ]
}

extension Substring {
    /// Where the last occurrence of `text` begins.
    fileprivate func lastRange(of text: String) -> Substring.Index? {
        var index = endIndex
        while index > startIndex {
            index = self.index(before: index)
            if self[index...].hasPrefix(text) { return index }
        }
        return nil
    }
}
