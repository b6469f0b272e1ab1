package import BackupModel
import Foundation
import Programs

/// Folders and files as they lie on disk. SQLite databases in use among them are copied first, and the copies are stored at
/// the databases' own paths.
package struct FilesSource: DumpSource {
    package let spec: SourceSpec
    let settings: FilesSettings
    let services: Services
    /// What preflight found, for a capture that begins at once.
    private let recent: RecentWalk

    package static let kind = DumpSourceKind(descriptor: FilesSettings.descriptor) {
        (spec, services) throws(SourceError) in try FilesSource(spec, services)
    }

    /// How long preflight may look around for its estimate.
    static let estimateLimit: Duration = .seconds(5)

    package init(_ spec: SourceSpec, _ services: Services) throws(SourceError) {
        self.spec = spec
        self.services = services
        settings = try FilesSettings(spec.settings)
        recent = RecentWalk()
    }

    /// For sources of other kinds that turn out to be folders.
    init(_ spec: SourceSpec, _ services: Services, _ settings: FilesSettings, _ recent: RecentWalk) {
        self.spec = spec
        self.services = services
        self.settings = settings
        self.recent = recent
    }

    package func preflight(_ context: CaptureContext) async throws(SourceError) -> SourcePreview {
        try checkMounts()
        try checkRoots()
        let end = services.clock.uptime + FilesSource.estimateLimit
        let clock = services.clock
        let begun = clock.uptime
        let findings = TreeWalk.findings(in: settings, besides: kept(context)) {
            clock.uptime > end || Task.isCancelled
        }
        recent.keep(findings, asOf: begun)
        let live = LiveDatabases.split(findings.databases, now: clock.now).live
        var preview = SourcePreview(
            summary: settings.paths.count == 1 ? settings.paths[0] : "\(settings.paths.count) paths",
            parts: [FilesSource.part], paths: settings.paths)
        preview.notices = findings.serverFolders + findings.hollowFiles
        if findings.isComplete {
            preview.estimatedBytes = ByteCount(findings.bytes)
            preview.estimatedFiles = findings.files
            preview.notices += findings.unusedExcludes.map { "the exclude `\($0)` matches nothing" }
        }
        switch settings.sqlite {
        case .consistent where !live.isEmpty:
            let version = try await services.succeed(SQLiteShell.version).output.text
            preview.tools["sqlite3"] = SQLiteShell.parseVersion(version)
            preview.scratchBytes = ByteCount(live.reduce(0) { $0 + SQLiteCopier.size(of: $1.path, $1.status) })
        case .consistent, .warn, .raw: break
        }
        return preview
    }

    package func capture(
        _ context: CaptureContext, storing store: PartStore
    ) async throws(SourceError) -> [PartReport] {
        try checkMounts()
        try checkRoots()
        var capture = try await copyDatabases(context)
        try await chooseWay(for: &capture)
        if settings.areFound {
            // Not every repository leaves out what is named itself.
            let excluded = Set(capture.selection.excludedPaths)
            capture.selection.roots.removeAll(where: excluded.contains)
            if capture.selection.roots.isEmpty { return try await captureAlone(capture, with: store) }
        }
        let stored: StoredPart
        do {
            stored = try await store(CapturedPart(path: FilesSource.part, content: .files(capture.selection)))
        } catch { throw .repository(error) }
        for database in capture.atRest where FileStatus.seen(database.path) != database.status {
            capture.condition = .partial
            capture.notices.append("\(database.path), an SQLite database, was changed while it was being read")
        }
        capture.noteReplacedDatabases()
        let alone = try await storeAlone(capture.alone, with: store)
        try removeCopies(of: capture)
        var facts = Facts()
        facts.files = stored.files
        facts.bytes = stored.bytes
        let copied = capture.selection.substitutes.count + capture.alone.count
        if copied > 0 { facts.notes = ["sqlite": "\(copied) databases copied consistently"] }
        return [
            PartReport(
                path: FilesSource.part, stored: stored,
                condition: worse(capture.condition, condition(of: stored)), facts: facts,
                restoreNotes: [ManifestPart.rootsNote: try FilesSource.list(settings.paths)], notices: capture.notices)
        ] + alone
    }

    package func restore(
        _ request: RestoreRequest, _ context: CaptureContext
    ) async throws(SourceError) -> RestoreReport {
        guard request.database == nil else {
            throw .unsupported("files have no database name", hint: "restore them into a folder")
        }
        if request.part.part != FilesSource.part { return try await restoreAlone(request, context) }
        let report: ExtractReport
        do {
            report = try await request.reader.extract(
                include: request.include, into: request.directory, exact: request.exact, progress: request.progress)
        } catch { throw .repository(error) }
        guard report.errors.isEmpty else {
            throw .mismatch(
                what: "the restored files", expected: "all of them",
                found: "\(report.errors.count) errors, the first: \(report.errors[0])")
        }
        var result = RestoreReport(
            place: request.directory, bytes: report.bytes, files: report.files, proofs: [], notices: [])
        let facts = request.part.facts
        guard request.include.isEmpty else {
            result.proofs.append("\(Words.count(report.files, "file")), each as long as the restore point has it")
            return result
        }
        let isWhole = request.part.unreadableCount == 0
        if let files = facts.files, isWhole {
            guard report.files == files else {
                throw .mismatch(what: "the restored files", expected: "\(files) files", found: "\(report.files) files")
            }
            result.proofs.append(Words.count(files, "file"))
        } else {
            result.unproven.append("the number of files: some could not be read when they were captured")
        }
        if let bytes = facts.bytes, isWhole {
            guard report.bytes == bytes else {
                throw .mismatch(
                    what: "the restored files", expected: "\(bytes.bytes) bytes", found: "\(report.bytes.bytes) bytes")
            }
            result.proofs.append("\(bytes.bytes) bytes")
        }
        return result
    }

    /// A tree at the paths that it was taken from; a database that is a part of its own, at its path among them.
    package func livePlace(of part: ManifestPart) async throws(SourceError) -> LivePlace {
        guard part.part == FilesSource.part else {
            let path = part.part.rawValue
            return .whole([LivePlace.Path(restored: path, live: path, sideFiles: SQLiteCopier.sideFiles)])
        }
        let roots = try FilesSource.roots(of: part)
        return .whole(
            roots.map { root in
                var path = LivePlace.Path(restored: root, live: root)
                path.leavesOut = settings.excludes
                return path
            })
    }

    /// What a tree was taken from, as it was noted.
    static func roots(of part: ManifestPart) throws(SourceError) -> [String] {
        let roots = part.roots.map(withoutTrailingSlash)
        guard !roots.isEmpty else {
            throw .unsupported("the manifest does not say where \(part.title) was", hint: "restore it with --to DIR")
        }
        return roots
    }

    static let part = PartPath(rawValue: "/")

    /// Where nothing but databases was found, and they became parts of their own.
    private func captureAlone(_ capture: Capture, with store: PartStore) async throws(SourceError) -> [PartReport] {
        var reports = try await storeAlone(capture.alone, with: store)
        try removeCopies(of: capture)
        guard let first = reports.indices.first else { return [] }
        reports[first].condition = worse(capture.condition, reports[first].condition)
        reports[first].notices += capture.notices
        return reports
    }

    private func removeCopies(of capture: Capture) throws(SourceError) {
        for path in capture.selection.substitutes.values + capture.alone.map(\.copy) {
            do { try System.remove(path) } catch {
                throw .unreadable(path, reason: "the copy cannot be removed: \(error)")
            }
        }
    }

    private func checkMounts() throws(SourceError) {
        for path in settings.mountPoints {
            let resolved: String
            do { resolved = try System.resolve(path) } catch { throw .unmounted(path: path) }
            guard services.host.mount(containing: resolved)?.path == resolved else { throw .unmounted(path: path) }
        }
    }

    private func checkRoots() throws(SourceError) {
        guard !settings.areFound else { return }
        for path in settings.paths { try checkRoot(path) }
    }

    private func checkRoot(_ path: String) throws(SourceError) {
        let missing = "check the path, and whether its disk is mounted"
        do {
            let status = try FileStatus(path, followingLinks: false)
            switch status.kind {
            case .link:
                throw SourceError.unsupported(
                    "\(path) is a symbolic link",
                    hint: "name its target \(try System.target(ofLink: path)) instead: "
                        + "of a link, only the link would be stored")
            case .folder:
                if try System.isEmptyFolder(path), !settings.allowsEmpty {
                    throw SourceError.empty(
                        path, hint: "is its disk mounted? `allow-empty: true` accepts an empty folder")
                }
            case .file:
                _ = try System.firstBytes(of: path, count: 1)
                if status.size == 0, !settings.allowsEmpty {
                    throw SourceError.empty(path, hint: "`allow-empty: true` accepts an empty file")
                }
            case .other:
                throw SourceError.unsupported("\(path) is neither a folder nor a file", hint: nil)
            }
        } catch let error as SystemError {
            throw error.reading(path, hint: missing)
        } catch let error as SourceError {
            throw error
        } catch { throw .unreadable(path, reason: "\(error)") }
    }

    private func kept(_ context: CaptureContext) -> KeptPlaces {
        KeptPlaces(context, below: settings.paths)
    }

    struct Capture {
        var selection: FileSelection
        /// Databases whose copies become parts of their own, because they cannot stand in for the originals.
        var alone: [(live: String, copy: String)] = []
        /// The files that copies stand in for, as they were when they were copied.
        var originals: [String: FileStatus.Identity] = [:]
        var condition = PartCondition.clean
        var notices: [String] = []
        /// Databases that are stored as they lie there, because nobody seems to be writing them.
        var atRest: [TreeWalk.Database] = []
    }

    private func copyDatabases(_ context: CaptureContext) async throws(SourceError) -> Capture {
        var selection = FileSelection(roots: settings.paths)
        selection.excludes = settings.excludes
        selection.excludesCacheDirectories = settings.excludesCacheDirectories
        selection.excludesLargerThan = settings.excludesLargerThan
        selection.oneFileSystem = settings.oneFileSystem
        let kept = kept(context)
        selection.excludedPaths = kept.paths
        var capture = Capture(selection: selection)
        capture.notices = kept.notices
        if settings.sqlite == .raw { return capture }

        let findings =
            recent.take(now: services.clock.uptime)
            ?? TreeWalk.findings(in: settings, besides: kept) { Task.isCancelled }
        if Task.isCancelled { throw .cancelled }
        let (live, atRest) = LiveDatabases.split(findings.databases, now: services.clock.now)
        guard settings.sqlite == .consistent else {
            capture.notices += live.map { "\($0.path) is an SQLite database in use and is stored as it lies there" }
            return capture
        }
        capture.atRest = atRest
        for path in findings.unnameableDatabases {
            capture.condition = .partial
            capture.notices.append(
                "\(path), an SQLite database, has a name that is not UTF-8 and was stored as it lies there")
        }
        let copier = SQLiteCopier(services: services)
        for (index, database) in live.enumerated() {
            do throws(SourceError) {
                let copy = try await copier.copy(database.path, into: context.scratch, as: "copy-\(index).db")
                try keepAttributes(of: database, on: copy)
                capture.selection.substitutes[database.path] = copy.path
                capture.originals[database.path] = copy.original.identity
                capture.selection.excludedPaths += SQLiteCopier.sideFiles.map { database.path + $0 }
                capture.notices += copy.notices
                if let damage = copy.integrity?.damage.first {
                    capture.condition = worse(capture.condition, .damaged)
                    capture.notices.append("\(database.path), an SQLite database, is damaged: \(damage)")
                }
            } catch {
                if case .cancelled = error { throw error }
                capture.condition = worse(capture.condition, .partial)
                capture.notices.append(
                    "\(database.path), an SQLite database, could not be copied consistently: \(error)")
            }
        }
        return capture
    }

    /// The copy looks like the original, as new as the newest file of the set: a commit may have touched the -wal alone.
    private func keepAttributes(of database: TreeWalk.Database, on copy: SQLiteCopy) throws(SourceError) {
        var status = copy.original
        if let log = FileStatus.seen(database.path + "-wal"),
            (log.modifiedSeconds, log.modifiedNanoseconds) > (status.modifiedSeconds, status.modifiedNanoseconds)
        {
            status.modifiedSeconds = log.modifiedSeconds
            status.modifiedNanoseconds = log.modifiedNanoseconds
        }
        do { try System.applyAttributes(of: status, to: copy.path) } catch {
            throw .unreadable(copy.path, reason: "its attributes cannot be set: \(error)")
        }
    }

    private func condition(of stored: StoredPart) -> PartCondition {
        guard stored.unreadableCount > 0 else { return .clean }
        let isTolerated =
            stored.unreadableCount <= stored.unreadable.count
            && stored.unreadable.allSatisfy { item in
                spec.toleratedUnreadable.contains { System.matches(item.path, pattern: $0) }
            }
        return isTolerated ? .tolerated : .partial
    }

    private func worse(_ first: PartCondition, _ second: PartCondition) -> PartCondition {
        let order: [PartCondition] = [.damaged, .partial, .tolerated, .clean]
        return order.first { $0 == first || $0 == second } ?? .clean
    }

    static func list(_ paths: [String]) throws(SourceError) -> String {
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = .withoutEscapingSlashes
            return String(decoding: try encoder.encode(paths), as: UTF8.self)
        } catch { throw .unsupported("the paths cannot be recorded: \(error)", hint: nil) }
    }
}
