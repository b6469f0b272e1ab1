package import BackupModel
import Foundation

/// Restores a plan's parts beside the live ones: into a staging folder, proves each against its facts, and moves it into
/// place only when it is whole. What was at the place before is kept aside, never deleted.
package struct RestoreRun: Sendable {
    let engine: Engine
    let plan: RestorePlan

    package struct Report: Sendable {
        package var record: RunRecord
        package var restored: [(part: ManifestPart, report: RestoreReport)]
        /// Where things lie that were in the way.
        package var keptAside: [String]
    }

    package init(_ engine: Engine, _ plan: RestorePlan) {
        self.engine = engine
        self.plan = plan
    }

    package func run() async -> Report {
        let findings = Findings()
        let frame = SimpleRun(
            engine: engine, operation: .restore, lockMode: .shared, lockWait: engine.profile.settings.lockWait,
            reason: "\(plan.point.run) to \(plan.directory)")
        let record = await frame.run { recorder, _, _ in
            try await restore(recorder, findings)
        }
        return await Report(record: record, restored: findings.restored, keptAside: findings.keptAside)
    }

    private actor Findings {
        var restored: [(part: ManifestPart, report: RestoreReport)] = []
        var keptAside: [String] = []
        func add(_ part: ManifestPart, _ report: RestoreReport) { restored.append((part, report)) }
        func keep(aside path: String) { keptAside.append(path) }
    }

    private func restore(_ recorder: RunRecorder, _ findings: Findings) async throws {
        let record = await recorder.record
        try refuseLinks(in: plan.directory)
        try refuseOccupiedPlaces()
        let staging = plan.directory + "/.holdfast-restore-\(record.id)"
        try makeFolder(plan.directory, private: false)
        let entry = JournalEntry(
            id: "staging-\(record.id)", run: record.id, profile: record.profile, order: 0, process: record.process,
            action: .removeFolder(staging))
        try engine.journal.add(entry)
        await recorder.change { $0.scratch.append(staging) }
        do {
            try makeFolder(staging, private: true)
            for item in plan.items {
                try await recorder.step(.restore, subject: item.part.title) {
                    let report = try await restore(item, into: staging, record, recorder)
                    await recorder.annotate(.restore, subject: item.part.title) { $0.bytes = report.bytes }
                    await findings.add(item.part, report)
                    for notice in report.notices { recorder.notice("\(item.part.source): \(notice)") }
                }
            }
            await engine.moment(.staged)
            try await recorder.step(.settle) {
                // It may have been long since.
                try refuseOccupiedPlaces()
                try Task.checkCancellation()
                for source in Set(plan.items.map(\.part.source)).sorted() {
                    if let aside = try await settle(source, from: staging, record) { await findings.keep(aside: aside) }
                    await engine.moment(.settled)
                }
            }
        } catch {
            removeStaging(entry, staging)
            throw error
        }
        removeStaging(entry, staging)
    }

    private func restore(
        _ item: RestorePlan.Item, into staging: String, _ record: RunRecord, _ recorder: RunRecorder
    ) async throws -> RestoreReport {
        let source = try engine.restorer(item.part)
        let directory = staging + "/" + item.part.source.rawValue
        try makeFolder(directory, private: true)
        let observer = engine.observer
        let subject = item.part.title
        var request = RestoreRequest(
            part: item.part, reader: engine.primary.reader(for: item.part), directory: directory,
            database: item.database
        ) { observer.observe(.progress(subject: subject, $0)) }
        request.include = item.include
        let context = CaptureContext(run: record.id, scratch: staging) { text in
            recorder.notice("\(item.part.source): \(text)")
        }
        var report = try await source.restore(request, context)
        // Whatever was reported: a restore has restored what is there to be seen.
        guard try item.database != nil || attributesIfPresent(report.place) != nil else {
            throw Failure(
                "\(item.part.title) was read and left nothing at \(report.place)",
                hint: "look what snapshot \(item.part.snapshot) holds: holdfast ls \(item.part.snapshot)")
        }
        // It was proven in the staging folder; by the time anyone reads this it is in its place.
        if report.place.hasPrefix(staging) { report.place = plan.directory + report.place.dropFirst(staging.count) }
        report.notices = report.notices.map { $0.replacingOccurrences(of: staging, with: plan.directory) }
        return report
    }

    /// Nothing that is there already is touched unless `--exact` says that it is to be replaced.
    private func refuseOccupiedPlaces() throws {
        guard !plan.exact else { return }
        for place in Set(plan.items.map(\.place)).sorted() where isOccupied(place) {
            throw Failure(
                "\(place) is there already and is not empty",
                hint: "give another folder with --to, or --exact to put the restored state in its place "
                    + "(what is there now is kept beside it)")
        }
    }

    private func isOccupied(_ path: String) -> Bool {
        // A link is somebody's, wherever it leads.
        do {
            guard let attributes = try attributesIfPresent(path) else { return false }
            if attributes[.type] as? FileAttributeType == .typeSymbolicLink { return true }
        } catch { return true }
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else { return false }
        guard isFolder.boolValue else { return true }
        do { return try !FileManager.default.contentsOfDirectory(atPath: path).isEmpty } catch { return true }
    }

    private func makeFolder(_ path: String, private isPrivate: Bool) throws {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true,
                attributes: isPrivate ? [.posixPermissions: 0o700] : nil)
            // Or what comes back private would be open to whom the target is.
            if isPrivate { engine.host.disinherit(path) }
        } catch {
            throw Failure(
                "\(path) cannot be made: \(error.localizedDescription)", hint: "choose another folder with --to")
        }
    }

    /// A link in the target's path could lead the restored files anywhere. Those of root and of the invoking user that
    /// stand in the way there are theirs to set; in the target's own place none may be.
    private func refuseLinks(in path: String) throws {
        var place = path
        while place.count > 1 {
            if let attributes = try attributesIfPresent(place),
                attributes[.type] as? FileAttributeType == .typeSymbolicLink
            {
                let owner = (attributes[.ownerAccountID] as? NSNumber)?.uint32Value
                guard place != path, owner == 0 || owner == engine.host.effectiveUserID else {
                    throw Failure("\(place) is a symbolic link", hint: "give --to the folder that it leads to")
                }
            }
            place = (place as NSString).deletingLastPathComponent
        }
    }

    /// `nil` where nothing is; of a link, those of the link itself.
    private func attributesIfPresent(_ path: String) throws -> [FileAttributeKey: Any]? {
        do {
            return try FileManager.default.attributesOfItem(atPath: path)
        } catch let error as CocoaError where error.code == .fileReadNoSuchFile || error.code == .fileNoSuchFile {
            return nil
        }
    }

    /// Moves one source from staging into its place, which has at any time either what was there or what is restored.
    /// - Returns: where what was there before lies now.
    private func settle(_ source: SourceName, from staging: String, _ record: RunRecord) async throws -> String? {
        let staged = staging + "/" + source.rawValue
        let place = plan.directory + "/" + source.rawValue
        let files = FileManager.default
        guard try !files.contentsOfDirectory(atPath: staged).isEmpty else { return nil }
        guard try attributesIfPresent(place) != nil else {
            try files.moveItem(atPath: staged, toPath: place)
            return nil
        }
        guard isOccupied(place) else {
            try files.removeItem(atPath: place)
            try files.moveItem(atPath: staged, toPath: place)
            return nil
        }
        // Not out of the staging folder: should it come to be killed, what was there may not lie where things are swept.
        let kept = place + ".before-\(record.id)"
        try files.moveItem(atPath: staged, toPath: kept)
        await engine.moment(.besidePlace)
        do {
            if try engine.host.exchange(kept, place) { return kept }
            try files.moveItem(atPath: kept, toPath: staged)
        } catch {
            try files.moveItem(atPath: kept, toPath: staged)
            throw error
        }
        // In two steps, where the file system knows no better.
        try files.moveItem(atPath: place, toPath: kept)
        await engine.moment(.besidePlace)
        try files.moveItem(atPath: staged, toPath: place)
        return kept
    }

    /// A folder that resists stays in the journal, so that a later run tries again.
    private func removeStaging(_ entry: JournalEntry, _ path: String) {
        do {
            try engine.scratch.remove(path)
            try engine.journal.remove(entry.id)
        } catch let error as any OperatorError {
            engine.observer.observe(.notice("left for the next run to sweep: \(error.description)"))
        } catch {
            engine.observer.observe(.notice("left for the next run to sweep: \(error)"))
        }
    }
}
