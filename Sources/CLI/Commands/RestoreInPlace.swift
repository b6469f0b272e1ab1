import BackupEngine
import BackupModel
import Foundation

/// The part of `restore` that puts things where they live, and takes that back.
struct RestoreInPlace {
    let live: Live
    let engine: Engine
    let console: Console

    /// Shows the plan, asks where `isAgreed` does not say that it need not, and carries it out.
    func restore(
        _ point: RestorePoint, _ options: InPlaceOptions, isAgreed: Bool, dryRun: Bool
    ) async throws -> ExitStatus {
        let plan = try await InPlacePlanner(engine).plan(point, options)
        if console.isJSON {
            console.print(InPlaceRendering.document(plan).text())
        } else {
            InPlaceRendering.show(plan, console)
        }
        if let room = plan.tooSmall.first { throw room.failure }
        if dryRun { return .success }
        guard try isAgreed || Question.confirmed("Put this into place?") else {
            console.print("nothing was restored")
            return .failed
        }
        let report = await InPlaceRun(engine, plan).run()
        InPlaceRendering.show(report, console)
        let status = RunReport.show(report.record, console)
        await live.tell(of: report.record, engine)
        return status
    }

    /// - Parameter run: the restore to be taken back; `nil` for the newest.
    func undo(_ run: String?, whileInUse: Bool, isAgreed: Bool, dryRun: Bool) async throws -> ExitStatus {
        let kept = try KeptAside(engine).find(run)
        if console.isJSON {
            console.print(InPlaceRendering.document([kept]).text())
        } else {
            console.print("take back the restore")
            InPlaceRendering.show([kept], console)
            console.print("  what is there now is kept aside instead")
        }
        if dryRun { return .success }
        guard try isAgreed || Question.confirmed("Put back what was there?") else {
            console.print("nothing was changed")
            return .failed
        }
        let (record, places) = await UndoRun(engine, kept, whileInUse: whileInUse).run()
        if console.isJSON {
            console.print(
                JSONValue.object([("event", .string("undone")), ("keptAside", JSONValue(places))]).text())
        } else {
            InPlaceRendering.showKept(places, record, console)
        }
        let status = RunReport.show(record, console)
        await live.tell(of: record, engine)
        return status
    }

    func list() throws -> ExitStatus {
        let all = try KeptAside(engine).all()
        if console.isJSON {
            console.print(InPlaceRendering.document(all))
        } else {
            InPlaceRendering.show(all, console)
        }
        return .success
    }

    func discard(_ run: String?, isAgreed: Bool, dryRun: Bool) async throws -> ExitStatus {
        let keeping = KeptAside(engine)
        let kept = try keeping.find(run)
        if !console.isJSON { InPlaceRendering.show([kept], console) }
        if dryRun { return .success }
        guard try isAgreed || Question.confirmed("Remove this for good? The restore cannot be undone then.") else {
            console.print("nothing was removed")
            return .failed
        }
        let removed = try await keeping.discard(kept)
        if console.isJSON {
            console.print(JSONValue.object([("removed", JSONValue(removed))]))
        } else {
            for path in removed { console.print("removed \(Console.harmless(path))") }
        }
        return .success
    }
}
