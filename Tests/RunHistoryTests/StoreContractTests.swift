import BackupModel
import Foundation
import RunHistory
import TestSupport
import Testing

/// What every history, every store of pins and every journal must do, in memory and for real.
enum Implementation: CaseIterable, Sendable, CustomTestStringConvertible {
    case memory, real

    var testDescription: String { self == .memory ? "in memory" : "on disk" }

    func store(_ folder: ScratchFolder) throws -> any RunStore {
        self == .memory ? MemoryRunStore() : try SQLiteRunStore(folder: folder["state"])
    }
    func pins(_ folder: ScratchFolder) -> any Pins {
        self == .memory ? MemoryPins() : FilePins(folder: folder["state"])
    }
    func journal(_ folder: ScratchFolder) -> any ResourceJournal {
        self == .memory ? MemoryJournal() : FileJournal(folder: folder["state"])
    }
}

@Suite struct `A history` {
    let folder: ScratchFolder
    init() throws { folder = try ScratchFolder("history") }

    @Test(arguments: Implementation.allCases) func `gives back a run exactly as it was written`(_ kind: Implementation)
        throws
    {
        let store = try kind.store(folder)
        let run = Samples.fullRun(1)
        try store.begin(run)
        #expect(try store.run(run.id) == run)
        #expect(try store.run(Samples.run(2).id) == nil)
    }

    @Test(arguments: Implementation.allCases) func `does not begin a run twice`(_ kind: Implementation) throws {
        let store = try kind.store(folder)
        try store.begin(Samples.run(1))
        #expect(throws: StoreError.self) { try store.begin(Samples.run(1, outcome: .failed)) }
        #expect(try store.run(Samples.run(1).id)?.outcome == nil)
    }

    @Test(arguments: Implementation.allCases) func `keeps what an update says, also of a run it never saw`(
        _ kind: Implementation
    ) throws {
        let store = try kind.store(folder)
        try store.begin(Samples.run(1))
        try store.update(Samples.run(1, outcome: .succeeded))
        try store.update(Samples.run(2, outcome: .failed))
        #expect(try store.run(Samples.run(1).id) == Samples.run(1, outcome: .succeeded))
        #expect(try store.runs(RunQuery()).count == 2)
    }

    @Test(arguments: Implementation.allCases) func `lists runs newest first, filtered and limited`(
        _ kind: Implementation
    ) throws {
        let store = try kind.store(folder)
        let other = ProfileName(unchecked: "other")
        let runs = [
            Samples.run(3, outcome: .failed), Samples.run(1, outcome: .succeeded), Samples.run(4, operation: .prune),
            Samples.run(2, profile: other, outcome: .failed),
        ]
        for run in runs { try store.begin(run) }
        func numbers(_ query: RunQuery) throws -> [Int] {
            try store.runs(query).map { Int(($0.started.timeIntervalSince(Samples.start) / 60).rounded()) }
        }
        #expect(try numbers(RunQuery()) == [4, 3, 2, 1])
        #expect(try numbers(RunQuery(limit: 2)) == [4, 3])
        #expect(try numbers(RunQuery(limit: 0)) == [])
        #expect(try numbers(RunQuery(limit: -1)) == [])
        #expect(try numbers(RunQuery(profile: Samples.profile)) == [4, 3, 1])
        #expect(try numbers(RunQuery(operation: .prune)) == [4])
        #expect(try numbers(RunQuery(outcome: .failed)) == [3, 2])
        #expect(try numbers(RunQuery(profile: other, outcome: .failed)) == [2])
        #expect(try numbers(RunQuery(since: Samples.run(3).started)) == [4, 3])
    }

    @Test(arguments: Implementation.allCases) func `finds runs that have no end, oldest first, per profile`(
        _ kind: Implementation
    ) throws {
        let store = try kind.store(folder)
        for run in [
            Samples.run(2), Samples.run(1), Samples.run(3, outcome: .failed),
            Samples.run(4, profile: ProfileName(unchecked: "other")),
        ] { try store.begin(run) }
        #expect(try store.unfinished(profile: Samples.profile).map(\.id) == [Samples.run(1).id, Samples.run(2).id])
    }

    @Test(arguments: Implementation.allCases) func `keeps snapshots per repository, oldest first`(
        _ kind: Implementation
    ) throws {
        let store = try kind.store(folder)
        #expect(try store.snapshots(of: "a") == [])
        try store.replaceSnapshots(of: "a", with: [Samples.snapshot(2), Samples.snapshot(1)])
        try store.addSnapshots([Samples.snapshot(3), Samples.snapshot(2)], to: "a")
        try store.addSnapshots([Samples.snapshot(9)], to: "b")
        #expect(try store.snapshots(of: "a") == [1, 2, 3].map(Samples.snapshot))
        try store.removeSnapshots([Samples.snapshot(2).id, Samples.snapshot(9).id], from: "a")
        #expect(try store.snapshots(of: "a") == [1, 3].map(Samples.snapshot))
        #expect(try store.snapshots(of: "b") == [Samples.snapshot(9)])
        try store.replaceSnapshots(of: "a", with: [])
        #expect(try store.snapshots(of: "a") == [])
    }

    @Test(arguments: Implementation.allCases) func `keeps manifests as long as their snapshots`(
        _ kind: Implementation
    ) throws {
        let store = try kind.store(folder)
        let ids = [1, 2, 3].map { Samples.snapshot($0).id }
        try store.addSnapshots([1, 2, 3].map(Samples.snapshot), to: "a")
        for (number, id) in ids.enumerated() {
            try store.saveManifest(Samples.manifest(number), snapshot: id, repository: "a")
        }
        #expect(try store.manifests(of: "a")[ids[1]] == Samples.manifest(1))
        #expect(try store.manifests(of: "b").isEmpty)
        try store.removeSnapshots([ids[0]], from: "a")
        #expect(try Set(store.manifests(of: "a").keys) == [ids[1], ids[2]])
        try store.replaceSnapshots(of: "a", with: [Samples.snapshot(3)])
        #expect(try Set(store.manifests(of: "a").keys) == [ids[2]])
    }

    @Test(arguments: Implementation.allCases) func `counts from nought`(_ kind: Implementation) throws {
        let store = try kind.store(folder)
        #expect(try store.counter("verify:a") == 0)
        try store.setCounter("verify:a", to: 7)
        try store.setCounter("verify:a", to: 8)
        #expect(try store.counter("verify:a") == 8)
        #expect(try store.counter("verify:b") == 0)
    }

    @Test(arguments: Implementation.allCases) func `keeps what vanished until it is back or accepted`(
        _ kind: Implementation
    ) throws {
        let store = try kind.store(folder)
        let gone = [2, 1].map { VanishedSnapshot(snapshot: Samples.snapshot($0), noticed: Samples.start) }
        try store.noteVanished(gone, from: "a")
        let again = VanishedSnapshot(
            snapshot: Samples.snapshot(1), noticed: Samples.start.addingTimeInterval(60))
        try store.noteVanished([again], from: "a")
        #expect(try store.vanished(from: "a") == [gone[1], gone[0]])
        #expect(try store.vanished(from: "b") == [])
        try store.forgetVanished([gone[0].snapshot.id], from: "a")
        #expect(try store.vanished(from: "a") == [gone[1]])
    }

    @Test(arguments: Implementation.allCases) func `knows what is being removed until it is gone`(
        _ kind: Implementation
    ) throws {
        let store = try kind.store(folder)
        let (one, two) = (Samples.snapshot(1), Samples.snapshot(2))
        try store.addSnapshots([one, two], to: "a")
        try store.noteRemoval(of: [one.id, two.id], from: "a")
        try store.noteRemoval(of: [one.id], from: "a")
        try store.removeSnapshots([one.id], from: "a")
        #expect(try store.removals(from: "a") == [two.id])
        #expect(try store.removals(from: "b") == [])
    }

    @Test(arguments: Implementation.allCases) func `keeps what was acknowledged, by profile, oldest first`(
        _ kind: Implementation
    ) throws {
        let store = try kind.store(folder)
        let said = (0..<3).map { number in
            Acknowledgement(
                subject: "source db", from: Samples.start, at: Samples.start.addingTimeInterval(Double(number)),
                by: "root", note: number == 1 ? "moved" : nil)
        }
        for acknowledgement in said { try store.save(acknowledgement, of: Samples.profile) }
        #expect(try store.acknowledgements(of: Samples.profile) == said)
        #expect(try store.acknowledgements(of: ProfileName(unchecked: "other")) == [])
    }
}

@Suite struct `A store of pins` {
    let folder: ScratchFolder
    init() throws { folder = try ScratchFolder("pins") }
    private let local = RepositoryName(unchecked: "local")

    @Test(arguments: Implementation.allCases) func `gives back the last pin, per profile and repository`(
        _ kind: Implementation
    ) throws {
        let pins = kind.pins(folder)
        #expect(try pins.pin(profile: Samples.profile, repository: local) == nil)
        try pins.save(Samples.pin("one"), profile: Samples.profile, repository: local)
        try pins.save(Samples.pin("two"), profile: Samples.profile, repository: local)
        #expect(try pins.pin(profile: Samples.profile, repository: local) == Samples.pin("two"))
        #expect(try pins.pin(profile: Samples.profile, repository: RepositoryName(unchecked: "far")) == nil)
        #expect(try pins.pin(profile: ProfileName(unchecked: "other"), repository: local) == nil)
    }

    @Test(arguments: Implementation.allCases) func `knows whether a profile was used before`(
        _ kind: Implementation
    ) throws {
        let pins = kind.pins(folder)
        #expect(try !pins.hasState(profile: Samples.profile))
        try pins.save(Samples.pin("one"), profile: Samples.profile, repository: local)
        #expect(try pins.hasState(profile: Samples.profile))
        #expect(try !pins.hasState(profile: ProfileName(unchecked: "other")))
    }
}

@Suite struct `A resource journal` {
    let folder: ScratchFolder
    init() throws { folder = try ScratchFolder("journal") }

    @Test(arguments: Implementation.allCases) func `lists entries last acquired first, until they are removed`(
        _ kind: Implementation
    ) throws {
        let journal = kind.journal(folder)
        #expect(try journal.entries(profile: Samples.profile) == [])
        let process = ProcessIdentity(pid: 9, startTime: .max, bootID: "b")
        var child = Samples.entry("child", order: 2)
        child.action = .endProcess(process, program: "pg_dump")
        for entry in [Samples.entry("a", order: 1), Samples.entry("b", order: 10), child] { try journal.add(entry) }
        try journal.add(Samples.entry("later", order: 1, run: 2))
        #expect(try journal.entries(profile: Samples.profile).map(\.id) == ["later", "b", "child", "a"])
        #expect(try journal.entries(profile: Samples.profile)[2] == child)
        try journal.remove("b")
        try journal.remove("b")
        try journal.remove("never was")
        #expect(try journal.entries(profile: Samples.profile).map(\.id) == ["later", "child", "a"])
        #expect(try journal.entries(profile: ProfileName(unchecked: "other")) == [])
    }
}
