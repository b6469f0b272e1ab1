package import BackupModel
import Programs

/// Live SQLite databases: copied consistently into private scratch, checked there, and stored from there.
package struct SQLiteDump: DumpSource {
    package let spec: SourceSpec
    private let settings: SQLiteSettings
    let services: Services

    package static let kind = DumpSourceKind(descriptor: SQLiteSettings.descriptor) {
        (spec, services) throws(SourceError) in try SQLiteDump(spec, services)
    }

    package init(_ spec: SourceSpec, _ services: Services) throws(SourceError) {
        self.spec = spec
        self.services = services
        settings = try SQLiteSettings(spec.settings)
    }

    package func preflight(_ context: CaptureContext) async throws(SourceError) -> SourcePreview {
        var bytes: Int64 = 0
        for path in settings.paths {
            let (resolved, status) = try SQLiteCopier.examine(path)
            bytes += SQLiteCopier.size(of: resolved, status)
        }
        let version = SQLiteShell.parseVersion(try await services.succeed(SQLiteShell.version).output.text)
        return SourcePreview(
            summary: settings.paths.count == 1 ? "database \(settings.paths[0])" : "\(settings.paths.count) databases",
            parts: settings.paths.map(SQLiteDump.part), paths: settings.paths, estimatedBytes: ByteCount(bytes),
            estimatedFiles: Int64(settings.paths.count), scratchBytes: ByteCount(bytes),
            tools: version.map { ["sqlite3": $0] } ?? [:])
    }

    package func capture(
        _ context: CaptureContext, storing store: PartStore
    ) async throws(SourceError) -> [PartReport] {
        let copier = SQLiteCopier(services: services, busyTimeout: settings.busyTimeout, method: settings.method)
        var reports: [PartReport] = []
        for (index, path) in settings.paths.enumerated() {
            let copy = try await copier.copy(path, into: context.scratch, as: "copy-\(index).db")
            let facts = try await facts(of: copy, path: path)
            let part = SQLiteDump.part(path)
            let stored: StoredPart
            do { stored = try await store(CapturedPart(path: part, content: .file(copy.path))) } catch {
                throw .repository(error)
            }
            do { try System.remove(copy.path) } catch {
                throw .unreadable(copy.path, reason: "the copy cannot be removed: \(error)")
            }
            reports.append(
                PartReport(
                    path: part, stored: stored, condition: copy.isDamaged ? .damaged : .clean, facts: facts,
                    restoreNotes: [
                        "name": baseName(path), "original": path, "mode": String(copy.original.mode, radix: 8),
                        "owner": String(copy.original.owner), "group": String(copy.original.group),
                    ],
                    notices: copy.notices + (copy.integrity?.damage.prefix(3).map { "\(path) is damaged: \($0)" } ?? [])
                ))
        }
        return reports
    }

    package func restore(
        _ request: RestoreRequest, _ context: CaptureContext
    ) async throws(SourceError) -> RestoreReport {
        guard request.database == nil else {
            throw .unsupported(
                "an SQLite database is a file and has no database name", hint: "restore it into a folder")
        }
        let target = "\(request.directory)/\(baseName(request.part.part.rawValue))"
        for suffix in SQLiteCopier.sideFiles where FileStatus.seen(target + suffix) != nil {
            throw .targetExists(
                target + suffix,
                hint: "it would be taken for part of the restored database; restore into another folder")
        }
        let report = try await DumpReceiver(services: services, context: context).receive(request, as: target) {
            (partial) throws(SourceError) in try await compare(partial, request.part)
        }
        try giveAttributes(request.part.restoreNotes, to: target)
        return report
    }

    /// The service that opens it must be able to. Points of older versions do not say; then those of what is there now are
    /// taken.
    private func giveAttributes(_ notes: [String: String], to path: String) throws(SourceError) {
        let live = notes["original"].flatMap { FileStatus.seen($0) }.flatMap { $0.kind == .file ? $0 : nil }
        do {
            var status = try FileStatus(path, followingLinks: false)
            status.mode = notes["mode"].flatMap { UInt32($0, radix: 8) } ?? live?.mode ?? status.mode
            if services.host.effectiveUserID == 0 {
                status.owner = notes["owner"].flatMap { UInt32($0) } ?? live?.owner ?? status.owner
                status.group = notes["group"].flatMap { UInt32($0) } ?? live?.group ?? status.group
            }
            try System.applyAttributes(of: status, to: path)
        } catch { throw .unreadable(path, reason: "its attributes cannot be set: \(error)") }
    }

    package func livePlace(of part: ManifestPart) async throws(SourceError) -> LivePlace {
        guard let original = part.restoreNotes["original"] else {
            return .nowhere("the manifest does not say where it was")
        }
        let restored = "/" + baseName(part.part.rawValue)
        return .whole([LivePlace.Path(restored: restored, live: original, sideFiles: SQLiteCopier.sideFiles)])
    }

    private static func part(_ path: String) -> PartPath { PartPath(rawValue: "/sqlite/" + baseName(path)) }

    private func facts(of copy: SQLiteCopy, path: String) async throws(SourceError) -> Facts {
        let proof = SQLiteProof(services: services)
        var facts = Facts()
        var notes = copy.isDamaged ? [:] : try await proof.description(of: copy.path)
        notes["integrity"] =
            copy.integrity.map { $0.isSound ? "ok" : "damaged: " + ($0.damage.first ?? "") } ?? "not checked"
        facts.notes = notes
        do { facts.bytes = ByteCount(try FileStatus(copy.path, followingLinks: false).size) } catch {
            throw error.reading(copy.path)
        }
        facts.rowCounting = settings.facts == .exact && !copy.isDamaged ? .exact : .off
        if facts.rowCounting == .exact {
            let (counted, uncounted) = try await proof.rows(of: copy.path, within: settings.factsLimit)
            facts.rows = counted
            facts.uncounted = uncounted.isEmpty ? nil : uncounted
        }
        return facts
    }

    func compare(_ path: String, _ part: ManifestPart) async throws(SourceError) -> RestoreProof {
        var result = RestoreProof()
        if part.condition == .damaged {
            result.unproven.append(
                "it was damaged when it was captured: \(part.facts.notes?["integrity"] ?? "no details")")
            return result
        }
        let proof = SQLiteProof(services: services)
        let (integrity, obstacle) = try await proof.integrity(of: path)
        if let damage = integrity?.damage.first {
            throw .mismatch(what: "the restored \(part.part)", expected: "a sound database", found: damage)
        }
        if integrity != nil { result.proofs.append("integrity check passed") }
        if let obstacle { result.unproven.append("its integrity: \(obstacle)") }
        try result.compareRows(
            with: part.facts, in: "the restored \(part.part)",
            found: part.facts.rows == nil ? [:] : try await proof.rows(of: path, within: .seconds(3600)).counted)
        return result
    }
}
