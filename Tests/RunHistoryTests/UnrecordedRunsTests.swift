import BackupModel
import Foundation
import GRDB
import RunHistory
import TestSupport
import Testing

@Suite struct `The outcome of a run` {
    let folder: ScratchFolder
    let state: String
    init() throws {
        folder = try ScratchFolder("unrecorded")
        state = folder["state"]
    }

    private func waitingFiles(_ folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasPrefix("unrecorded-") }
    }

    @Test func `survives a history that is locked for good, and is taken in later`() throws {
        let store = try SQLiteRunStore(folder: state, busyTimeout: 0.1)
        try store.begin(Samples.run(1))
        let other = try DatabaseQueue(path: state + "/history.sqlite")
        try other.writeWithoutTransaction { database in
            try database.execute(sql: "BEGIN EXCLUSIVE")
            try store.update(Samples.run(1, outcome: .succeeded))
            #expect(try waitingFiles(state) == ["unrecorded-\(Samples.run(1).id).json"])
            try database.execute(sql: "ROLLBACK")
        }
        let run = try #require(try SQLiteRunStore(folder: state).run(Samples.run(1).id))
        #expect(run.outcome == .succeeded)
        #expect(run.notices.count == 1 && run.notices[0].contains("locked"))
        #expect(try waitingFiles(state) == [])
    }

    @Test func `does not wait in a file any more once the history takes it`() throws {
        let store = try SQLiteRunStore(folder: state, busyTimeout: 0.1)
        let other = try DatabaseQueue(path: state + "/history.sqlite")
        try other.writeWithoutTransaction { database in
            try database.execute(sql: "BEGIN EXCLUSIVE")
            try store.update(Samples.run(1))
            try database.execute(sql: "ROLLBACK")
        }
        #expect(try waitingFiles(state).count == 1)
        try store.update(Samples.run(1, outcome: .succeeded))
        #expect(try waitingFiles(state) == [])
        #expect(try SQLiteRunStore(folder: state).run(Samples.run(1).id) == Samples.run(1, outcome: .succeeded))
    }

    @Test func `survives a history that was deleted meanwhile`() throws {
        let store = try SQLiteRunStore(folder: state)
        try store.begin(Samples.run(1))
        try FileManager.default.removeItem(atPath: state + "/history.sqlite")
        try store.update(Samples.run(1, outcome: .failed))
        #expect(throws: StoreError.self) { try store.begin(Samples.run(2)) }
        #expect(try SQLiteRunStore(folder: state).run(Samples.run(1).id)?.outcome == .failed)
    }

    @Test func `is not made older by a file that outlived it`() throws {
        let store = try SQLiteRunStore(folder: state)
        try store.update(Samples.run(1, outcome: .succeeded))
        try UnrecordedRuns(folders: [state]).write(Samples.run(1))
        let again = try SQLiteRunStore(folder: state)
        #expect(try again.run(Samples.run(1).id) == Samples.run(1, outcome: .succeeded))
        #expect(try waitingFiles(state) == [])
    }

    @Test func `is not hidden by a garbled file beside it`() throws {
        try UnrecordedRuns(folders: [state]).write(Samples.run(1, outcome: .failed))
        try folder.write("{", to: "state/unrecorded-x.json")
        let store = try SQLiteRunStore(folder: state)
        #expect(try store.runs(RunQuery()).map(\.outcome) == [.failed])
        #expect(try waitingFiles(state) == ["unrecorded-x.json.unreadable"])
    }

    @Test(.enabled(if: geteuid() == 0, "mounting needs root"))
    func `survives a full disk, in the folder meant for that`() throws {
        let small = folder["small"]
        let mount = try TemporaryFileSystem(at: small, kibibytes: 512)
        defer { mount.unmount() }
        let store = try SQLiteRunStore(folder: small, fallbackFolder: folder["fallback"], busyTimeout: 0.1)
        try store.begin(Samples.run(1))
        try fill(small)
        var run = Samples.run(1, outcome: .succeeded)
        run.notices = [String(repeating: "x", count: 20_000)]
        try store.update(run)
        #expect(try waitingFiles(small) == [])
        #expect(try waitingFiles(folder["fallback"]).count == 1)
        try FileManager.default.removeItem(atPath: small + "/ballast")
        let again = try SQLiteRunStore(folder: small, fallbackFolder: folder["fallback"])
        #expect(try again.run(run.id)?.outcome == .succeeded)
        #expect(try waitingFiles(folder["fallback"]) == [])
    }

    @Test(.enabled(if: geteuid() == 0, "mounting needs root"))
    func `is an error only when it fits nowhere`() throws {
        let small = folder["small"]
        let mount = try TemporaryFileSystem(at: small, kibibytes: 512)
        defer { mount.unmount() }
        let store = try SQLiteRunStore(folder: small, busyTimeout: 0.1)
        try fill(small)
        var run = Samples.run(1, outcome: .succeeded)
        run.notices = [String(repeating: "x", count: 20_000)]
        let error = try #require(throws: StoreError.self) { try store.update(run) }
        #expect(error.kind == .destinationFull)
        #expect(error.description.contains(small))
    }

    @Test(.enabled(if: geteuid() == 0, "mounting needs root"))
    func `on a read-only disk, opening says what is wrong and where`() throws {
        let small = folder["small"]
        let mount = try TemporaryFileSystem(at: small, kibibytes: 512)
        defer { mount.unmount() }
        _ = try SQLiteRunStore(folder: small)
        try mount.remount(readOnly: true)
        let error = try #require(throws: StoreError.self) { _ = try SQLiteRunStore(folder: small) }
        #expect(error.description.contains(small) && error.description.lowercased().contains("read-only"))
    }

    @Test(.enabled(if: geteuid() == 0, "mounting needs root"))
    func `on a full disk, opening and beginning say so`() throws {
        let small = folder["small"]
        let mount = try TemporaryFileSystem(at: small, kibibytes: 512)
        defer { mount.unmount() }
        try fill(small)
        let opening = try #require(throws: StoreError.self) { _ = try SQLiteRunStore(folder: small) }
        #expect(opening.kind == .destinationFull)
        try FileManager.default.removeItem(atPath: small + "/ballast")
        let store = try SQLiteRunStore(folder: small)
        try fill(small)
        var run = Samples.run(1)
        run.notices = [String(repeating: "x", count: 20_000)]
        let beginning = try #require(throws: StoreError.self) { try store.begin(run) }
        #expect(beginning.kind == .destinationFull)
        try FileManager.default.removeItem(atPath: small + "/ballast")
        try store.begin(run)
    }

    private func fill(_ folder: String) throws {
        let handle = open(folder + "/ballast", O_WRONLY | O_CREAT, 0o600)
        defer { close(handle) }
        let block = [UInt8](repeating: 0, count: 4096)
        while write(handle, block, block.count) > 0 {}
        #expect(errno == ENOSPC)
    }
}
