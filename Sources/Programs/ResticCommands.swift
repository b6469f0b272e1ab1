package import BackupModel

extension Restic {
    /// Creates the repository.
    /// - Parameter source: takes over its way of cutting files, so that what is copied from it deduplicates.
    package func initialize(likeThat source: Restic? = nil) -> ToolCommand {
        guard let source else { return command(["init", "--json"]) }
        return command(["init", "--json", "--copy-chunker-params"], from: source)
    }

    /// Copies snapshots from another repository, in the order given; those that are here already are passed over.
    package func copy(_ snapshots: [SnapshotID], from source: Restic) -> ToolCommand {
        var command = command(["copy"] + packingFlags, from: source, operands: snapshots.map(\.rawValue))
        command.keptOutput = .mebibytes(1)
        return command
    }

    /// The repository's configuration. Takes no lock, as all that follow and only read.
    package func catConfig() -> ToolCommand { quick(command(["cat", "config", "--json", "--no-lock"])) }

    package enum ListedKind: String, Sendable { case locks, keys, snapshots }

    /// Ids, one on a line; JSON is not spoken here by any version.
    package func list(_ kind: ListedKind) -> ToolCommand {
        var command = quick(command(["list", kind.rawValue, "--no-lock"]))
        command.keptOutput = .mebibytes(32)
        return command
    }

    /// Who made each key, and when, as JSON.
    package func keyOwners() -> ToolCommand { quick(command(["key", "list", "--json", "--no-lock"])) }

    /// Adds a key for a further password.
    /// - Source: https://restic.readthedocs.io/en/stable/070_encryption.html, seen with 0.14.0, 0.18.0 and 0.19.1.
    package func addKey(_ password: Secret, user: String?, host: String?) -> ToolCommand {
        var words = ["key", "add"]
        if let user, !user.isEmpty { words.append("--user=\(user)") }
        if let host, !host.isEmpty { words.append("--host=\(host)") }
        var command = command(words)
        command.secrets.append(.memoryFileArgument("--new-password-file=", password))
        return command
    }

    /// Removes a key; refused for the one that the password opens.
    package func removeKey(_ id: String) -> ToolCommand { command(["key", "remove"], operands: [id]) }

    /// The content of a lock.
    package func catLock(_ id: String) -> ToolCommand {
        quick(command(["cat", "lock", "--json", "--no-lock"], operands: [id]))
    }

    /// Snapshots as one JSON list.
    /// - Parameter tags: only those that bear all of them; empty is all.
    package func snapshots(tags: [String] = []) -> ToolCommand {
        var words = ["snapshots", "--json", "--no-lock"]
        if !tags.isEmpty { words += ["--tag", tags.joined(separator: ",")] }
        var command = command(words)
        command.keptOutput = .mebibytes(64)
        return command
    }

    /// Entries of a snapshot, one JSON object on a line.
    package func entries(of snapshot: SnapshotID) -> ToolCommand {
        command(["ls", "--json", "--no-lock"], operands: [snapshot.rawValue])
    }

    /// Entries of several snapshots whose names match, as one JSON list. The key derivation is paid for once.
    /// - Parameter pattern: for the last part of a path alone.
    /// - Source: https://restic.readthedocs.io/en/stable/manual_rest.html, seen with 0.14.0, 0.18.0 and 0.19.1.
    package func find(_ pattern: String, in snapshots: [SnapshotID], ignoringCase: Bool) -> ToolCommand {
        var words = ["find", "--json", "--no-lock"]
        if ignoringCase { words.append("--ignore-case") }
        for snapshot in snapshots { words += ["--snapshot", snapshot.rawValue] }
        var command = command(words, operands: [pattern])
        command.keptOutput = .mebibytes(64)
        return command
    }

    /// Writes one file of a snapshot to standard output. Takes no lock: a reader that goes away early ends restic by a
    /// signal, which would leave it behind.
    /// - Parameter path: as it is in the snapshot.
    package func dump(_ snapshot: SnapshotID, path: String) -> ToolCommand {
        var command = command(["dump", "--no-lock"], operands: [snapshot.rawValue, path])
        command.whenOrphaned = .leave
        return command
    }

    /// - Parameters:
    ///   - include: paths inside the snapshot, taken literally; empty is all.
    ///   - deleting: removes what is in the folder and not in the snapshot; needs ``ResticVersion/canDeleteOnRestore``.
    ///   - locking: false for a repository that cannot be written to.
    package func restore(
        _ snapshot: SnapshotID, into directory: String, include: [String], deleting: Bool, locking: Bool
    ) -> ToolCommand {
        var words = ["restore", "--json", "--target", directory]
        for path in include { words += ["--include", ResticPattern.literal(path)] }
        if deleting { words.append("--delete") }
        if version.makesHolesOnRestore { words.append("--sparse") }
        if !locking { words.append("--no-lock") }
        var command = command(words, operands: [snapshot.rawValue])
        command.keptOutput = .mebibytes(1)
        return command
    }

    /// Drops snapshots by their full ids. 3 says that some are still there (from 0.19.0).
    package func forget(_ snapshots: [SnapshotID]) -> ToolCommand {
        var command = command(["forget"], operands: snapshots.map(\.rawValue))
        command.acceptedExitCodes = [0, 3]
        return command
    }

    package func prune(dryRun: Bool) -> ToolCommand {
        let limit = tuning.unusedLimit.map { ["--max-unused", $0] } ?? []
        return command(["prune"] + packingFlags + limit + (dryRun ? ["--dry-run"] : []))
    }

    /// - Parameter locking: false for a repository that cannot be written to: restic would try for 15 minutes to lock it.
    package func check(_ depth: VerifyDepth, locking: Bool = true) -> ToolCommand {
        var words = ["check"]
        if !locking { words.append("--no-lock") }
        if version.checkSpeaksJSON { words.append("--json") }
        switch depth {
        case .structure: break
        case .data(let index, let count): words += ["--read-data-subset", "\(index)/\(count)"]
        case .allData: words.append("--read-data")
        }
        var command = command(words)
        command.keptOutput = .mebibytes(1)
        return command
    }

    /// Shows all snapshots below a folder, by short id and by host and time.
    package func mount(at folder: String, locking: Bool) -> ToolCommand {
        let names = ["--path-template=ids/%i", "--path-template=hosts/%h/%T"]
        var command = command(["mount"] + names + (locking ? [] : ["--no-lock"]), operands: [folder])
        // Nobody may look for hours; and it ends when we do, however we do.
        command.limits = ToolCommand.Limits(total: nil, stall: nil)
        return command
    }

    /// - Important: without `all` restic removes the locks that it takes for stale, and to find out signals the process
    ///   named in a lock of this host (SIGHUP), whatever that process is by now. With `all`, locks in use go too.
    package func unlock(all: Bool) -> ToolCommand { quick(command(["unlock"] + (all ? ["--remove-all"] : []))) }

    /// For commands that read a few small files: they are done in seconds, or a server does not answer.
    private func quick(_ command: ToolCommand) -> ToolCommand {
        var command = command
        command.limits.total = .seconds(1200)
        return command
    }
}
