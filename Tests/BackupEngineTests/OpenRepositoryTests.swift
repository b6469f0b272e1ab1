import BackupModel
import Foundation
import TestSupport
import Testing

@testable import BackupEngine

@Suite("Opening a repository")
struct OpenRepositoryTests {
    private let local: RepositoryName = "local"

    private func pin(_ bench: Bench) throws -> RepositoryPin? {
        try bench.pins.pin(profile: Bench.profile, repository: local)
    }

    @Test func `the first use makes it and pins it`() async throws {
        let bench = try Bench()
        let run = await bench.backup()
        #expect(run.says("created the repository"))
        #expect(try pin(bench)?.identity == MemoryRepository.identity)
        #expect(try pin(bench)?.location == bench.repository.location)
        // Made alone, used in company.
        #expect(
            bench.locks.history.filter { $0.hasSuffix(bench.repository.location) }.prefix(5) == [
                "acquire shared repository /backups/home", "release repository /backups/home",
                "acquire exclusive repository /backups/home", "release repository /backups/home",
                "acquire shared repository /backups/home",
            ])
    }

    @Test func `one that is pinned and has gone is never made anew`() async throws {
        let bench = try Bench()
        await bench.backup()
        bench.repository.change { $0.identity = nil }
        bench.repository.forgetCalls()
        let run = await bench.backup()
        #expect(run.outcome == .failed)
        #expect(run.exitStatus(strict: false) == .noRepository)
        #expect(!bench.repository.calls.contains("create"))
        #expect(await bench.backup { $0.creation = .always }.outcome == .succeeded)
    }

    @Test func `a lost pin is a loss and no beginning`() async throws {
        let bench = try Bench()
        await bench.backup()
        bench.pins.lose(profile: Bench.profile, repository: local)
        bench.repository.change { $0.identity = nil }
        bench.repository.forgetCalls()
        #expect(await bench.backup().exitStatus(strict: false) == .noRepository)
        #expect(!bench.repository.calls.contains("create"))
    }

    @Test func `one that is there already is pinned and not made`() async throws {
        let bench = try Bench()
        bench.repository.change { $0.identity = MemoryRepository.identity }
        let run = await bench.backup()
        #expect(run.outcome == .succeeded)
        #expect(run.says("pinned the existing repository"))
        #expect(!bench.repository.calls.contains("create"))
        #expect(try pin(bench) != nil)
    }

    @Test func `one that somebody made meanwhile is not made over`() async throws {
        let bench = try Bench()
        bench.repository.before { call in
            guard call == .inspect, bench.repository.calls.count == 2 else { return }
            bench.repository.change { $0.identity = MemoryRepository.identity }
        }
        #expect(await bench.backup().outcome == .succeeded)
        #expect(!bench.repository.calls.contains("create"))
    }

    @Test func `a place that is taken is refused`() async throws {
        let bench = try Bench()
        bench.repository.change { $0.occupiedBy = "holiday.jpg" }
        for creation in [OpenRepository.Creation.onFirstUse, .always] {
            let run = await bench.backup { $0.creation = creation }
            #expect(run.says("holiday.jpg"))
        }
        #expect(!bench.repository.calls.contains("create"))
    }

    @Test(arguments: [true, false])
    func `another id or other keys are refused until they are accepted`(otherID: Bool) async throws {
        let bench = try Bench()
        await bench.backup()
        bench.repository.change {
            if otherID { $0.identity?.id = "0ther" } else { $0.identity?.keyIDs = ["aaaa", "bbbb"] }
        }
        bench.repository.forgetCalls()
        let run = await bench.backup()
        #expect(run.outcome == .failed)
        #expect(run.exitStatus(strict: false) == .damaged)
        #expect(!bench.repository.calls.contains { $0.hasPrefix("store") })
        let engine = bench.engine()
        let accepted = try await OpenRepository(engine, repository: engine.primary).accept()
        #expect(accepted.old?.identity == MemoryRepository.identity)
        #expect(await bench.backup().outcome == .succeeded)
    }

    @Test func `a configuration that was rewritten under the same id is pinned anew`() async throws {
        let bench = try Bench()
        await bench.backup()
        bench.repository.change { $0.identity?.configDigest = "upgraded" }
        #expect(await bench.backup().outcome == .succeeded)
        #expect(try pin(bench)?.identity.configDigest == "upgraded")
    }

    @Test func `dead locks are cleared and named`() async throws {
        let bench = try Bench()
        bench.repository.change {
            $0.deadLocks = [
                RepositoryLock(id: "1", time: Bench.start, exclusive: true, host: "vault", user: "root", pid: 77)
            ]
        }
        #expect(await bench.backup().says("process 77"))
    }
}

extension RepositoryName: ExpressibleByStringLiteral {
    package init(stringLiteral value: String) { self.init(unchecked: value) }
}
