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
        let plan = try await plan(point, options, isShown: !(console.isQuiet && isAgreed && !dryRun))
        if dryRun { return .success }
        guard try isAgreed || Question.confirmed("Put this into place?") else {
            console.print("nothing was restored")
            return .failed
        }
        let record = await carryOut(plan)
        let status = RunReport.show(record, console)
        await live.tell(of: record, engine)
        return status
    }

    /// Puts a restore point back without asking, for who has asked already.
    /// - Parameter only: these sources; `nil` for all of the point.
    /// - Returns: the restore's record, which nobody has been told of.
    /// - Throws: ``Failure`` where it cannot be put back; nothing has changed then.
    func putBack(_ point: RunID, only: [SourceName]?) async throws -> RunRecord {
        let list = try await PointList(engine).load(loadingManifests: true)
        let chosen = try list.restorePoints.resolve(point.rawValue, now: Date(), timeZone: .current)
        var options = InPlaceOptions()
        options.only = only
        return await carryOut(try await plan(chosen, options, isShown: !console.isQuiet))
    }

    private func plan(
        _ point: RestorePoint, _ options: InPlaceOptions, isShown: Bool
    ) async throws -> InPlacePlan {
        let plan = try await InPlacePlanner(engine).plan(point, options)
        if RestoreChecks.canLook(engine) { try await ChosenPaths(engine).require(plan) }
        if console.isJSON {
            console.print(InPlaceRendering.document(plan).text())
        } else if isShown {
            InPlaceRendering.show(plan, console)
        }
        if let room = plan.tooSmall.first { throw room.failure }
        return plan
    }

    private func carryOut(_ plan: InPlacePlan) async -> RunRecord {
        let report = await InPlaceRun(engine, plan).run()
        InPlaceRendering.show(report, console)
        return report.record
    }

    /// - Parameter run: the restore to be taken back; `nil` for the newest.
    func undo(_ run: String?, whileInUse: Bool, isAgreed: Bool, dryRun: Bool) async throws -> ExitStatus {
        let kept = try KeptAside(engine).find(run)
        if run == nil, isAgreed, let later = try KeptAside(engine).unsettledRestore(since: kept) {
            throw Failure(
                "the newest restore, \(later), did not come to its end and put nothing into place; the one before it is "
                    + "\(kept.settlement.run)",
                hint: "name the one to take back: holdfast restore --undo \(kept.settlement.run) "
                    + (console.profileWords ?? "-p \(engine.profile.name)"), kind: .usage)
        }
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
        let sizes = try KeptAside(engine).sizes(of: all)
        if console.isJSON {
            console.print(InPlaceRendering.document(all, sizes))
        } else {
            InPlaceRendering.show(all, sizes: sizes, console)
            InPlaceRendering.showTotal(all, sizes, console)
        }
        return .success
    }

    func discard(_ run: String?, isAgreed: Bool, dryRun: Bool) async throws -> ExitStatus {
        let keeping = KeptAside(engine)
        let kept = try keeping.find(run)
        if !console.isJSON { InPlaceRendering.show([kept], sizes: try keeping.sizes(of: [kept]), console) }
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
