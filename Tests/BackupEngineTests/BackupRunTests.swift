import BackupModel
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import BackupEngine

@Suite("A backup run")
struct BackupRunTests {
    private func failing(_ name: String, _ error: SourceError = .missing("/srv", hint: nil)) -> ScriptedSource {
        ScriptedSource(name) { _, _ throws(SourceError) in throw error }
    }

    @Test func `a whole run succeeds, in this order, and gives everything back`() async throws {
        let bench = try Bench()
        let run = await bench.backup([ScriptedSource("db"), ScriptedSource("web")], settings: .oneAtATime)
        #expect(run.outcome == .succeeded)
        #expect(run.failures.isEmpty)
        #expect(
            bench.repository.calls == [
                "inspect", "inspect", "create", "toolVersion", "clearDeadLocks", "store db/data", "store web/data",
                "storeManifest /manifest.json",
            ])
        #expect(
            run.steps.map(\.step) == [
                .record, .lockProfile, .recover, .lockRepository, .preflight, .openRepository, .capture, .capture,
                .manifest, .finish,
            ])
        #expect(try bench.isClean)
        #expect(try bench.store.run(run.id) == run)
        #expect(run.toolStarts == 4)
        #expect(run.tools == ["memory": "1.0"])
        #expect(run.step(.capture, "db")?.usage["memory"]?.wall == .seconds(1))
        #expect(run.step(.manifest)?.usage["memory"] != nil)
        let manifest = try #require(try bench.manifest())
        #expect(manifest.parts.map(\.source.rawValue) == ["db", "web"])
        #expect(manifest.parts.map(\.snapshot) == bench.parts.map(\.id))
    }

    @Test func `a later run starts the tool once for each part and once for the manifest`() async throws {
        let bench = try Bench()
        await bench.backup()
        let before = bench.repository.toolStarts
        await bench.backup(retention: RetentionPolicy(daily: 7))
        #expect(bench.repository.toolStarts - before == 2)
    }

    @Test func `nothing is touched when the record cannot be written`() async throws {
        let bench = try Bench()
        bench.store.fail(with: .full(path: "/state", reason: "no space"))
        let run = await bench.backup()
        #expect(run.outcome == .failed)
        #expect(run.kind == .destinationFull)
        #expect(run.failures.count == 1)
        #expect(bench.locks.history.isEmpty)
        #expect(bench.repository.calls.isEmpty)
        #expect(bench.scratch.removed.isEmpty && bench.scratch.existing.isEmpty)
    }

    @Test func `what every source failed at is all that failed`() async throws {
        let bench = try Bench()
        let refused = ["db", "web"].map { name in
            ScriptedSource(name) { _, _ throws(SourceError) in throw .repository(.wrongPassword(location: "/b")) }
        }
        let run = await bench.backup(refused)
        #expect(run.outcome == .failed && run.kind == .wrongPassword)
        #expect(run.failures.count == 2 && run.failures.allSatisfy { $0.hint != nil })
        #expect(run.step(.manifest)?.detail == "nothing was captured")

        var missing = ScriptedSource("db")
        missing.preflightFailure = .unmounted(path: "/srv")
        let unready = await bench.backup([missing])
        #expect(unready.outcome == .failed && unready.failures.count == 1)
        #expect(unready.step(.preflight)?.detail == "no source can be captured")
    }

    @Test func `the record is written before any lock is taken`() async throws {
        let bench = try Bench()
        let seen = Mutex<[Bool]>([])
        _ = await bench.backup(failpoint: { step in
            guard step == .lockProfile else { return }
            let isThere = bench.store.written.first?.outcome == nil && !bench.store.written.isEmpty
            seen.withLock { $0.append(isThere && bench.locks.history.isEmpty) }
        })
        #expect(seen.withLock { $0 } == [true])
    }

    @Test(arguments: [LockKey.profile(Bench.profile), .repository(location: "/backups/home")])
    func `a run that does not get its lock is skipped, and recorded`(key: LockKey) async throws {
        let bench = try Bench()
        let other = try await bench.locks.acquire(key, mode: .exclusive, purpose: "another", wait: .zero)
        let run = await bench.backup { $0.lockWait = .seconds(5) }
        other.release()
        #expect(run.outcome == .skipped)
        #expect(run.exitStatus(strict: false) == .tryLater)
        #expect(run.says("another"))
        #expect(try bench.store.run(run.id)?.outcome == .skipped)
        #expect(bench.repository.calls.isEmpty)
        #expect(try bench.isClean)
    }

    @Test func `who waits for a run is told what it is doing`() async throws {
        let bench = try Bench()
        let seen = Mutex<[RunStep: String]>([:])
        let run = await bench.backup(failpoint: { step in
            let purpose = bench.locks.holder(of: .profile(Bench.profile))?.purpose
            seen.withLock { $0[step] = purpose }
        })
        #expect(seen.withLock { $0[.capture] } == "backup \(run.id): capturing")
        #expect(seen.withLock { $0[.manifest] } == "backup \(run.id): finishing")
    }

    @Test func `two backups share the repository`() async throws {
        let bench = try Bench()
        await bench.backup()
        let key = LockKey.repository(location: bench.repository.location)
        let other = try await bench.locks.acquire(key, mode: .shared, purpose: "another", wait: .zero)
        #expect(await bench.backup().outcome == .succeeded)
        other.release()
    }

    @Test func `one source that fails fails the run, and the others are captured all the same`() async throws {
        let bench = try Bench()
        let tool = SourceError.toolFailed(tool: "pg_dump", how: "exit code 1", detail: "connection lost")
        let run = await bench.backup([failing("db", tool), ScriptedSource("web")])
        #expect(run.outcome == .failed)
        #expect(run.parts.map(\.source.rawValue) == ["web"])
        #expect(run.step(.capture, "db")?.outcome == .failed)
        #expect(run.step(.capture, "db")?.toolOutput == ["pg_dump": "connection lost"])
        let manifest = try #require(try bench.manifest())
        #expect(manifest.gaps.map(\.source.rawValue) == ["db"])
        #expect(manifest.gaps.allSatisfy { $0.cause.contains("connection lost") })
        #expect(run.isCommitted)
    }

    @Test func `what a source said while it failed is in the record`() async throws {
        let bench = try Bench()
        let source = ScriptedSource("db") { context, _ throws(SourceError) in
            context.notice("the password is hunter2")
            throw .busy("db", detail: "somebody holds it")
        }
        let run = await bench.backup([source, ScriptedSource("web")])
        #expect(try bench.store.run(run.id)?.notices.contains("db: the password is ‹redacted›") == true)
        #expect(bench.observer.notices.count { $0.contains("the password is") } == 1)
    }

    @Test func `parts that an incomplete source did capture count, and what it missed is a gap`() async throws {
        let bench = try Bench()
        let source = ScriptedSource("db") { _, store throws(SourceError) in
            let good = try await ScriptedSource.part("/a.sql", store)
            _ = try await ScriptedSource.part("/b.sql", store)
            throw .incomplete([good], failures: [Failure("b broke off", kind: .serverUnreachable)])
        }
        let run = await bench.backup([source])
        #expect(run.outcome == .failed)
        #expect(run.exitStatus(strict: false) == .missing)
        #expect(run.step(.capture, "db")?.outcome == .failed)
        #expect(run.step(.capture, "db")?.detail == "b broke off")
        let manifest = try #require(try bench.manifest())
        #expect(manifest.parts.map(\.part.rawValue) == ["/a.sql"])
        #expect(manifest.gaps.map(\.cause) == ["b broke off"])
        // The other snapshot was declared void, and dropped when nobody else used the repository.
        #expect(manifest.void.count == 1)
        #expect(bench.parts.count == 1)
    }

    @Test func `void snapshots that cannot be dropped stay named by the manifest`() async throws {
        let bench = try Bench()
        bench.repository.change { $0.forgetting = .refused }
        let source = ScriptedSource("db") { _, store throws(SourceError) in
            _ = try await ScriptedSource.part("/a.sql", store)
            throw .mismatch(what: "rows", expected: "3", found: "2")
        }
        let run = await bench.backup([source, ScriptedSource("web")])
        #expect(run.outcome == .failed)
        let points = try await PointList(bench.engine()).load(loadingManifests: true)
        #expect(points.restorePoints.void.map(\.id) == bench.parts.filter { $0.stamp?.source == "db" }.map(\.id))
        #expect(points.points.first?.entries.map(\.part.source.rawValue) == ["web"])
    }

    @Test func `a snapshot that a failed store left behind is named void`() async throws {
        let bench = try Bench()
        let left = SnapshotID(rawValue: String(repeating: "e", count: 64))
        bench.repository.change {
            $0.showsFiles = false
            $0.forgetting = .refused
            $0.storeFailures["db"] = .miscounted(
                part: PartPath(rawValue: "/data"), produced: 10, stored: 9, void: left)
        }
        await bench.backup([ScriptedSource("db"), ScriptedSource("web")])
        #expect(try bench.manifest()?.void == [left])
    }

    @Test func `a source that says abort ends the run without a manifest`() async throws {
        let bench = try Bench()
        var first = failing("db")
        first.spec.onFailure = .abort
        let run = await bench.backup([first, ScriptedSource("web")], settings: .oneAtATime)
        #expect(run.outcome == .failed)
        #expect(bench.manifests.isEmpty)
        #expect(!run.isCommitted)
        #expect(try bench.isClean)
    }

    @Test func `a source that says abort is asked before anything is captured`() async throws {
        let bench = try Bench()
        var second = ScriptedSource("db")
        second.spec.onFailure = .abort
        second.preflightFailure = .unmounted(path: "/srv")
        let run = await bench.backup([ScriptedSource("web"), second])
        #expect(run.outcome == .failed)
        #expect(bench.repository.calls.isEmpty)
    }

    @Test func `when all fail there is no manifest, and the first failure decides the exit code`() async throws {
        let bench = try Bench()
        let run = await bench.backup([
            failing("db", .unreachable("the server", detail: "refused", hint: nil)), failing("web"),
        ])
        #expect(run.outcome == .failed)
        #expect(bench.manifests.isEmpty)
        #expect(run.failures.contains { $0.kind == .serverUnreachable })
        #expect(run.exitStatus(strict: false) == .missing)
    }

    @Test func `no repository is made for a run that can capture nothing`() async throws {
        let bench = try Bench()
        var source = ScriptedSource("db")
        source.preflightFailure = .empty("/srv", hint: nil)
        let run = await bench.backup([source])
        #expect(run.outcome == .failed)
        #expect(bench.repository.calls.isEmpty)
        #expect(await bench.backup([]).says("has no sources"))
    }

    @Test(arguments: [
        (PartCondition.clean, Outcome.succeeded), (.tolerated, .succeeded), (.partial, .partial), (.damaged, .failed),
    ])
    func `the condition of a part decides`(condition: PartCondition, outcome: Outcome) async throws {
        let bench = try Bench()
        let source = ScriptedSource("db") { _, store throws(SourceError) in
            [try await ScriptedSource.part("/data", store, condition: condition)]
        }
        let run = await bench.backup([source])
        #expect(run.outcome == outcome)
        #expect(run.step(.capture)?.outcome == outcome)
        #expect(try bench.manifest()?.parts.first?.condition == condition)
        #expect(run.failures.isEmpty == (condition != .damaged))
    }

    @Test func `what a profile expects is held against the snapshot`() async throws {
        let bench = try Bench()
        var source = ScriptedSource("db")
        source.spec.expectations.contains = ["data"]
        source.spec.expectations.minimumFiles = 1
        #expect(await bench.backup([source]).outcome == .succeeded)
        source.spec.expectations.contains = ["secrets.env"]
        let run = await bench.backup([source, ScriptedSource("web")])
        #expect(run.outcome == .failed)
        #expect(run.says("secrets.env"))
        #expect(try bench.manifest()?.void.count == 1)
        source.spec.expectations = SourceSpec.Expectations()
        source.spec.expectations.minimumFiles = 2
        #expect(await bench.backup([source]).says("min-files"))
        source.spec.expectations.minimumFiles = nil
        source.spec.expectations.minimumBytes = 1_000_000
        #expect(await bench.backup([source]).says("min-bytes"))
    }

    @Test func `parts never count when the manifest could not be stored`() async throws {
        let bench = try Bench()
        bench.repository.change { $0.failures[.storeManifest] = .full(location: "/b", detail: "no space", free: 0) }
        let run = await bench.backup()
        #expect(run.outcome == .failed)
        #expect(run.exitStatus(strict: false) == .destinationFull)
        #expect(run.says("nothing of this run counts"))
        #expect(!run.isCommitted)
        let list = try await PointList(bench.engine()).load(loadingManifests: true)
        #expect(list.points.isEmpty)
        #expect(list.incomplete.map(\.id) == bench.parts.map(\.id))
    }

    @Test func `a history that fills up at the end fails the run`() async throws {
        let bench = try Bench()
        let run = await bench.backup(failpoint: { step in
            if step == .finish { bench.store.fail(with: .full(path: "/state", reason: "no space")) }
        })
        #expect(run.outcome == .failed)
        #expect(run.exitStatus(strict: false) == .destinationFull)
        #expect(bench.locks.isEmpty)
    }

    @Test func `a run without private room fails before it looks at a source`() async throws {
        let bench = try Bench()
        bench.journal.fail(with: nil)
        bench.scratch.fail(with: ScratchError(path: "/scratch", reason: "read-only"))
        let run = await bench.backup()
        #expect(run.outcome == .failed)
        #expect(run.gaps.isEmpty)
        #expect(bench.repository.calls.isEmpty)
    }

    @Test func `what cannot be given back is in the record that is kept`() async throws {
        let bench = try Bench()
        let run = await bench.backup(failpoint: { step in
            if step == .release { bench.scratch.fail(with: ScratchError(path: "/scratch", reason: "busy")) }
        })
        #expect(run.outcome == .succeeded)
        #expect(try bench.store.run(run.id)?.says("left for the next run to sweep") == true)
        #expect(bench.locks.isEmpty)
    }

    @Test func `a source that is not in the profile is a mistake in the command`() async throws {
        let bench = try Bench()
        let run = await bench.backup { $0.sources = ["dbx"] }
        #expect(run.exitStatus(strict: false) == .usage)
        #expect(bench.repository.calls.isEmpty)
    }

    @Test func `snapshots are remembered with the offset that the tool records`() async throws {
        let bench = try Bench()
        var engine = bench.engine()
        engine.timeZone = TimeZone(secondsFromGMT: 7200) ?? .gmt
        _ = await BackupRun(engine, BackupRequest()).run()
        let known = try bench.store.snapshots(of: MemoryRepository.identity.id)
        #expect(known.map(\.utcOffset) == [7200, 7200])
    }

    @Test func `a source may be called as the manifest's file is`() async throws {
        let bench = try Bench()
        #expect(await bench.backup([ScriptedSource("manifest.json")]).outcome == .succeeded)
    }

    @Test func `a repository inside a source is told of, and goes on`() async throws {
        let bench = try Bench()
        var source = ScriptedSource("home")
        source.preview.paths = ["/backups"]
        let run = await bench.backup([source])
        #expect(run.outcome == .succeeded && run.says("lies inside this source"))
        source.preview.paths = ["/backups2", "/srv"]
        #expect(await !bench.backup([source]).says("lies inside this source"))
    }

    @Test func `a repository on the disk of a source is refused where the profile says so`() async throws {
        let bench = try Bench(repositoryEntry: ["other-device-than-sources": true])
        var source = ScriptedSource("web")
        source.preview.paths = ["/srv/www"]
        #expect(await bench.backup([source]).says("same disk"))
        #expect(bench.repository.calls.isEmpty)
        bench.host.change {
            $0.mounts.append(MountPoint(path: "/backups", device: 2, fileSystem: "ext4", isReadOnly: false))
        }
        #expect(await bench.backup([source]).outcome == .succeeded)
    }
}

extension ProfileSettings {
    static var oneAtATime: ProfileSettings {
        var settings = ProfileSettings()
        settings.parallelSources = 1
        return settings
    }
}

extension SourceName: ExpressibleByStringLiteral {
    package init(stringLiteral value: String) { self.init(unchecked: value) }
}
