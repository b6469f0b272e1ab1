import BackupModel
import Digests
import Foundation
import Programs

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Reads one snapshot of an rsync repository. Nothing is handed out whose digest does not hold.
struct RsyncReader: PartReader {
    let access: RsyncAccess
    let snapshot: SnapshotID

    private func notFound(_ what: String) -> RepositoryError { .notFound(what: "\(what) in snapshot \(snapshot)") }

    private func part() throws(RepositoryError) -> (place: RsyncPlace, part: RsyncManifest.Part, path: String) {
        let place = try RsyncRuns(access: access).place(of: snapshot)
        guard case .part(let part) = place.content else {
            throw .notFound(what: "a part in snapshot \(snapshot), which is a manifest,")
        }
        return (place, part, "\(access.folder.path)/\(place.folder)/\(part.name)")
    }

    private static func list(
        of part: RsyncManifest.Part, at place: RsyncPlace, _ access: RsyncAccess
    ) throws(SystemFailure) -> TreeListReader {
        let path = "\(access.folder.path)/\(place.list)"
        guard let list = try part.records(in: path) else { throw SystemFailure(code: EINVAL, path: path) }
        return list
    }

    // MARK: - One file

    func dump(path: PartPath) async throws(RepositoryError) -> [ToolCommand] {
        let (place, part, file) = try part()
        access.countStarts(1)
        guard part.content == .tree else {
            guard path.rawValue == part.part else { throw notFound(path.rawValue) }
            return [access.own.match(part.sha256, in: file)]
        }
        guard let name = TreeBase(part.base).name(of: path.rawValue) else { throw notFound(path.rawValue) }
        let wanted = Array(name.utf8)
        let access = access
        let digest = try await Blocking.run { stop throws(RepositoryError) -> String? in
            do throws(SystemFailure) {
                let list = try RsyncReader.list(of: part, at: place, access)
                while !stop.isWanted, let record = try list.next() {
                    if case .file(wanted, _, let digest) = record { return String(decoding: digest, as: UTF8.self) }
                }
                return nil
            } catch {
                throw access.error(error)
            }
        }
        guard let digest else { throw notFound(path.rawValue) }
        return [access.own.match(digest, in: "\(file)/\(name)")]
    }

    func content(of path: PartPath, limit: ByteCount) async throws(RepositoryError) -> [UInt8] {
        let place = try RsyncRuns(access: access).place(of: snapshot)
        if case .manifest(let document) = place.content {
            guard path.rawValue == Manifest.fileName else { throw notFound(path.rawValue) }
            return try text(of: document, in: place)
        }
        guard var command = try await dump(path: path).first else { throw notFound(path.rawValue) }
        command.keptOutput = max(limit, .kibibytes(64))
        let result = try await access.run(command)
        guard result.didItsWork else {
            throw .damaged(location: access.location, detail: "\(place.folder)\(path): \(result.lastWords)")
        }
        guard result.output.totalBytes <= limit, result.output.isComplete else {
            throw .unsupported("\(path) of snapshot \(snapshot) is larger than \(limit)")
        }
        return result.output.head + result.output.tail
    }

    private func text(of document: PlainValue, in place: RsyncPlace) throws(RepositoryError) -> [UInt8] {
        do { return try JSONDocument.text(of: document) } catch {
            throw .damaged(location: access.location, detail: "\(place.folder): its manifest cannot be read: \(error)")
        }
    }

    // MARK: - Listing

    func entries(_ body: @escaping @Sendable (SnapshotEntry) -> Void) async throws(RepositoryError) {
        let place = try RsyncRuns(access: access).place(of: snapshot)
        if case .manifest(let document) = place.content {
            let size = try text(of: document, in: place).count
            return body(SnapshotEntry(path: Manifest.fileName, type: .file, size: Int64(size), modified: ""))
        }
        let (_, part, path) = try part()
        guard part.content == .tree else {
            return body(SnapshotEntry(path: part.part, type: .file, size: part.bytes, modified: part.captured))
        }
        let prefix = TreeBase(part.base).prefix
        let access = access
        try await Blocking.run { stop throws(RepositoryError) in
            do throws(SystemFailure) {
                var cursor = try TreeCursor(path)
                while !stop.isWanted, let entry = cursor.next() {
                    body(
                        SnapshotEntry(
                            path: prefix + String(decoding: entry.path, as: UTF8.self),
                            type: entry.isFolder ? .directory : entry.isFile ? .file : entry.isLink ? .symlink : .other,
                            size: entry.isFile ? Int64(entry.status.st_size) : 0,
                            modified: Timestamp.format(entry.modified)))
                }
            } catch {
                throw access.error(error)
            }
        }
    }

    // MARK: - Restoring

    func extract(
        include: [String], into directory: String, exact: Bool,
        progress: @escaping @Sendable (TransferProgress) -> Void
    ) async throws(RepositoryError) -> ExtractReport {
        guard directory.hasPrefix("/"), directory.contains(where: { $0 != "/" }) else {
            throw .unsupported("a restore needs a folder of its own, not `\(directory)`")
        }
        let (place, part, path) = try part()
        let staged = StagedTree(
            staging: directory + ".holdfast-\(snapshot.short)-\(UUID().uuidString.prefix(8))", directory: directory,
            isExact: exact)
        return try await staged.filled { staging throws(RepositoryError) in
            part.content == .tree
                ? try await unpack(part, at: place, path, include, into: staging, progress)
                : try await unpackFile(part, path, include, into: staging)
        }
    }

    private func unpackFile(
        _ part: RsyncManifest.Part, _ path: String, _ include: [String], into staging: String
    ) async throws(RepositoryError) -> ExtractReport {
        let isMeant =
            include.isEmpty || include.contains { part.part == $0 || $0 == "/" || part.part.hasPrefix($0 + "/") }
        guard isMeant, !part.part.split(separator: "/").contains("..") else {
            throw notFound(include.first ?? part.part)
        }
        let target = staging + (part.part.hasPrefix("/") ? "" : "/") + part.part
        try StagedTree.makeFolder((target as NSString).deletingLastPathComponent)
        let result = try await access.pipe(
            [access.own.match(part.sha256, in: path), access.own.keep(target)], refusingEmpty: false)
        if result.stages.contains(where: { $0.stopped == .cancelled }) { throw .cancelled }
        guard result.committed, let kept = OwnStreams.kept(result.stages[1].output.text), kept.bytes == part.bytes,
            kept.sha256 == part.sha256
        else {
            let index = result.firstFailure ?? 0
            if index == 1 {
                let last = result.stages[1]
                if last.termination == .exited(OwnStreams.fullExitCode) {
                    throw RestorePlace.full(target, last.lastWords, access.services.host)
                }
                throw .unsupported("\(target) cannot be written: \(last.lastWords)")
            }
            throw .damaged(location: access.location, detail: "\(path): \(result.stages[0].lastWords)")
        }
        return ExtractReport(files: 1, bytes: ByteCount(kept.bytes))
    }

    private func unpack(
        _ part: RsyncManifest.Part, at place: RsyncPlace, _ path: String, _ include: [String], into staging: String,
        _ progress: @escaping @Sendable (TransferProgress) -> Void
    ) async throws(RepositoryError) -> ExtractReport {
        _ = try await access.rsyncVersion()
        var chosen: [[UInt8]] = []
        if !include.contains("/") {
            for path in include {
                guard let name = TreeBase(part.base).name(of: path) else { throw notFound(path) }
                chosen.append(Array(name.utf8))
            }
        }
        let choice = Choice(paths: chosen)
        let (names, reached) = try await list(part, at: place, choice)
        defer { unlink(names) }
        if let lacking = chosen.first(where: { !reached.contains($0) }) {
            throw notFound(TreeBase(part.base).prefix + String(decoding: lacking, as: UTF8.self))
        }
        let folder = staging + TreeBase(part.base).prefix.dropLast()
        try StagedTree.makeFolder(folder)
        let result = try await access.run(
            Rsync.copy(names: .file(names), in: path, to: folder), reading: RsyncSizes(progress: progress))
        switch Rsync.ending(result.termination, errors: result.errors.text) {
        // What is not as it should be shows now.
        case .complete, .partial: break
        case .full: throw RestorePlace.full(staging, result.lastWords, access.services.host)
        case .readOnly: throw .readOnly(location: staging, detail: result.lastWords)
        case .failed:
            throw .toolFailed(tool: "rsync", how: Rsync.meaning(result.termination), detail: result.lastWords)
        }
        let access = access
        let amiss = try await Blocking.run { stop throws(RepositoryError) in
            try RsyncReader.examine(folder, part, place, access, choice, stop)
        }
        guard amiss.isEmpty else {
            let words = result.errors.text.isEmpty ? "" : " (\(result.lastWords))"
            throw .damaged(
                location: access.location,
                detail: "\(place.folder)/\(part.name): \(amiss.joined(separator: "; "))\(words); nothing was restored. "
                    + "What is whole can be taken with `cp -a`")
        }
        let found = try StagedTree.count(staging)
        return ExtractReport(files: found.files, bytes: ByteCount(found.bytes))
    }

    /// What of a tree is restored.
    private struct Choice: Sendable {
        /// Empty is all.
        var paths: [[UInt8]]

        func covers(_ path: [UInt8]) -> Bool {
            paths.isEmpty || paths.contains { path == $0 || path.starts(with: $0 + [47]) }
        }

        func leads(through path: [UInt8]) -> Bool { paths.contains { $0.starts(with: path + [47]) } }
    }

    /// Writes the names of what is restored to a private file.
    /// - Returns: its path, and those of the chosen paths that there are.
    private func list(
        _ part: RsyncManifest.Part, at place: RsyncPlace, _ choice: Choice
    ) async throws(RepositoryError) -> (names: String, reached: Set<[UInt8]>) {
        let access = access
        return try await Blocking.run { stop throws(RepositoryError) in
            let names = try NameList(in: try access.scratch(), access.services.host)
            var reached: Set<[UInt8]> = []
            do throws(RepositoryError) {
                do throws(SystemFailure) {
                    let list = try RsyncReader.list(of: part, at: place, access)
                    while !stop.isWanted, let record = try list.next() {
                        guard choice.covers(record.path) else { continue }
                        names.append(record.path[...])
                        if choice.paths.contains(record.path) { reached.insert(record.path) }
                    }
                } catch {
                    throw access.error(error)
                }
                try names.finish()
            } catch {
                names.remove()
                throw error
            }
            return (names.path, reached)
        }
    }

    /// Holds what was restored against the list, digests and all.
    /// - Returns: what is amiss, in words; at most ten.
    private static func examine(
        _ folder: String, _ part: RsyncManifest.Part, _ place: RsyncPlace, _ access: RsyncAccess,
        _ choice: Choice, _ stop: Blocking.Stop
    ) throws(RepositoryError) -> [String] {
        var amiss: [String] = []
        var seen: [UInt64: [UInt8]] = [:]
        func add(_ path: [UInt8], _ why: String) {
            if amiss.count < 10 { amiss.append("\(String(decoding: path, as: UTF8.self)): \(why)") }
        }
        do throws(SystemFailure) {
            let hash: FileDigest
            do throws(DigestError) { hash = try FileDigest() } catch { throw SystemFailure(code: ENOMEM, path: folder) }
            try TreeComparison.compare(
                try list(of: part, at: place, access), with: folder, stop: stop, isWanted: choice.covers,
                file: { file throws(SystemFailure) in
                    let hasSeveralNames = file.entry.status.st_nlink > 1
                    let digest: [UInt8]
                    if hasSeveralNames, let known = seen[file.entry.inode] {
                        digest = known
                    } else {
                        do throws(DigestError) {
                            digest = try hash.hexadecimal(ofFile: Array(folder.utf8) + [47] + file.path) { _ in
                                !stop.isWanted
                            }
                        } catch {
                            if error == .stopped { throw SystemFailure(code: ECANCELED, path: folder) }
                            return add(file.path, error.description)
                        }
                        if hasSeveralNames { seen[file.entry.inode] = digest }
                    }
                    if digest != file.digest { add(file.path, "its content is not what was stored") }
                },
                found: { path, finding in
                    switch finding {
                    case .missing: add(path, "it is missing")
                    case .different(let how): add(path, how)
                    case .closed: break
                    case .extra:
                        // Folders on the way to what was chosen.
                        if !choice.leads(through: path) { add(path, "it is in no list") }
                    }
                })
        } catch {
            throw access.error(error)
        }
        return amiss
    }
}
