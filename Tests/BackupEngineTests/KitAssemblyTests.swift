import BackupModel
import Foundation
import TestSupport
import Testing

@testable import BackupEngine

@Suite("Putting a kit together")
struct KitAssemblyTests {
    /// A copy whose feeder knows how what was sent there comes back.
    private struct KnowingFollower: Follower {
        var base: MemoryFollower
        var spec: RepositorySpec { base.spec }
        var follow: FollowSpec { base.follow }
        var location: String { base.location }
        var repository: (any Repository)? { nil }
        func feed(
            _ wanted: [Snapshot], reading again: any SecondReading,
            progress: @escaping @Sendable (TransferProgress) -> Void
        ) async throws(RepositoryError) -> FeedReport {
            try await base.feed(wanted, reading: again, progress: progress)
        }
        func byHand(
            _ part: ManifestPart, as primary: ManualRestore
        ) async throws(RepositoryError) -> (location: String, restore: ManualRestore)? {
            (location + "/g-1", primary)
        }
    }

    private func place(
        _ follower: MemoryFollower, knows: Bool = true, open: (@Sendable () async throws -> Engine)?
    ) -> KitPlace {
        KitPlace(
            follower.spec, at: follower.location, follower: knows ? KnowingFollower(base: follower) : follower,
            open: open)
    }

    @Test func `a copy that fails, hangs or may not be read gets lines of the newest point that was sent there whole`()
        async throws
    {
        let follower = MemoryFollower()
        let bench = try Bench(followers: [follower])
        let old = await bench.backup()
        follower.fail(with: .unreachable(location: "there", detail: "no route"))
        let new = await bench.backup()
        let assembly = KitAssembly(bench.engine(), point: "latest")
        let ways: [(@Sendable () async throws -> Engine)?] = [
            nil, { throw RepositoryError.denied(location: "there", detail: "403") },
            {
                try await Task.sleep(for: .seconds(600))
                throw CancellationError()
            },
        ]
        for open in ways {
            let kit = try await assembly.kit(beside: [place(follower, open: open)])
            #expect(kit.sections.map(\.point.run) == [new.id, old.id])
            #expect(kit.sections.map(\.wasRead) == [true, false] && kit.absences.isEmpty)
            #expect(kit.sections[1].location == "/backups/offsite/g-1")
        }
        // The point that was asked for is not there: no lines for another one.
        let asked = try await KitAssembly(bench.engine(), point: new.id.rawValue).kit(beside: [
            place(follower, open: nil)
        ])
        #expect(asked.sections.count == 1 && asked.absences.count == 1)
    }

    @Test func `one of which nothing is known is named with the reason, and the sheet is made all the same`()
        async throws
    {
        let follower = MemoryFollower()
        let bench = try Bench(followers: [follower])
        await bench.backup()
        let assembly = KitAssembly(bench.engine(), point: "latest")
        let kit = try await assembly.kit(beside: [
            place(follower, knows: false) { throw RepositoryError.denied(location: "there", detail: "403") }
        ])
        #expect(kit.sections.count == 1 && kit.absences.first?.why.kind == .notPermitted)
        // Whoever stops it does not get a sheet with less in it.
        await #expect(throws: (any Error).self) {
            _ = try await assembly.kit(beside: [place(follower) { throw CancellationError() }])
        }
    }

    @Test func `what a sheet rests on is compared line by line, through its own text`() async throws {
        let bench = try Bench()
        await bench.backup()
        let kit = try await KitAssembly(bench.engine(), point: "latest").kit()
        let sheet = "#!/bin/bash\n" + KitFacts(kit).lines.joined(separator: "\n") + "\n#= digest 00\n"
        let facts = try #require(KitFacts(in: sheet))
        #expect(facts == KitFacts(kit) && facts.differences(to: kit).isEmpty)
        #expect(KitFacts(in: "#= something else\n") == nil)

        var moved = kit
        moved.sections[0].location = "/srv/with blank\nand break 100%"
        #expect(KitFacts(in: KitFacts(moved).lines.joined(separator: "\n")) == KitFacts(moved))
        #expect(
            facts.differences(to: moved).contains {
                $0.hasPrefix("not in the sheet: repository local memory /srv/with blank")
            })
        var more = kit
        more.sources.append((SourceName(unchecked: "new"), "files"))
        #expect(facts.differences(to: more) == ["not in the sheet: source new files"])
        var pruned = kit
        pruned.sections[0].present = []
        #expect(facts.differences(to: pruned).first?.hasPrefix("gone from local: 1 snapshot") == true)
        var rekeyed = kit
        rekeyed.sections[0].keyIDs = ["k2"]
        #expect(facts.differences(to: rekeyed).contains("not in the sheet: keys-of local k2"))
        // A copy that cannot be looked at now may be as it was.
        var away = kit
        away.sections = []
        away.absences = [Kit.Absence(repository: kit.sections[0].repository, location: "", why: Failure("away"))]
        #expect(facts.differences(to: away).isEmpty)
    }
}
