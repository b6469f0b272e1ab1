import BackupModel
import Programs

/// A private, consistent copy of a database, and what is known of it.
struct SQLiteCopy: Sendable {
    var path: String
    /// The state of the original before it was copied.
    var original: FileStatus
    /// `nil` where the shell could not check it.
    var integrity: SQLiteIntegrity?
    var notices: [String] = []

    var isDamaged: Bool { integrity.map { !$0.isSound } ?? false }
}

/// Copies live SQLite databases so that each copy is one state that the database was in, whoever writes meanwhile. A damaged
/// database is copied as far as that is possible, and called damaged.
struct SQLiteCopier: Sendable {
    static let magic = Array("SQLite format 3\0".utf8)
    /// Endings of the files that belong to a database while it is in use.
    static let sideFiles = ["-wal", "-shm", "-journal"]

    var services: Services
    var busyTimeout: Duration = .seconds(30)
    var method = SQLiteSettings.Method.auto

    /// Bytes of a database and of what is not yet in its main file.
    static func size(of path: String, _ status: FileStatus) -> Int64 {
        status.size + (FileStatus.seen(path + "-wal")?.size ?? 0)
    }

    /// The database's own path, without symbolic links, and its state.
    /// - Throws: when there is none, or it is no database.
    static func examine(_ path: String) throws(SourceError) -> (path: String, status: FileStatus) {
        let resolved: String
        let status: FileStatus
        let first: [UInt8]
        do {
            resolved = try System.resolve(path)
            status = try FileStatus(resolved, followingLinks: false)
            guard status.kind == .file else {
                throw SourceError.notADatabase(
                    path: path, detail: status.kind == .folder ? "it is a folder" : "it is no file")
            }
            first =
                System.openFiles().contains(status.identity)
                ? magic : try System.firstBytes(of: resolved, count: magic.count)
        } catch let error as SystemError {
            throw error.reading(path, hint: "check the path; a database that is not there is never made up")
        } catch let error as SourceError {
            throw error
        } catch {
            throw .unreadable(path, reason: "\(error)")
        }
        if first.isEmpty { throw .empty(path, hint: "it has no bytes; a database that was ever used has some") }
        guard first == magic else {
            throw .notADatabase(
                path: path, detail: "its first bytes are not SQLite's; it may be encrypted, or something else")
        }
        return (resolved, status)
    }

    /// - Parameter name: a plain file name that does not exist in `folder` yet.
    func copy(_ path: String, into folder: String, as name: String) async throws(SourceError) -> SQLiteCopy {
        for _ in 1...2 {
            let (resolved, before) = try SQLiteCopier.examine(path)
            try services.checkRoom(for: ByteCount(SQLiteCopier.size(of: resolved, before)), at: folder)
            let result: Result<SQLiteCopy, SourceError>
            do { result = .success(try await copyOnce(resolved, before, into: folder, as: name)) } catch {
                result = .failure(error)
            }
            // A file put in its place meanwhile: the copy may be of either, or of both.
            let after = FileStatus.seen(resolved)
            if after?.identity == before.identity {
                if case .failure = result { try discard(name, in: folder) }
                return try result.get()
            }
            try discard(name, in: folder)
            if case .failure(.cancelled) = result { throw .cancelled }
        }
        throw .busy(path, detail: "it was replaced by another file, and again at the second attempt")
    }

    private func copyOnce(
        _ path: String, _ status: FileStatus, into folder: String, as name: String
    ) async throws(SourceError) -> SQLiteCopy {
        try create(name, in: folder)
        let script =
            switch method {
            case .auto, .backup: SQLiteShell.backupScript(to: name, busyTimeout: busyTimeout)
            case .vacuum: SQLiteShell.vacuumScript(to: name, busyTimeout: busyTimeout)
            }
        var copy = SQLiteCopy(path: "\(folder)/\(name)", original: status)
        let result = try await run(script, on: path, .readOnly, in: folder)
        guard let failure = result.failure else {
            try await check(&copy, of: path)
            return copy
        }
        guard result.stopped == nil else { throw failure }
        let said = tellingEnd(of: result.errors.text)
        switch SQLiteFailure(diagnostics: result.errors.text) {
        case .malformed:
            try await salvage(&copy, of: path, as: name, in: folder, said: said)
        case .readOnly, .cannotOpen:
            try await copyWithoutSideFiles(&copy, of: path, as: name, in: folder, script: script, said: said)
        case .busy:
            throw .busy(path, detail: "somebody held it locked for \(inWords(busyTimeout))")
        case .notADatabase:
            throw .notADatabase(path: path, detail: "\(said); it may be encrypted")
        case .full:
            throw .noRoom(
                path: folder, needed: ByteCount(status.size), free: services.host.room(at: folder)?.free ?? .zero)
        case .inputOutput:
            throw .unreadable(path, reason: said)
        case .missingExtension, .other:
            throw failure
        }
        return copy
    }

    /// A database that cannot be opened read-only in its place: either a crashed writer's journal has to be played back, or
    /// its folder cannot be written. Both are resolved in the copy when nobody touches the original meanwhile.
    private func copyWithoutSideFiles(
        _ copy: inout SQLiteCopy, of path: String, as name: String, in folder: String, script: [String], said: String
    ) async throws(SourceError) {
        guard FileStatus.seen(path + "-wal") == nil else {
            throw .unreadable(
                path,
                reason: "\(said); it has a -wal, and reading that needs a -shm beside it: let this user write in "
                    + "\(parentFolder(path)), or run as the database's owner")
        }
        let journal = path + "-journal"
        let journalBefore = FileStatus.seen(journal)
        if journalBefore != nil {
            try create(name + "-journal", in: folder)
            do {
                try System.copyBytes(from: path, to: copy.path)
                try System.copyBytes(from: journal, to: copy.path + "-journal")
            } catch { throw error.reading(path) }
            let playedBack = try await run(
                ["SELECT count(*) FROM sqlite_master;"], on: copy.path, .existing, in: folder)
            if let failure = playedBack.failure { throw failure }
            copy.notices.append("\(path): the journal that a crashed writer left was played back in the copy")
        } else {
            try discard(name, in: folder)
            try create(name, in: folder)
            let result = try await run(script, on: path, .immutable, in: folder)
            if result.failure != nil {
                throw .unreadable(path, reason: tellingEnd(of: result.errors.text.isEmpty ? said : result.errors.text))
            }
        }
        let isUntouched =
            FileStatus.seen(path) == copy.original
            && FileStatus.seen(journal) == journalBefore
            && FileStatus.seen(path + "-wal") == nil
        guard isUntouched else { throw .busy(path, detail: "it was written to while it could only be copied at rest") }
        try await check(&copy, of: path)
    }

    /// What can be had of a database whose structure cannot be read: its pages, or, when not even those, its bytes.
    private func salvage(
        _ copy: inout SQLiteCopy, of path: String, as name: String, in folder: String, said: String
    ) async throws(SourceError) {
        try discard(name, in: folder)
        try create(name, in: folder)
        let pages = SQLiteShell.backupScript(to: name, busyTimeout: busyTimeout, pinned: false)
        let result = try await run(pages, on: path, .readOnly, in: folder, limit: .seconds(120))
        if result.stopped == .cancelled { throw .cancelled }
        if result.failure != nil || FileStatus.seen(copy.path)?.size == 0 {
            try discard(name, in: folder)
            try create(name, in: folder)
            do { try System.copyBytes(from: path, to: copy.path) } catch { throw error.reading(path) }
            copy.notices.append("\(path): only the bytes of its main file could be taken, not what its -wal may hold")
        }
        copy.integrity = SQLiteIntegrity(damage: [said])
    }

    private func check(_ copy: inout SQLiteCopy, of path: String) async throws(SourceError) {
        let (integrity, obstacle) = try await SQLiteProof(services: services).integrity(of: copy.path)
        copy.integrity = integrity
        if let obstacle { copy.notices.append("\(path) could not be checked: \(obstacle)") }
        for violation in integrity?.violations.prefix(3) ?? [] { copy.notices.append("\(path): \(violation)") }
    }

    private func run(
        _ script: [String], on path: String, _ access: SQLiteShell.Access, in folder: String, limit: Duration? = nil
    ) async throws(SourceError) -> ToolResult {
        var command = SQLiteShell.command(path, access, script: script)
        command.workingDirectory = folder
        command.limits.total = limit
        return try await services.run(command)
    }

    private func create(_ name: String, in folder: String) throws(SourceError) {
        do { try System.createPrivateFile("\(folder)/\(name)") } catch {
            throw .unreadable("\(folder)/\(name)", reason: "it cannot be made: \(error)")
        }
    }

    private func discard(_ name: String, in folder: String) throws(SourceError) {
        do {
            for suffix in [""] + SQLiteCopier.sideFiles { try System.remove("\(folder)/\(name)\(suffix)") }
        } catch { throw .unreadable("\(folder)/\(name)", reason: "it cannot be removed: \(error)") }
    }
}
