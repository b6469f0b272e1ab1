extension RepositoryError {
    package var kind: FailureKind {
        switch self {
        case .absent, .misplaced: .noRepository
        case .wrongPassword, .noKey: .wrongPassword
        case .locked: .locked
        case .damaged, .keysMissing, .changed: .damaged
        case .full, .noRoom: .destinationFull
        case .readOnly: .destinationReadOnly
        case .denied: .notPermitted
        case .unreachable: .serverUnreachable
        case .formatTooNew: .newerVersion
        case .toolTooOld: .toolMissing
        case .notFound: .notFound
        case .unsupported, .keyNotNamed: .badProfile
        case .cancelled: .interrupted
        case .tool(let error): error.kind
        case .secret(let error): error.kind
        case .occupied, .producerFailed, .producedNothing, .miscounted, .noEvidence, .sourceUnreadable, .toolFailed,
            .timedOut:
            .failed
        }
    }

    package var description: String {
        switch self {
        case .absent(let location): "there is no repository at \(location)"
        case .wrongPassword(let location): "the password does not open the repository at \(location)"
        case .noKey(let file, let tool, let detail): "\(tool) has no key that opens \(file): \(detail)"
        case .keyNotNamed(let file, _): "nothing is named that opens \(file)"
        case .keysMissing(let location): "the repository at \(location) has lost its keys: its keys/ folder is empty"
        case .locked(let location, let locks, let detail):
            "the repository at \(location) is locked"
                + (locks.isEmpty
                    ? ": \(detail)"
                    : locks.map { lock in
                        " \(lock.exclusive ? "exclusively " : "")by process \(lock.pid) of \(lock.user) on "
                            + "\(lock.host) since \(Timestamp.format(lock.time))"
                    }.joined(separator: ","))
        case .damaged(let location, let detail): "the repository at \(location) is damaged: \(detail)"
        case .full(let location, let detail, let free), .noRoom(let location, let detail, let free):
            "no room left at \(location)" + (free.map { " (\($0) free)" } ?? "") + ": \(detail)"
        case .readOnly(let location, let detail): "\(location) is read-only: \(detail)"
        case .denied(let location, let detail): "access to \(location) was refused: \(detail)"
        case .unreachable(let location, let detail): "\(location) cannot be reached: \(detail)"
        case .formatTooNew(let location, let detail):
            "the repository at \(location) was made by a newer version of its program: \(detail)"
        case .occupied(let location, let what): "\(location) is no repository and is not empty: \(what)"
        case .misplaced(let location, let detail): "the repository at \(location) is not used: \(detail)"
        case .changed(let location, let pinned, let found):
            pinned.id == found.id
                ? "the keys of the repository at \(location) changed: pinned "
                    + "\(pinned.keyIDs.map { String($0.prefix(8)) }.joined(separator: " ")), found "
                    + found.keyIDs.map { String($0.prefix(8)) }.joined(separator: " ")
                    + (Set(found.keyIDs).isSubset(of: pinned.keyIDs) ? "" : "; whoever added a key can open everything")
                : "the repository at \(location) is another one: pinned id \(pinned.id.prefix(10)), found "
                    + found.id.prefix(10)
        case .toolTooOld(let tool, let version, let needed): "\(tool) \(version) is too old; \(needed) is needed"
        case .producerFailed(let tool, let how, let detail, _):
            "\(tool) failed (\(how)); its dump was not committed" + (detail.isEmpty ? "" : ": \(detail)")
        case .producedNothing(let tool, _): "\(tool) ended well but wrote nothing; nothing was committed"
        case .miscounted(let part, let produced, let stored, _):
            "\(part): the producer wrote \(produced.bytes) bytes, the repository read \(stored.bytes)"
        case .noEvidence(let location, let detail): "no proof that anything was stored at \(location): \(detail)"
        case .sourceUnreadable(let detail): "nothing of the source could be read: \(detail)"
        case .notFound(let what): "\(what) was not found"
        case .toolFailed(let tool, let how, let detail):
            "\(tool) failed (\(how))" + (detail.isEmpty ? "" : ": \(detail)")
        case .timedOut(let tool, let limit): "\(tool) was stopped after \(limit)"
        case .cancelled: "cancelled"
        case .tool(let error): error.description
        case .secret(let error): error.description
        case .unsupported(let what): what
        }
    }

    package var hint: String? {
        switch self {
        case .absent: "check the path and that its disk is mounted; `backup --init` makes a new one"
        case .wrongPassword: "correct `password:` in the profile; nothing was changed"
        case .noKey(_, "gpg", _):
            "import the key, and let gpg-agent have its passphrase: nobody can be asked here; nothing was changed"
        case .noKey: "name the key of one of its recipients under `identity:`; nothing was changed"
        case .keyNotNamed(_, let how): how
        case .keysMissing: "put the files of keys/ back from another copy of the repository"
        case .locked: "wait for it, or look at it with `holdfast repository unlock`"
        case .damaged: "do not prune; run `holdfast backup verify --data 100%`, then follow docs/repair.md"
        case .noRoom:
            "free some room there, or restore less of it (--only, --path), or elsewhere (--to DIR); no backup is in the way"
        case .full: "free room on the destination, or `holdfast backup prune`; earlier backups are untouched"
        case .readOnly: "remount it read-write; earlier backups are untouched"
        case .denied: "check the owner and mode of the folder, or the permissions of the credential"
        case .unreachable: "check the network and the address; earlier backups are untouched"
        case .formatTooNew: "install the newer version of the program that made it (restic, or Holdfast for archives)"
        case .toolTooOld(let tool, _, _): "install a newer \(tool)"
        case .occupied: "choose an empty folder for a new repository"
        case .misplaced: "mount its disk, or correct the path; nothing was written"
        case .changed:
            "if it was moved, replaced or given another password on purpose: `holdfast repository accept-id`; otherwise treat it as tampering, "
                + "and take a key that nobody knows away (docs/keys.md)"
        case .producerFailed, .producedNothing, .miscounted:
            "earlier backups are untouched; mend the cause and run it again"
        case .noEvidence: "run `holdfast backup list` to see what is there, then the backup again"
        case .notFound: "`holdfast backup list` shows what there is"
        case .tool(let error): error.hint
        case .secret(let error): error.hint
        case .sourceUnreadable, .toolFailed, .timedOut, .cancelled, .unsupported: nil
        }
    }
}
