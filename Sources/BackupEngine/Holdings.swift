import BackupModel
import Foundation

/// What a run has taken and must give back: locks and scratch folders.
actor Holdings {
    private let engine: Engine
    private var locks: [(key: LockKey, mode: LockMode, lock: any HeldLock)] = []
    private var scratchFolder: String?
    private var journaled: String?

    init(engine: Engine) { self.engine = engine }

    /// - Throws: ``RunStop/skipped(_:)`` when somebody else holds it for longer than `wait`.
    func lock(_ key: LockKey, _ mode: LockMode, purpose: String, wait: Duration) async throws {
        if wait > .zero, let holder = engine.locks.holder(of: key) {
            engine.observer.observe(.waiting(for: LockError.held(key, by: holder).description))
        }
        do {
            locks.append((key, mode, try await engine.locks.acquire(key, mode: mode, purpose: purpose, wait: wait)))
        } catch LockError.cancelled {
            throw RunStop.cancelled
        } catch LockError.held(let key, let holder) {
            throw RunStop.skipped(LockError.held(key, by: holder))
        } catch {
            throw RunStop.failed(error)
        }
    }

    /// Gives a lock back and takes it in another mode; somebody else may have had it in between. When that fails the run
    /// holds it no more.
    /// - Throws: as ``lock(_:_:purpose:wait:)``.
    func exchange(_ key: LockKey, for mode: LockMode, purpose: String, wait: Duration) async throws {
        if let index = locks.firstIndex(where: { $0.key == key }) {
            if locks[index].mode == mode { return locks[index].lock.update(purpose: purpose) }
            locks.remove(at: index).lock.release()
        }
        try await lock(key, mode, purpose: purpose, wait: wait)
    }

    /// Gives a lock back before the end.
    func unlock(_ key: LockKey) {
        for held in locks where held.key == key { held.lock.release() }
        locks.removeAll { $0.key == key }
    }

    /// Writes beside every lock what the run is doing now, for whoever waits for it.
    func tell(_ purpose: String) {
        for held in locks { held.lock.update(purpose: purpose) }
    }

    func isAlone(with key: LockKey) -> Bool { locks.contains { $0.key == key && $0.mode == .exclusive } }

    /// The run's private folder, made on first use; journaled before, so that the next run removes it should this one be
    /// killed.
    func scratch(for record: RunRecord) async throws -> String {
        if let scratchFolder { return scratchFolder }
        let root = engine.profile.settings.scratch
        let entry = JournalEntry(
            id: "scratch-\(record.id)", run: record.id, profile: record.profile, order: 0, process: record.process,
            action: .removeFolder(engine.scratch.path(for: record.id, root: root)))
        try engine.journal.add(entry)
        journaled = entry.id
        await engine.moment(.scratchJournaled)
        let path = try engine.scratch.create(for: record.id, root: root)
        scratchFolder = path
        return path
    }

    /// A source's own folder below ``scratch(for:)``.
    func scratch(for source: SourceName, in record: RunRecord) async throws -> String {
        let path = try await scratch(for: record) + "/" + source.rawValue
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw ScratchError(path: path, reason: error.localizedDescription)
        }
        return path
    }

    /// Gives everything back, last taken first.
    /// - Returns: what could not be given back, in words. It never changes the outcome, for the next run sweeps it.
    func release() -> [String] {
        var left: [String] = []
        do {
            if let scratchFolder { try engine.scratch.remove(scratchFolder) }
            if let journaled { try engine.journal.remove(journaled) }
        } catch let error as any OperatorError {
            left.append("left for the next run to sweep: \(error.description)")
        } catch {
            left.append("left for the next run to sweep: \(error)")
        }
        for held in locks.reversed() { held.lock.release() }
        locks = []
        return left
    }
}
