import BackupModel
import Foundation
import GRDB
import RunHistory
import TestSupport
import Testing

@Suite struct `The history on disk` {
    let folder: ScratchFolder
    let state: String
    let path: String
    init() throws {
        folder = try ScratchFolder("sqlite")
        state = folder["state"]
        path = state + "/history.sqlite"
    }

    private func filledAndClosed() throws {
        let store = try SQLiteRunStore(folder: state)
        for number in 0..<50 { try store.begin(Samples.fullRun(number)) }
        try store.replaceSnapshots(of: "a", with: (0..<50).map(Samples.snapshot))
    }

    private func damaged() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: state).filter { $0.hasPrefix("history.sqlite.damaged-") }
            .sorted()
    }

    @Test func `is there again when it is opened again, and was not made anew`() throws {
        try filledAndClosed()
        let store = try SQLiteRunStore(folder: state)
        #expect(try store.runs(RunQuery(limit: 100)).count == 50)
        #expect(!store.wasRecreated)
        #expect(store.recreatedAt == nil)
    }

    @Test func `has every commit on disk before it says so`() throws {
        let store = try SQLiteRunStore(folder: state)
        try store.begin(Samples.run(1))
        // A copy of the files at this instant is what a power cut would leave.
        for suffix in ["", "-wal"] {
            try FileManager.default.createDirectory(
                atPath: folder["copy"], withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            try FileManager.default.copyItem(
                atPath: path + suffix, toPath: folder["copy/history.sqlite"] + suffix)
        }
        let copy = try SQLiteRunStore(folder: folder["copy"])
        #expect(try copy.run(Samples.run(1).id) == Samples.run(1))
        #expect(!copy.wasRecreated)
        let pragmas = try store.pragmas()
        #expect(pragmas == ["synchronous": "2", "journal_mode": "wal", "foreign_keys": "1"])
    }

    @Test func `is read while a writer is in the middle of its work, and written while a reader is`() throws {
        let first = try SQLiteRunStore(folder: state, busyTimeout: 0.2)
        try first.begin(Samples.run(1))
        let other = try DatabaseQueue(path: path)
        try other.writeWithoutTransaction { database in
            try database.execute(sql: "BEGIN IMMEDIATE")
            let reader = try SQLiteRunStore(folder: state, busyTimeout: 0.2)
            #expect(try reader.runs(RunQuery()).count == 1)
            try database.execute(sql: "ROLLBACK; BEGIN; SELECT * FROM runs")
            _ = try Row.fetchAll(database, sql: "SELECT * FROM runs")
            try first.begin(Samples.run(2))
            try database.execute(sql: "COMMIT")
        }
        #expect(try first.runs(RunQuery()).count == 2)
    }

    @Test(arguments: ["header", "page", "nothing left", "text"])
    func `is set aside when damaged, and begun anew`(_ damage: String) throws {
        try filledAndClosed()
        switch damage {
        case "text": try folder.write(String(repeating: "this is no database ", count: 300), to: "state/history.sqlite")
        case "nothing left": try folder.write(Data([1, 2, 3]), to: "state/history.sqlite")
        default:
            let handle = try #require(FileHandle(forUpdatingAtPath: path))
            try handle.seek(toOffset: damage == "header" ? 0 : 3 * 4096)
            try handle.write(contentsOf: [UInt8](repeating: 0xA5, count: damage == "header" ? 100 : 40_000))
            try handle.close()
        }
        let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        let now = Date(timeIntervalSince1970: 1_795_228_200)
        let store = try SQLiteRunStore(folder: state, now: now)
        #expect(store.wasRecreated)
        #expect(store.recreatedAt == now)
        #expect(try store.runs(RunQuery()).isEmpty)
        try store.begin(Samples.run(1))
        #expect(try damaged() == ["history.sqlite.damaged-20261121T023000Z"])
        #expect(try Data(contentsOf: URL(fileURLWithPath: "\(state)/\(damaged()[0])")) == bytes)
    }

    @Test func `keeps what a mirror has and its generations apart by place`() throws {
        let start = Date(timeIntervalSince1970: 1_795_228_200.5)
        let old = MirrorGeneration(
            name: "g-20261121", started: start, completed: start + 60, closed: start + 90, proven: start + 100)
        let new = MirrorGeneration(name: "g-20261121-2", started: start + 80)
        let store = try SQLiteRunStore(folder: state)
        try store.save([new, old], at: "there")
        try store.enter(
            ["config": MirroredFile(digest: "a", bytes: 3), "b": .init(digest: "b", bytes: 4)], at: "there/g")
        let size = try store.mirroredSize(at: "there/g")
        #expect(size.files == 2 && size.bytes == 7)
        let again = try SQLiteRunStore(folder: state)
        #expect(try again.generations(at: "there") == [old, new])
        #expect(try again.generations(at: "elsewhere").isEmpty && again.mirrored(at: "there").isEmpty)
        try again.removeGeneration(new.name, at: "there")
        try again.dropMirrored(at: "there/g")
        #expect(try again.generations(at: "there") == [old] && again.mirrored(at: "there/g").isEmpty)
        #expect(try again.mirroredSize(at: "there/g").bytes == 0)
    }

    @Test func `asks to be rebuilt until a repository was listed, and tells for good when it was lost`() throws {
        try filledAndClosed()
        try folder.write("no database at all, not one bit", to: "state/history.sqlite")
        let now = Date(timeIntervalSince1970: 1_795_228_200)
        #expect(try SQLiteRunStore(folder: state, now: now).wasRecreated)
        let again = try SQLiteRunStore(folder: state)
        #expect(again.wasRecreated)
        try again.replaceSnapshots(of: "a", with: [])
        let last = try SQLiteRunStore(folder: state)
        #expect(!last.wasRecreated)
        #expect(last.recreatedAt == now)
    }

    @Test func `knows that it was deleted from a folder that was in use`() throws {
        #expect(try !SQLiteRunStore(folder: state).wasRecreated)
        try FilePins(folder: state).save(
            Samples.pin("one"), profile: Samples.profile, repository: RepositoryName(unchecked: "local"))
        for suffix in ["", "-wal", "-shm"] where FileManager.default.fileExists(atPath: path + suffix) {
            try FileManager.default.removeItem(atPath: path + suffix)
        }
        #expect(try SQLiteRunStore(folder: state).wasRecreated)
    }

    @Test func `keeps a stray log of a deleted history out of the new one`() throws {
        let store = try SQLiteRunStore(folder: state)
        try store.begin(Samples.run(1))
        try FileManager.default.removeItem(atPath: path)
        let new = try SQLiteRunStore(folder: state)
        #expect(try new.runs(RunQuery()).isEmpty)
        #expect(try damaged().contains { $0.hasSuffix("-wal") })
    }

    @Test func `refuses a newer schema and writes nothing`() throws {
        try filledAndClosed()
        try DatabaseQueue(path: path).write { database in
            try database.execute(sql: "INSERT INTO grdb_migrations VALUES ('99: from the future')")
        }
        let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        let error = try #require(throws: StoreError.self) { _ = try SQLiteRunStore(folder: state) }
        guard case .newer(path) = error else { throw Failure("\(error)") }
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == bytes)
        #expect(try damaged() == [])
    }

    @Test func `shows a run whose record is illegible by its columns, beside the others`() throws {
        let store = try SQLiteRunStore(folder: state)
        try store.begin(Samples.run(1))
        try store.begin(Samples.run(2))
        try DatabaseQueue(path: path).write { database in
            try database.execute(
                sql: "UPDATE runs SET record = '{\"id\":' WHERE id = ?", arguments: [Samples.run(1).id.rawValue])
        }
        let found = try store.unfinished(profile: Samples.profile)
        #expect(found.map(\.id) == [Samples.run(1).id, Samples.run(2).id])
        #expect(found[0].process == Samples.run(1).process)
        #expect(found[0].notices.count == 1)
    }

    @Test func `is refused through a link, and where others may write to it`() throws {
        try filledAndClosed()
        try FileManager.default.moveItem(atPath: path, toPath: folder["elsewhere"])
        try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: folder["elsewhere"])
        #expect(throws: StoreError.self) { _ = try SQLiteRunStore(folder: state) }
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.moveItem(atPath: folder["elsewhere"], toPath: path)
        chmod(path, 0o666)
        #expect(throws: StoreError.self) { _ = try SQLiteRunStore(folder: state) }
        #expect(try damaged() == [])
    }

    @Test func `is opened by many at once although it is damaged, and set aside once`() async throws {
        try filledAndClosed()
        try folder.write("no database at all, not one bit", to: "state/history.sqlite")
        let state = state
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<6 {
                group.addTask { try SQLiteRunStore(folder: state).begin(Samples.run(number)) }
            }
            try await group.waitForAll()
        }
        #expect(try SQLiteRunStore(folder: state).runs(RunQuery()).count == 6)
        #expect(try damaged().count == 1)
    }

    @Test func `opened twice in one program, it keeps its log when another program closes it`() throws {
        let store = try SQLiteRunStore(folder: state)
        try store.begin(Samples.run(1))
        _ = try SQLiteRunStore(folder: state).runs(RunQuery())
        let reader = try TestProcess(
            ["/usr/bin/env", "sqlite3", folder["state/history.sqlite"], "SELECT count(*) FROM runs"],
            output: folder["out"])
        #expect(reader.wait() == .exited(0))
        #expect(try String(contentsOfFile: folder["out"], encoding: .utf8) == "1\n")
        #expect(FileManager.default.fileExists(atPath: folder["state/history.sqlite-wal"]))
        try store.begin(Samples.run(2))
        #expect(try SQLiteRunStore(folder: state).runs(RunQuery()).count == 2)
    }

    @Test func `lists five thousand snapshots quickly`() throws {
        let store = try SQLiteRunStore(folder: state)
        try store.replaceSnapshots(of: "a", with: (0..<5000).map(Samples.snapshot))
        var count = 0
        let took = try ContinuousClock().measure { count = try store.snapshots(of: "a").count }
        #expect(count == 5000)
        #expect(took < .seconds(3), "a debug build on a busy machine; a release takes about a tenth")
    }
}
