import BackupEngine
import BackupModel
import Foundation

/// Puts a restore point back where its sources were captured, without asking.
enum InPlaceRestoring {
    /// - Parameter only: these sources; `nil` for all of the point.
    /// - Returns: the restore's record.
    /// - Throws: ``Failure`` where it cannot be put back; nothing has changed then.
    static func run(
        _ live: Live, _ engine: Engine, point: RunID, only: [SourceName]?, _ console: Console
    ) async throws -> RunRecord {
        let list = try await PointList(engine).load(loadingManifests: true)
        let chosen = try list.restorePoints.resolve(point.rawValue, now: Date(), timeZone: .current)
        var options = InPlaceOptions()
        options.only = only
        let plan = try await InPlacePlanner(engine).plan(chosen, options)
        if !console.isJSON { InPlaceRendering.show(plan, console) }
        if let room = plan.tooSmall.first { throw room.failure }
        let report = await InPlaceRun(engine, plan).run()
        if !console.isJSON { InPlaceRendering.show(report, console) }
        return report.record
    }
}
