import BackupModel
import Foundation
import Repositories
import TestSupport
import Testing

/// Each way in which a repository can be unusable is told from the others.
@Suite(.enabled(if: !RealTools.restics.isEmpty, "run scripts/install-tools --tests"))
struct ResticFailureTests {
    @Test(arguments: RealTools.restics)
    func `a wrong password is no damage and no missing repository`(restic: RealTools.Restic) async throws {
        let bench = try TestBench.prepared(restic)
        try bench.scratch.write("wrong", to: "other-password")
        try bench.fillSource()
        let repository = try bench.repository(password: "other-password")
        #expect(await failure { try await repository.inspect(pin: nil) } == .wrongPassword)
        #expect(await failure { try await bench.storeFiles(repository) } == .wrongPassword)
        #expect(try repository.snapshotIDsOnDisk() == [])
    }

    @Test(arguments: RealTools.oldestAndNewest)
    func `lost keys are not taken for a wrong password`(restic: RealTools.Restic) async throws {
        let bench = try TestBench.prepared(restic)
        for key in try bench.files("keys") { try FileManager.default.removeItem(atPath: "\(bench.folder)/\(key)") }
        let repository = try bench.repository()
        #expect(await failure { try await repository.inspect(pin: nil) } == .damaged)
        try bench.fillSource()
        let error = await #expect(throws: RepositoryError.self) { try await bench.storeFiles(repository) }
        guard case .keysMissing = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test(arguments: RealTools.restics)
    func `a repository that vanished is absent`(restic: RealTools.Restic) async throws {
        let bench = try TestBench(restic)
        let repository = try bench.repository()
        #expect(await failure { try await bench.storeFiles(repository) } == .noRepository)
        #expect(await failure { try await repository.snapshots() } == .noRepository)
        #expect(!FileManager.default.fileExists(atPath: bench.folder), "nothing was made by looking")
    }

    @Test func `an empty folder is absent and other things are in the way`() async throws {
        let bench = try TestBench(RealTools.restics[0])
        let repository = try bench.repository()
        try FileManager.default.createDirectory(atPath: bench.folder, withIntermediateDirectories: true)
        #expect(try await repository.inspect(pin: nil) == .absent)
        try bench.scratch.write("mine", to: "repository/letter.txt")
        #expect(try await repository.inspect(pin: nil) == .occupied(by: "letter.txt"))
        let error = await #expect(throws: RepositoryError.self) { try await repository.create() }
        guard case .occupied = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(repository.toolStarts == 0)
        #expect(try FileManager.default.contentsOfDirectory(atPath: bench.folder) == ["letter.txt"])
    }

    @Test func `a repository is never made over one that is there`() async throws {
        let bench = try TestBench.prepared(RealTools.restics[0])
        let before = try bench.files("keys")
        await #expect(throws: RepositoryError.self) { try await bench.repository().create() }
        #expect(try bench.files("keys") == before)
    }

    @Test(arguments: RealTools.oldestAndNewest)
    func `a lost or empty configuration is damage`(restic: RealTools.Restic) async throws {
        let bench = try TestBench.prepared(restic)
        try bench.fillSource()
        let repository = try bench.repository()
        _ = try await bench.storeFiles(repository)
        try bench.damage("config") { $0 = Data() }
        #expect(await failure { try await repository.inspect(pin: nil) } == .damaged)
        try FileManager.default.removeItem(atPath: bench.folder + "/config")
        #expect(await failure { try await repository.inspect(pin: nil) } == .damaged)
    }

    @Test(arguments: RealTools.restics)
    func `an index that has lost its way is damage and no unreadable source`(restic: RealTools.Restic) async throws {
        let bench = try TestBench.prepared(restic)
        try bench.fillSource()
        let repository = try bench.repository()
        _ = try await bench.storeFiles(repository)
        for index in try bench.files("index") {
            try FileManager.default.removeItem(atPath: "\(bench.folder)/\(index)")
        }
        try FileManager.default.removeItem(atPath: bench.scratch["cache"])
        // The version is remembered in there as well; the cache goes with it.
        #expect(await failure { try await bench.storeFiles(try bench.repository()) } == .damaged)
    }

    @Test func `another repository in the same place is seen by its id`() async throws {
        let bench = try TestBench.prepared(RealTools.restics[0])
        let repository = try bench.repository()
        guard case .present(let first) = try await repository.inspect(pin: nil) else {
            Issue.record("not there")
            return
        }
        try FileManager.default.removeItem(atPath: bench.folder)
        let other = try await repository.create()
        let pin = RepositoryPin(location: repository.location, identity: first, pinnedAt: Date())
        #expect(try await repository.inspect(pin: pin) == .present(other))
        #expect(other.id != first.id)
    }

    @Test func `a key that was added is seen`() async throws {
        let bench = try TestBench.prepared(RealTools.restics[0])
        let repository = try bench.repository()
        guard case .present(let first) = try await repository.inspect(pin: nil) else {
            Issue.record("not there")
            return
        }
        let key = try #require(try bench.files("keys").first)
        let name = String(repeating: "a", count: 64)
        try FileManager.default.copyItem(
            atPath: "\(bench.folder)/\(key)", toPath: "\(bench.folder)/keys/\(name)")
        let pin = RepositoryPin(location: repository.location, identity: first, pinnedAt: Date())
        guard case .present(let found) = try await repository.inspect(pin: pin) else {
            Issue.record("not there")
            return
        }
        #expect(found.keyIDs.contains(name))
        #expect(found != first)
    }

    @Test(.enabled(if: geteuid() == 0, "needs root to mount a small disk"), arguments: RealTools.restics)
    func `a full disk is told with the room that is left, and what was there stays`(
        restic: RealTools.Restic
    ) async throws {
        let bench = try TestBench.prepared(restic)
        try await SmallDisk.mounted(at: bench.scratch["disk"], megabytes: 8) { disk in
            try FileManager.default.copyItem(atPath: bench.folder, toPath: disk.path + "/r")
            let repository = try bench.repository(at: disk.path + "/r")
            try bench.scratch.write("small", to: "source/small.txt")
            let first = try await bench.storeFiles(repository)
            try bench.scratch.write(bench.noise(20_000_000), to: "source/large.bin")
            let error = await #expect(throws: RepositoryError.self) { try await bench.storeFiles(repository) }
            guard case .full(let location, _, let free) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(location == disk.path + "/r")
            #expect(free == 42)
            #expect(try repository.snapshotIDsOnDisk() == [first.snapshot])
            #expect(try await repository.verify(.structure) { _ in }.isSound)
        }
    }

    @Test(.enabled(if: geteuid() == 0, "needs root to mount a disk read-only"), arguments: RealTools.restics)
    func `a read-only disk is told before anything starts and can be restored from`(
        restic: RealTools.Restic
    ) async throws {
        let bench = try TestBench.prepared(restic)
        try bench.fillSource()
        let snapshot = try await bench.storeFiles(try bench.repository()).snapshot
        try await SmallDisk.mounted(at: bench.scratch["disk"], megabytes: 16) { disk in
            try FileManager.default.copyItem(atPath: bench.folder, toPath: disk.path + "/r")
            try await disk.makeReadOnly()
            let repository = try bench.repository(at: disk.path + "/r")
            #expect(await failure { try await bench.storeFiles(repository) } == .destinationReadOnly)
            #expect(repository.toolStarts == 0)
            #expect(try await repository.snapshots().map(\.id) == [snapshot])
            let report = try await repository.reader(for: snapshot)
                .extract(include: [], into: bench.scratch["out"], exact: false) { _ in }
            #expect(report == ExtractReport(files: 4, bytes: 300_014))
            // What would lock is told at once, and not after the 15 minutes that restic tries to.
            #expect(try await repository.verify(.allData) { _ in }.isSound)
            for dryRun in [false, true] {
                #expect(await failure { try await repository.prune(dryRun: dryRun) } == .destinationReadOnly)
            }
            #expect(await failure { try await repository.forget([snapshot]) } == .destinationReadOnly)
        }
    }

    @Test(.enabled(if: geteuid() == 0, "needs root to mount a disk"))
    func `a disk that is not mounted is told from an empty one`() async throws {
        let bench = try TestBench(RealTools.restics[0])
        let place = bench.scratch["disk"]
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        let repository = try bench.repository(at: place + "/r", ["must-be-mounted": .string(place)])
        for attempt in [
            { _ = try await repository.inspect(pin: nil) }, { _ = try await repository.create() },
            { _ = try await bench.storeFiles(repository) },
        ] {
            let error = await #expect(throws: RepositoryError.self) { try await attempt() }
            guard case .misplaced = error else {
                Issue.record("\(String(describing: error))")
                return
            }
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: place).isEmpty)
        try await SmallDisk.mounted(at: place, megabytes: 4) { _ in
            let state = try await repository.inspect(pin: nil)
            #expect(state == .absent)
        }
    }

    @Test func `a repository on the disk that it backs up is refused where that matters`() async throws {
        let bench = try TestBench.prepared(RealTools.restics[0])
        try bench.fillSource()
        let repository = try bench.repository(["other-device-than-sources": .boolean(true)])
        let error = await #expect(throws: RepositoryError.self) { try await bench.storeFiles(repository) }
        guard case .misplaced = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func `a password is generated only when a repository is made`() async throws {
        let bench = try TestBench(RealTools.restics[0])
        let repository = try bench.repository(password: "new-password", ["generate": .boolean(true)])
        #expect(try await repository.inspect(pin: nil) == .absent)
        #expect(!FileManager.default.fileExists(atPath: bench.scratch["new-password"]))
        _ = try await repository.create()
        #expect(FileManager.default.fileExists(atPath: bench.scratch["new-password"]))
        try FileManager.default.removeItem(atPath: bench.scratch["new-password"])
        #expect(
            await failure {
                try await bench.repository(password: "new-password", ["generate": .boolean(true)]).inspect(pin: nil)
            } == .badProfile)
        #expect(!FileManager.default.fileExists(atPath: bench.scratch["new-password"]))
    }

    @Test(.enabled(if: RestServer.program != nil, "restic-rest-server is not installed"))
    func `a password is generated for a repository on a server, unless one is there already`() async throws {
        let server = try RestServer()
        let bench = try TestBench(try #require(RealTools.restics.last))
        func repository(_ password: String) throws -> ResticRepository {
            let place = SourceLocation(file: "", line: 1, column: 1)
            let variables = try server.environment.map { name, value in
                let file = try bench.scratch.write(value, to: name, mode: 0o600)
                let text = name.hasSuffix("USERNAME") ? value : "file:" + file
                return ConfigValue.Entry(key: name, keyLocation: place, value: ConfigValue(.string(text), at: place))
            }
            return try bench.repository(
                at: server.address("new"), password: password,
                ["generate": .boolean(true), "environment": .map(variables)])
        }
        let new = try repository("new-password")
        #expect(try await new.inspect(pin: nil) == .absent, "without a password nobody can look")
        #expect(!FileManager.default.fileExists(atPath: bench.scratch["new-password"]))
        let made = try await new.create()
        #expect(new.newPasswordFile == bench.scratch["new-password"])
        #expect(try await new.inspect(pin: nil) == .present(made))
        // Whose password was lost is not taken for one that is yet to be made, and nothing is made in its place.
        let lost = try repository("lost")
        let pin = RepositoryPin(location: lost.location, identity: made, pinnedAt: Date())
        #expect(await failure { try await lost.inspect(pin: pin) } == .badProfile)
        #expect(await failure { try await lost.create() } == .wrongPassword)
        #expect(!FileManager.default.fileExists(atPath: bench.scratch["lost"]) && lost.newPasswordFile == nil)
        #expect(try await new.inspect(pin: nil) == .present(made))
    }

    @Test func `a program that is not there is named`() async throws {
        let bench = try TestBench.prepared(RealTools.restics[0])
        let repository = try bench.repository(["program": .string("/nowhere/restic")])
        #expect(await failure { try await repository.snapshots() } == nil, "an empty repository is not asked")
        #expect(await failure { try await repository.toolVersion() } == .toolMissing)
    }

    /// The kind of what an attempt throws; `nil` when it does not.
    private func failure(_ attempt: () async throws -> some Any) async -> FailureKind? {
        do {
            _ = try await attempt()
            return nil
        } catch {
            return (error as? any OperatorError)?.kind
        }
    }
}
