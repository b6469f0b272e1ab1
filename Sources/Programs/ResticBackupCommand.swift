package import BackupModel
package import Foundation

extension Restic {
    /// Exit code of a backup that made a snapshot although something could not be read.
    /// - Source: https://restic.readthedocs.io/en/stable/040_backup.html#exit-status-codes, checked for 0.14.0 to 0.19.1.
    package static let incompleteExitCode: Int32 = 3

    /// Backs up files and folders. Their names go in by standard input, each ended by a NUL, so that any name will do.
    package func backup(_ selection: FileSelection, as stamp: SnapshotStamp) -> ToolCommand {
        var words = ["backup", "--json", "--files-from-raw", "-"]
        for pattern in selection.excludes { words += ["--exclude", pattern] }
        for path in selection.excludedPaths { words += ["--exclude", ResticPattern.literal(path)] }
        if selection.excludesCacheDirectories { words.append("--exclude-caches") }
        if let size = selection.excludesLargerThan { words += ["--exclude-larger-than", String(size.bytes)] }
        if selection.oneFileSystem { words.append("--one-file-system") }
        var command = backup(words, as: stamp)
        command.input = .bytes(selection.roots.flatMap { Array($0.utf8) + [0] })
        command.acceptedExitCodes = [0, Restic.incompleteExitCode]
        command.overlays = selection.substitutes.sorted { $0.key < $1.key }
            .map { FileOverlay(place: $0.key, content: $0.value) }
        return command
    }

    /// Backs up its own standard input as one file called `path`.
    /// - Parameter time: to be recorded instead of now; whole seconds.
    package func backupStandardInput(
        as path: PartPath, _ stamp: SnapshotStamp, at time: Date? = nil, in zone: TimeZone = .current
    ) -> ToolCommand {
        let name = ResticPartName.stored(path, by: version)
        var words = ["backup", "--json", "--stdin", "--stdin-filename", name]
        if let time { words += ["--time", Restic.localTime(time, in: zone)] }
        return backup(words, as: stamp)
    }

    /// As `--time` wants it: in the time zone of restic's process.
    /// - Source: https://restic.readthedocs.io/en/stable/manual_rest.html (`backup --help`), checked for 0.14.0 to 0.19.1.
    private static func localTime(_ time: Date, in zone: TimeZone) -> String {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = zone
        let parts = calendar.dateComponents([.year, .month, .day, .hour, .minute, .second], from: time)
        func digits(_ value: Int?, _ count: Int) -> String {
            let text = String(value ?? 0)
            return String(repeating: "0", count: max(0, count - text.count)) + text
        }
        return [digits(parts.year, 4), digits(parts.month, 2), digits(parts.day, 2)].joined(separator: "-") + " "
            + [digits(parts.hour, 2), digits(parts.minute, 2), digits(parts.second, 2)].joined(separator: ":")
    }

    private func backup(_ words: [String], as stamp: SnapshotStamp) -> ToolCommand {
        var words = words + packingFlags
        if let readers = tuning.readConcurrency, version.hasReadConcurrencyFlag {
            words += ["--read-concurrency", String(readers)]
        }
        words += ["--host", stamp.host]
        for tag in stamp.tags { words += ["--tag", tag] }
        var command = command(words)
        // Room for some ten thousand complaints about unreadable files.
        command.keptOutput = .mebibytes(1)
        return command
    }
}

/// restic's language of patterns.
package enum ResticPattern {
    /// The pattern that matches `path` and what is below it, and nothing else.
    /// - Source: https://restic.readthedocs.io/en/stable/040_backup.html#excluding-files (patterns are Go's
    ///   `filepath.Match` with `**`), checked for 0.14.0 to 0.19.1.
    package static func literal(_ path: String) -> String {
        var pattern = ""
        for scalar in path.unicodeScalars {
            if "\\*?[".unicodeScalars.contains(scalar) { pattern.unicodeScalars.append("\\") }
            pattern.unicodeScalars.append(scalar)
        }
        return pattern
    }
}
