package import BackupModel
import Foundation
import Programs

/// What a git work tree has and no commit keeps. The files are captured as a `files` source captures them, live SQLite
/// databases among them included.
///
/// One part is there always: `/git/work-tree.json`, a page that says which remote, branch and commit the files belong to. It
/// makes a work tree without anything of its own a capture like any other, with something to show for it, and whoever has the
/// repository and not this program can read it.
package struct GitUntrackedSource: DumpSource {
    package let spec: SourceSpec
    private let settings: GitUntrackedSettings
    let services: Services
    private let recent = RecentWalk()

    package static let kind = DumpSourceKind(descriptor: GitUntrackedSettings.descriptor) {
        (spec, services) throws(SourceError) in try GitUntrackedSource(spec, services)
    }

    static let factsPart = PartPath(rawValue: "/git/work-tree.json")
    /// Names that are not UTF-8 can be no arguments and no paths of a manifest; tar takes them as the bytes that they are.
    static let unnameablePart = PartPath(rawValue: "/git/names-not-utf-8.tar")

    package init(_ spec: SourceSpec, _ services: Services) throws(SourceError) {
        self.spec = spec
        self.services = services
        settings = try GitUntrackedSettings(spec.settings)
    }

    package func preflight(_ context: CaptureContext) async throws(SourceError) -> SourcePreview {
        let tree = try await look()
        let found = tree.selection(excluding: settings.excludes, at: settings.path).without(try kept(context))
        var preview = SourcePreview(summary: "", parts: [], paths: [settings.path])
        (preview.estimatedBytes, preview.estimatedFiles) = (.zero, 0)
        if !found.paths.isEmpty { preview = try await files(found).preflight(context) }
        preview.summary = "\(tree.state) in the git work tree \(tree.root)"
        preview.paths = [settings.path]
        preview.parts = [GitUntrackedSource.factsPart]
        if !found.paths.isEmpty { preview.parts.append(FilesSource.part) }
        if !found.unnameable.isEmpty { preview.parts.append(GitUntrackedSource.unnameablePart) }
        preview.tools["git"] = Git.parseVersion(try await services.succeed(Git.version).output.text)
        preview.notices += tree.notices + found.unusedExcludes.map { "the exclude `\($0)` matches nothing" }
        return preview
    }

    package func capture(
        _ context: CaptureContext, storing store: PartStore
    ) async throws(SourceError) -> [PartReport] {
        let tree = try await look()
        let kept = try kept(context)
        let found = tree.selection(excluding: settings.excludes, at: settings.path).without(kept)
        var reports = [try await storeFacts(of: tree, context, store)]
        reports[0].notices = kept.notices
        reports[0].notices += found.gone.map { "\(display($0)) went before it could be stored" }
        do throws(SourceError) {
            if !found.paths.isEmpty { reports += try await files(found).capture(context, storing: store) }
            if !found.unnameable.isEmpty {
                reports.append(try await storeUnnameable(found.unnameable, of: tree.root, store))
            }
        } catch {
            if case .cancelled = error { throw error }
            throw .incomplete(try annotated(reports, tree), failures: [Failure(error)])
        }
        return try annotated(reports, tree)
    }

    /// By the names that git has for them: what the profile calls the folder may lead through links.
    private func kept(_ context: CaptureContext) throws(SourceError) -> KeptPlaces {
        let folder: String
        do { folder = try System.resolve(settings.path) } catch { throw error.reading(settings.path, hint: nil) }
        let prefix = settings.path == "/" ? "/" : settings.path + "/"
        return KeptPlaces(context, below: [folder]) { path in
            path.hasPrefix(prefix) ? folder + path.dropFirst(settings.path.count) : nil
        }
    }

    private func annotated(_ reports: [PartReport], _ tree: GitWorkTree) throws(SourceError) -> [PartReport] {
        let roots = try FilesSource.list([settings.path])
        return reports.map { report in
            var report = report
            report.facts.notes = (report.facts.notes ?? [:]).merging(tree.notes) { $1 }
            report.restoreNotes.merge(tree.restoreNotes) { $1 }
            if report.path == FilesSource.part { report.restoreNotes[ManifestPart.rootsNote] = roots }
            return report
        }
    }

    /// Below the folder, at the path where the work tree lay; the page and an archive of unusual names beside it. Needs neither
    /// the work tree nor git.
    package func restore(
        _ request: RestoreRequest, _ context: CaptureContext
    ) async throws(SourceError) -> RestoreReport {
        var report: RestoreReport
        switch request.part.part {
        case GitUntrackedSource.factsPart, GitUntrackedSource.unnameablePart:
            guard request.database == nil else {
                throw .unsupported("a work tree has no database name", hint: "restore it into a folder")
            }
            let isPage = request.part.part == GitUntrackedSource.factsPart
            let target = "\(request.directory)/\(baseName(request.part.part.rawValue))"
            report = try await DumpReceiver(services: services, context: context).receive(request, as: target) {
                (_) throws(SourceError) in
                RestoreProof(unproven: isPage ? [] : ["what is in the archive: only its number of bytes is known"])
            }
            let notes = request.part.restoreNotes
            report.notices.append(
                isPage
                    ? GitWorkTree.advice(notes)
                    : "files whose names are not UTF-8 are in \(baseName(target)): "
                        + "tar --extract --file=\(baseName(target)) --directory=THE-WORK-TREE")
        default:
            report = try await restoredFiles.restore(request, context)
        }
        return report
    }

    /// File by file among those that git keeps, which stay as they are.
    package func livePlace(of part: ManifestPart) async throws(SourceError) -> LivePlace {
        switch part.part {
        case GitUntrackedSource.factsPart: .unneeded
        case GitUntrackedSource.unnameablePart:
            .nowhere("it holds names that are not UTF-8: restore it with --to DIR and unpack it with tar")
        case FilesSource.part:
            .merged(try FilesSource.roots(of: part).map { LivePlace.Path(restored: $0, live: $0) })
        default:
            .whole([
                LivePlace.Path(
                    restored: part.part.rawValue, live: part.part.rawValue, sideFiles: SQLiteCopier.sideFiles)
            ])
        }
    }

    var restoredFiles: FilesSource { FilesSource(spec, services, FilesSettings(found: [settings.path]), recent) }

    private func look() async throws(SourceError) -> GitWorkTree {
        try await GitWorkTree(at: settings.path, withIgnored: settings.includesIgnored, services)
    }

    private func files(_ found: GitWorkTree.Selection) -> FilesSource {
        var files = FilesSettings(found: found.paths)
        files.excludes = found.unjudgedExcludes
        return FilesSource(spec, services, files, recent)
    }

    private func storeFacts(
        of tree: GitWorkTree, _ context: CaptureContext, _ store: PartStore
    ) async throws(SourceError) -> PartReport {
        let path = "\(context.scratch)/\(baseName(GitUntrackedSource.factsPart.rawValue))"
        do {
            try System.remove(path)
            try System.createPrivateFile(path)
            try tree.page().write(to: URL(fileURLWithPath: path))
        } catch { throw .unreadable(path, reason: "it cannot be written: \(error)") }
        let stored: StoredPart
        do {
            stored = try await store(CapturedPart(path: GitUntrackedSource.factsPart, content: .file(path)))
        } catch { throw .repository(error) }
        do { try System.remove(path) } catch { throw .unreadable(path, reason: "it cannot be removed: \(error)") }
        var facts = Facts()
        facts.bytes = stored.bytes
        return PartReport(path: GitUntrackedSource.factsPart, stored: stored, condition: .clean, facts: facts)
    }

    /// Whatever cannot be read makes it fail: of a stream nobody could tell afterwards what it lacks.
    private func storeUnnameable(
        _ names: [[UInt8]], of root: String, _ store: PartStore
    ) async throws(SourceError) -> PartReport {
        var command = Tar.create(names: .bytes(names.flatMap { $0 + [0] }), in: root)
        command.arguments.removeAll { $0 == "--ignore-failed-read" }
        command.acceptedExitCodes = [0]
        let stored: StoredPart
        do {
            stored = try await store(
                CapturedPart(path: GitUntrackedSource.unnameablePart, content: .stream(services.prepared(command))))
        } catch { throw .repository(error) }
        var facts = Facts()
        facts.bytes = stored.bytes
        facts.notes = ["archived": "\(names.count)"]
        return PartReport(path: GitUntrackedSource.unnameablePart, stored: stored, condition: .clean, facts: facts)
    }
}
