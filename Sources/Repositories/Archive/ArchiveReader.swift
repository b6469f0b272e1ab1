import BackupModel
import Digests
import Foundation
import Programs
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Reads one snapshot of an archive repository. Nothing is decrypted before the manifest's proof and the file's digest hold.
struct ArchiveReader: PartReader {
    let access: ArchiveAccess
    let snapshot: SnapshotID

    /// A file whose digest is what the manifest says.
    private func opened() async throws(RepositoryError) -> ArchiveInside {
        let place = try await ArchiveRuns(access: access).place(of: snapshot)
        guard case .file(let file) = place.content else {
            throw .notFound(what: "a part in snapshot \(snapshot), which is a manifest,")
        }
        let verdict = try await ArchiveScrub(
            folder: access.folder, items: [ArchiveScrub.Item(path: "\(place.folder)/\(file.name)", file: file)]
        ) { _ in }.run().first
        switch verdict {
        case .sound: return ArchiveInside(access: access, file: file, run: place.folder)
        case .damaged(let why)?, .unreadable(let why)?:
            throw .damaged(location: access.location, detail: "\(place.folder)/\(file.name): \(why)")
        case nil: throw .notFound(what: "snapshot \(snapshot)")
        }
    }

    func dump(path: PartPath) async throws(RepositoryError) -> [ToolCommand] {
        let inside = try await opened()
        let stages = try await access.opening(inside.file, in: inside.run)
        access.countStarts(stages.count)
        guard inside.file.content == .tree else {
            guard path.rawValue == inside.file.part else { throw .notFound(what: "\(path) in snapshot \(snapshot)") }
            return stages
        }
        return stages + [Tar.print(try await stored(path, inside))]
    }

    /// The member that has a file's content: of its further names the first. tar prints nothing for anything else, and says nothing.
    private func stored(_ path: PartPath, _ inside: ArchiveInside) async throws(RepositoryError) -> String {
        guard let name = TreeBase(inside.file.base).name(of: path.rawValue) else {
            throw .notFound(what: "\(path) in snapshot \(snapshot)")
        }
        let found = Mutex<ArchiveInside.Entry?>(nil)
        try await inside.entries(isSafe: false) { entry in
            if entry.path.utf8.elementsEqual(name.utf8) { found.withLock { $0 = entry } }
        }
        guard let entry = found.withLock({ $0 }) else { throw .notFound(what: "\(path) in snapshot \(snapshot)") }
        switch (entry.type, entry.link) {
        case ("file", _): return name
        case ("hardlink", let first?): return first
        default: throw .unsupported("\(path) is no file but a \(entry.type)")
        }
    }

    func content(of path: PartPath, limit: ByteCount) async throws(RepositoryError) -> [UInt8] {
        let place = try await ArchiveRuns(access: access).place(of: snapshot)
        if case .manifest(let document) = place.content {
            guard path.rawValue == Manifest.fileName else { throw .notFound(what: "\(path) in snapshot \(snapshot)") }
            return try text(of: document, in: place)
        }
        guard case .file(let file) = place.content else { throw .notFound(what: "\(path) in snapshot \(snapshot)") }
        var stages = try await dump(path: path)
        stages[stages.count - 1].keptOutput = max(limit, .kibibytes(64))
        guard let output = try await access.read(stages, of: file).last?.output, output.totalBytes <= limit,
            output.isComplete
        else { throw .unsupported("\(path) of snapshot \(snapshot) is larger than \(limit)") }
        return output.head + output.tail
    }

    private func text(of document: PlainValue, in place: ArchivePlace) throws(RepositoryError) -> [UInt8] {
        do { return try JSONDocument.text(of: document) } catch {
            throw .damaged(location: access.location, detail: "\(place.folder): its manifest cannot be read: \(error)")
        }
    }

    func entries(_ body: @escaping @Sendable (SnapshotEntry) -> Void) async throws(RepositoryError) {
        let place = try await ArchiveRuns(access: access).place(of: snapshot)
        switch place.content {
        case .manifest(let document):
            let size = try text(of: document, in: place).count
            body(SnapshotEntry(path: Manifest.fileName, type: .file, size: Int64(size), modified: ""))
        case .file(let file) where file.content != .tree:
            body(
                SnapshotEntry(path: file.part, type: .file, size: file.contentBytes, modified: file.captured))
        case .file(let file):
            let base = TreeBase(file.base).prefix
            try await opened().entries(isSafe: false) { entry in
                body(
                    SnapshotEntry(
                        path: entry.path == "." ? "/" : base + entry.path, type: ArchiveReader.type(of: entry),
                        size: entry.size, modified: Timestamp.format(Date(timeIntervalSince1970: entry.mtime))))
            }
        }
    }

    private static func type(of entry: ArchiveInside.Entry) -> SnapshotEntry.EntryType {
        switch entry.type {
        case "file", "hardlink": .file
        case "directory": .directory
        case "symlink": .symlink
        default: .other
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
        let inside = try await opened()
        let staged = StagedTree(
            staging: directory + ".holdfast-\(snapshot.short)-\(UUID().uuidString.prefix(8))", directory: directory,
            isExact: exact)
        return try await staged.filled { staging throws(RepositoryError) in
            inside.file.content == .tree
                ? try await unpack(inside, include, into: staging)
                : try await unpackFile(inside, include, into: staging)
        }
    }

    private func unpackFile(
        _ inside: ArchiveInside, _ include: [String], into staging: String
    ) async throws(RepositoryError) -> ExtractReport {
        let part = inside.file.part
        let isMeant = include.isEmpty || include.contains { part == $0 || $0 == "/" || part.hasPrefix($0 + "/") }
        guard isMeant, !part.split(separator: "/").contains("..") else {
            throw .notFound(what: "\(include.first ?? part) in snapshot \(snapshot)")
        }
        let target = staging + (part.hasPrefix("/") ? "" : "/") + part
        try StagedTree.makeFolder((target as NSString).deletingLastPathComponent)
        let stages = try await access.opening(inside.file, in: inside.run) + [access.own.keep(target)]
        guard
            let kept = OwnStreams.kept(
                try await access.read(stages, of: inside.file, into: target).last?.output.text ?? ""),
            kept.bytes == inside.file.contentBytes
        else {
            throw .damaged(
                location: access.location,
                detail: "\(inside.file.name) has not \(inside.file.contentBytes) bytes inside")
        }
        return ExtractReport(files: 1, bytes: ByteCount(kept.bytes))
    }

    private func unpack(
        _ inside: ArchiveInside, _ include: [String], into staging: String
    ) async throws(RepositoryError) -> ExtractReport {
        let base = TreeBase(inside.file.base).prefix
        let chosen = (include.contains("/") ? [] : include).map(ExactPath.init)
        let tally = Mutex(Tally())
        try await inside.entries(isSafe: true) { entry in
            let path = entry.path == "." ? "/" : base + entry.path
            tally.withLock { tally in
                guard chosen.isEmpty || chosen.contains(where: { $0.holds(path) }) else { return }
                for place in chosen where ExactPath(path) == place { tally.reached.insert(place) }
                if entry.type == "file" {
                    tally.files += 1
                    tally.bytes += entry.size
                } else if entry.type == "hardlink", let first = entry.link.map({ base + $0 }), !chosen.isEmpty,
                    !chosen.contains(where: { $0.holds(first) })
                {
                    tally.first.insert(ExactPath(first))
                }
            }
        }
        // The content of a chosen name may be stored under one that is not: that comes along, and goes again.
        let along = tally.withLock { $0.first }
        if !along.isEmpty {
            try await inside.entries(isSafe: true) { entry in
                guard entry.type == "file", along.contains(ExactPath(base + entry.path)) else { return }
                tally.withLock { tally in
                    tally.files += 1
                    tally.bytes += entry.size
                }
            }
        }
        let expected = tally.withLock { $0 }
        var names: [String] = []
        for place in chosen {
            guard expected.reached.contains(place), let name = TreeBase(inside.file.base).name(of: place.text) else {
                throw .notFound(what: "\(place.text) of snapshot \(snapshot)")
            }
            names.append(name)
        }
        let others = along.compactMap { TreeBase(inside.file.base).name(of: $0.text) }.sorted()
        let folder = staging + (base == "/" ? "" : String(base.dropLast()))
        try StagedTree.makeFolder(folder)
        _ = try await access.read(
            try await access.opening(inside.file, in: inside.run) + [Tar.extract(into: folder, only: names + others)],
            of: inside.file, into: staging)
        unlink(folder + "/" + OwnStreams.sumsName)
        for name in others {
            unlink(folder + "/" + name)
            var above = (name as NSString).deletingLastPathComponent
            // As far as nothing else is in it.
            while !above.isEmpty, rmdir(folder + "/" + above) == 0 {
                above = (above as NSString).deletingLastPathComponent
            }
        }
        let found = try StagedTree.count(staging)
        guard found.files == expected.files, found.bytes == expected.bytes else {
            throw .noEvidence(
                location: access.location,
                detail: "\(expected.files) files with \(expected.bytes) bytes were to be restored, and there are "
                    + "\(found.files) with \(found.bytes)")
        }
        return ExtractReport(files: found.files, bytes: ByteCount(found.bytes))
    }

    private struct Tally {
        var files: Int64 = 0
        var bytes: Int64 = 0
        var reached: Set<ExactPath> = []
        /// Names that are not chosen, and that hold the content of some that are.
        var first: Set<ExactPath> = []
    }
}
