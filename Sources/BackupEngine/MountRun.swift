package import BackupModel
import Foundation

/// Lays a restore point out in private scratch for as long as somebody looks at it: for repositories whose files cannot be opened
/// singly. Everything is proven as by a restore; nothing live is touched, and nothing of it stays.
package struct MountRun: Sendable {
    private let engine: Engine
    private let plan: RestorePlan
    private let tryOut: @Sendable (_ empty: String) async throws -> Void
    private let show: Show

    package struct Shown: Sendable {
        package var part: ManifestPart
        /// Below the folder that is shown.
        package var path: String
        /// No key was there, so that it is an encrypted file.
        package var isClosed: Bool
    }

    /// Shows the folder until somebody has seen enough, and returns then, also when cancelled.
    package typealias Show = @Sendable (_ folder: String, _ parts: [Shown]) async throws -> Void

    /// - Parameters:
    ///   - plan: its folder is where everything will be seen.
    ///   - tryOut: finds out with an empty folder whether anything can be shown, before work is done for it.
    package init(
        _ engine: Engine, _ plan: RestorePlan,
        tryingOut tryOut: @escaping @Sendable (_ empty: String) async throws -> Void = { _ in }, show: @escaping Show
    ) {
        self.engine = engine
        self.plan = plan
        self.tryOut = tryOut
        self.show = show
    }

    package func run() async -> RunRecord {
        let frame = SimpleRun(
            engine: engine, operation: .mount, lockMode: .shared, lockWait: engine.profile.settings.lockWait,
            reason: "\(plan.point.run) at \(plan.directory)")
        return await frame.runWithHooks { recorder, _, holdings, hooks in
            try await mount(recorder, holdings, hooks)
        }
    }

    private func mount(_ recorder: RunRecorder, _ holdings: Holdings, _ hooks: HookWork) async throws {
        let run = await recorder.record
        for warning in plan.warnings { recorder.notice(warning) }
        let scratch = try await holdings.scratch(for: run)
        // A level of its own: what a source puts beside what it restores is not to be seen.
        let folder = scratch + "/" + MountPoint.shownFolder
        try makeFolder(folder)
        try await recorder.step(.preflight) {
            guard !(scratch + "/").hasPrefix(plan.directory + "/") else {
                throw Failure(
                    "\(plan.directory) would hide what is shown there: it is unpacked in it",
                    hint: "name another --scratch", kind: .usage)
            }
            try checkRoom(at: scratch)
            try await tryOut(folder)
        }
        var shown: [Shown] = []
        for item in plan.items {
            shown.append(
                try await recorder.step(.restore, subject: item.part.title) {
                    try await lay(item, below: folder, scratch, run, recorder)
                })
        }
        // It is all here: nobody need wait for the repository until nobody looks any more, and what wakes or mounts it may rest.
        await holdings.unlock(.repository(location: engine.primary.location))
        await hooks.endRepository()
        try await show(folder, shown)
    }

    private func lay(
        _ item: RestorePlan.Item, below folder: String, _ scratch: String, _ run: RunRecord, _ recorder: RunRecorder
    ) async throws -> Shown {
        let part = item.part
        let directory = folder + "/" + part.source.rawValue
        try makeFolder(directory)
        let observer = engine.observer
        let title = part.title
        let request = RestoreRequest(part: part, reader: engine.primary.reader(for: part), directory: directory) {
            observer.observe(.progress(subject: title, $0))
        }
        let context = CaptureContext(run: run.id, scratch: scratch) { recorder.notice("\(part.source): \($0)") }
        let report: RestoreReport
        do { report = try await engine.restorer(part).restore(request, context) } catch {
            let failure = RunRecorder.failure(of: error)
            guard failure.kind == .destinationFull else { throw error }
            throw Failure(
                failure.description, hint: "name a folder on a larger disk with --scratch, or \(MountRun.smaller)",
                kind: .destinationFull)
        }
        await recorder.annotate(.restore, subject: title) { $0.bytes = report.bytes }
        let name = (part.part.rawValue as NSString).lastPathComponent
        let shown = Shown(
            part: part, path: String(report.place.dropFirst(folder.count + 1)),
            isClosed: part.encryption != nil && (report.place as NSString).lastPathComponent == name)
        if shown.isClosed {
            let whom = part.encryption?.recipients.words ?? "its recipients"
            recorder.notice("\(title) is encrypted for \(whom), and no key is here: give one with --identity")
            return shown
        }
        for notice in report.notices {
            recorder.notice("\(part.source): \(notice.replacingOccurrences(of: folder, with: plan.directory))")
        }
        let unproven = report.unproven.filter { !report.excused.contains($0) }
        if !unproven.isEmpty { recorder.notice("\(title) is not proven: \(unproven.joined(separator: "; "))") }
        return shown
    }

    /// What to do where no larger disk is to be had.
    private static let smaller = "mount some of the sources with --only"
    /// That a small file takes of a disk, and every folder.
    private static let block: Int64 = 4096

    private func checkRoom(at place: String) throws(Failure) {
        let needed = plan.items.reduce(ByteCount.zero) { sum, item in
            let files = item.part.encryption?.files ?? item.part.files ?? 1
            return sum + max(item.part.bytes, item.part.encryption?.bytes ?? .zero)
                + ByteCount(files * MountRun.block)
        }
        try ScratchRoom.check(
            for: "restore point \(plan.point.run)", needed, at: place, engine.host, otherwise: MountRun.smaller)
    }

    private func makeFolder(_ path: String) throws {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw ScratchError(path: path, reason: error.localizedDescription)
        }
    }
}
