import BackupModel
import Foundation
import TestSupport
import Testing

@Suite("Interruption at every step", .enabled(if: !RealTools.restics.isEmpty))
struct InterruptionTests {
    private let restic = RealTools.oldestAndNewest

    @Test(arguments: InterruptionPlace.backups)
    func `a backup that is stopped leaves nothing that counts falsely`(place: InterruptionPlace) async throws {
        // Old and new take turns, so that each gets half of the places.
        let isOdd = place.name.unicodeScalars.reduce(0) { $0 + Int($1.value) } % 2 == 1
        let scene = try await InterruptionScene(
            restic[isOdd ? 0 : restic.count - 1], follower: place.name == RunStep.feed.rawValue)
        var known: [String: InterruptionScene.State] = [:]
        for generation in 1...3 {
            try scene.change(to: generation)
            known[try await scene.backUp()] = try scene.present()
        }
        for (number, stop) in [Stop.int, .term, .kill].enumerated() {
            try scene.change(to: 10 + number)
            let before = try await scene.points()
            let result = try await scene.backUp(stoppedAt: place.name, by: stop)
            let late = place.isOver && stop != .kill
            #expect(result.code == (late ? 0 : stop.exitCode), "\(place.name) \(stop): \(result)")
            try await scene.waitForChildren()
            if stop != .kill { try await scene.expectNothingLeft() }

            let after = try await scene.points()
            let new = after.filter { !before.contains($0) }
            #expect(new.count == (place.counts ? 1 : 0), "\(place.name) \(stop): \(before) → \(after)")
            if let run = new.first { known[run] = try scene.present() }
            try await expectTruth(scene, place, new: new.first, stop, late: late)
            if stop == .kill {
                try scene.change(to: 20)
                known[try await scene.backUp()] = try scene.present()
                try await scene.expectNothingLeft()
                try await expectTruthAfterRecovery(scene, counts: place.counts)
            }
        }
        let points = try await scene.points()
        let newest = try #require(points.first)
        try await scene.check("latest", holds: try #require(known[newest]))
        let oldest = try #require(points.last)
        try await scene.check(oldest, holds: try #require(known[oldest]))
        try await scene.expectSoundRepository()
    }

    /// History and `why` directly after the stop.
    private func expectTruth(
        _ scene: InterruptionScene, _ place: InterruptionPlace, new: String?, _ stop: Stop, late: Bool
    ) async throws {
        let last = try #require(try await scene.outcomes().first { $0.operation == "backup" })
        let why = try await scene.why()
        if late {
            #expect(last.outcome == "succeeded" && last.run == new)
        } else if stop != .kill {
            #expect(last.outcome == "interrupted" && why.contains("interrupted"), "\(last) \(why)")
        } else if place.name == RunStep.record.rawValue {
            // Killed before its record was written, a run has never been.
            #expect(last.outcome != "unfinished", "\(last)")
        } else if place.name != RunStep.release.rawValue {
            #expect(last.outcome == "unfinished" && why.contains("was killed before its end"), "\(last) \(why)")
        }
        if stop == .kill, place.name == RunMoment.scratchJournaled.rawValue {
            #expect(try scene.names("state/journal/test").count == 1 && scene.names("state/scratch").isEmpty)
        }
    }

    private func expectTruthAfterRecovery(_ scene: InterruptionScene, counts: Bool) async throws {
        let runs = try await scene.outcomes().filter { $0.operation == "backup" }
        #expect(runs[0].outcome == "succeeded")
        #expect(!runs.contains { $0.outcome == "unfinished" || $0.outcome == "failed" }, "\(runs)")
        let points = Set(try await scene.points())
        if !counts {
            for run in runs where run.outcome == "interrupted" { #expect(!points.contains(run.run)) }
        }
    }

    @Test(arguments: Stop.allCases)
    func `a first backup that is stopped before the repository is pinned is made up for by the next`(
        stop: Stop
    ) async throws {
        let scene = try await InterruptionScene(restic[restic.count - 1], isNew: true)
        let place = RunMoment.repositoryCreated.rawValue
        let result = try await scene.backUp(stoppedAt: place, by: stop)
        #expect(result.code == stop.exitCode, "\(result)")
        try await scene.waitForChildren()
        let run = try await scene.backUp()
        try await scene.expectNothingLeft()
        try await scene.check(run, holds: try scene.present())
    }

    @Test(arguments: RealTools.oldestAndNewest)
    func `a repository whose creation was killed half way is made again, unless it holds anything`(
        restic: RealTools.Restic
    ) async throws {
        let scene = try await InterruptionScene(restic)
        let repository = scene.program.repository
        // The configuration is what restic writes last.
        try FileManager.default.removeItem(atPath: repository + "/config")
        let pack = "repository/data/aa/" + String(repeating: "a", count: 64)
        try scene.program.folder.write("somebody's data", to: pack)
        let refused = try await scene.program.run("backup")
        #expect(refused.code == 65, "\(refused)")
        #expect(try scene.names("repository/keys").count == 1)
        try FileManager.default.removeItem(atPath: scene.program.folder[pack])
        let run = try await scene.backUp()
        try await scene.check(run, holds: try scene.present())
        try await scene.expectSoundRepository()
    }

    @Test(arguments: InterruptionPlace.restores)
    func `a restore that is stopped leaves each source whole or not at all`(place: InterruptionPlace) async throws {
        let scene = try await InterruptionScene(restic[restic.count - 1])
        try scene.change(to: 1)
        let state = try scene.present()
        try await scene.backUp()
        for stop in [Stop.int, .term, .kill] {
            let target = scene.program.folder["target-\(stop.rawValue)"]
            if place.work == .exactRestore {
                for source in ["docs", "db", "stream"] {
                    try scene.program.folder.write("old", to: "target-\(stop.rawValue)/\(source)/old")
                }
            }
            let result = try await scene.program.run(
                ["restore", "latest", "--to", target, "--yes"] + (place.work == .exactRestore ? ["--exact"] : []),
                environment: ["HOLDFAST_FAILPOINT": "\(place.name):\(stop.rawValue)"])
            let isTooLate = place.isOver && stop != .kill
            #expect(result.code == (isTooLate ? 0 : stop.exitCode), "\(place.name) \(stop): \(result)")
            try await scene.waitForChildren()
            if isTooLate { try scene.expectRestored(in: target, state) }
            try expectWholeOrNothing(scene, target, state, place)
            if [RunMoment.staged.rawValue, RunStep.restore.rawValue, RunStep.settle.rawValue].contains(place.name) {
                let names = try FileManager.default.contentsOfDirectory(atPath: target)
                #expect(names.allSatisfy { $0.hasPrefix(".") }, "put in place although it was stopped before: \(names)")
            }
            if stop == .kill {
                #expect(try hidden(target).count == 1)
                // The same again, which has to get past what was left.
                let again = try await scene.program.run("restore", "latest", "--to", target, "--yes", "--exact")
                #expect(again.code == 0, "\(again)")
                try scene.expectRestored(in: target, state)
            }
            #expect(try hidden(target).isEmpty)
            try await scene.expectNothingLeft()
        }
        try await scene.check("latest", holds: state)
    }

    @Test(arguments: InterruptionPlace.verifies)
    func `a test of the repository that is stopped says so and is in nobody's way`(place: InterruptionPlace)
        async throws
    {
        let scene = try await InterruptionScene(restic[restic.count - 1])
        try await scene.backUp()
        for stop in [Stop.int, .term, .kill] {
            let result = try await scene.program.run(
                ["backup", "verify"], environment: ["HOLDFAST_FAILPOINT": "\(place.name):\(stop.rawValue)"])
            #expect(result.code == stop.exitCode, "\(place.name) \(stop): \(result)")
            try await scene.waitForChildren()
            let last = try #require(try await scene.outcomes().first { $0.operation == "verify" })
            #expect(last.outcome == (stop == .kill ? "unfinished" : "interrupted"), "\(last)")
            try await scene.backUp()
            try await scene.expectNothingLeft()
        }
        let whole = try await scene.program.run("backup", "verify")
        #expect(whole.code == 0, "\(whole)")
    }

    private func hidden(_ target: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: target).filter { $0.hasPrefix(".") }
    }

    private func expectWholeOrNothing(
        _ scene: InterruptionScene, _ target: String, _ state: InterruptionScene.State, _ place: InterruptionPlace
    ) throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: target)
        if place.work == .exactRestore {
            for source in ["docs", "db", "stream"] {
                // What was there is there still, or aside.
                let homes = names.filter { $0 == source || $0.hasPrefix("\(source).before-") }
                #expect(homes.contains { FileManager.default.fileExists(atPath: "\(target)/\($0)/old") }, "\(names)")
                #expect(names.contains(source), "nothing is at \(source): \(names)")
            }
        }
        for source in names where ["docs", "db", "stream"].contains(source) {
            let file =
                switch source {
                case "docs": "docs" + scene.program.folder["docs"] + "/note.txt"
                case "db": "db/app.db"
                default: "stream/stream.dump"
                }
            let isOld = FileManager.default.fileExists(atPath: "\(target)/\(source)/old")
            #expect(isOld || FileManager.default.fileExists(atPath: "\(target)/\(file)"), "\(source) is not whole")
            if source == "stream", !isOld {
                #expect(FileManager.default.contents(atPath: "\(target)/\(file)") == state.stream)
            }
        }
    }

    @Test func `recover removes what a killed restore left, and ends nothing else`() async throws {
        let scene = try await InterruptionScene(restic[0])
        try await scene.backUp()
        let target = scene.program.folder["target"]
        let killed = try await scene.program.run(
            ["restore", "latest", "--to", target, "--yes"],
            environment: ["HOLDFAST_FAILPOINT": "\(RunMoment.staged.rawValue):kill"])
        #expect(killed.code == -SIGKILL, "\(killed)")
        #expect(try hidden(target).count == 1)
        let recovered = try await scene.program.run("recover")
        #expect(recovered.code == 0, "\(recovered)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: target).isEmpty)
        try await scene.expectNothingLeft()
    }
}
