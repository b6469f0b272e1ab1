package import BackupModel
import Foundation

/// Lays a restore point out in private scratch for as long as somebody looks at it: for repositories whose files cannot be opened
/// singly. Everything is proven as by a restore; nothing live is touched, and nothing of it stays.
package struct MountRun: Sendable {
    private let engine: Engine
    private let plan: RestorePlan
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
    package init(_ engine: Engine, _ plan: RestorePlan, show: @escaping Show) {
        self.engine = engine
        self.plan = plan
        self.show = show
    }

    package func run() async -> RunRecord {
        let frame = SimpleRun(
            engine: engine, operation: .mount, lockMode: .shared, lockWait: engine.profile.settings.lockWait,
            reason: "\(plan.point.run) at \(plan.directory)")
        return await frame.run { recorder, _, holdings in try await mount(recorder, holdings) }
    }

    private func mount(_ recorder: RunRecorder, _ holdings: Holdings) async throws {
        let run = await recorder.record
        await removeLeftovers(recorder, run)
        let scratch = try await holdings.scratch(for: run)
        try await recorder.step(.preflight) { try checkRoom(at: scratch) }
        // A level of its own: what a source puts beside what it restores is not to be seen.
        let folder = scratch + "/shown"
        try makeFolder(folder)
        var shown: [Shown] = []
        for item in plan.items {
            shown.append(
                try await recorder.step(.restore, subject: item.part.title) {
                    try await lay(item, below: folder, scratch, run, recorder)
                })
        }
        // It is all here: whoever wants to remove from the repository need not wait until nobody looks any more.
        await holdings.unlock(.repository(location: engine.primary.location))
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
        let report = try await engine.restorer(part).restore(request, context)
        await recorder.annotate(.restore, subject: title) { $0.bytes = report.bytes }
        for notice in report.notices {
            recorder.notice("\(part.source): \(notice.replacingOccurrences(of: folder, with: plan.directory))")
        }
        let name = (part.part.rawValue as NSString).lastPathComponent
        return Shown(
            part: part, path: String(report.place.dropFirst(folder.count + 1)),
            isClosed: part.encryption != nil && (report.place as NSString).lastPathComponent == name)
    }

    private func checkRoom(at place: String) throws(Failure) {
        let needed = plan.items.reduce(ByteCount.zero) {
            $0 + max($1.part.bytes, $1.part.encryption?.bytes ?? .zero)
        }
        try ScratchRoom.check(
            for: "restore point \(plan.point.run)", needed, at: place, engine.host,
            otherwise: "mount some of the sources with --only")
    }

    /// Sweeps what killed ones left. Nothing that stands in the way of that may stand in the way of this one.
    private func removeLeftovers(_ recorder: RunRecorder, _ run: RunRecord) async {
        do {
            for notice in try await Recovery(engine).settleJournal(except: run.id) { recorder.notice(notice) }
        } catch {
            recorder.notice(RunRecorder.failure(of: error).description)
        }
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
