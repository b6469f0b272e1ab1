import BackupModel
import Foundation

/// What a run has taken and must give back: locks and scratch folders.
actor Holdings {
    private let engine: Engine
    private var locks: [(key: LockKey, lock: any HeldLock)] = []
    private var scratchFolder: String?
    private var journaled: String?

    init(engine: Engine) { self.engine = engine }

    /// - Throws: ``RunStop/skipped(_:)`` when somebody else holds it for longer than `wait`.
    func lock(_ key: LockKey, _ mode: LockMode, purpose: String, wait: Duration) async throws {
        if wait > .zero, let holder = engine.locks.holder(of: key) {
            engine.observer.observe(.waiting(for: LockError.held(key, by: holder).description))
        }
        do {
            locks.append((key, try await engine.locks.acquire(key, mode: mode, purpose: purpose, wait: wait)))
        } catch LockError.cancelled {
            throw RunStop.cancelled
        } catch LockError.held(let key, let holder) {
            throw RunStop.skipped(LockError.held(key, by: holder))
        } catch {
            throw RunStop.failed(error)
        }
    }

    /// Gives a shared lock back and takes it alone. When that fails the run holds neither.
    func exchangeForExclusive(_ key: LockKey, purpose: String, wait: Duration) async throws(LockError) {
        if let index = locks.firstIndex(where: { $0.key == key }) { locks.remove(at: index).lock.release() }
        locks.append((key, try await engine.locks.acquire(key, mode: .exclusive, purpose: purpose, wait: wait)))
    }

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

    /// Gives everything back, last taken first. What cannot be given back is said in the record's notices; it never
    /// changes the outcome, for the next run sweeps it.
    func release(_ record: RunRecord) -> RunRecord {
        var record = record
        do {
            if let scratchFolder { try engine.scratch.remove(scratchFolder) }
            if let journaled { try engine.journal.remove(journaled) }
        } catch let error as any OperatorError {
            record.notices.append("left for the next run to sweep: \(error.description)")
        } catch {
            record.notices.append("left for the next run to sweep: \(error)")
        }
        for (_, lock) in locks.reversed() { lock.release() }
        locks = []
        return record
    }
}
