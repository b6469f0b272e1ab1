import BackupModel
import Foundation
import Synchronization
import TestSupport

@testable import BackupEngine

/// An engine with everything in memory, and a hand on each part of it.
final class Bench: Sendable {
    static let profile = RepositoryContents.profile
    static let start = Candidates.date("2026-11-21T02:00:00Z")

    let clock = TestClock(at: Bench.start, movesBySleeping: true)
    let host = FakeHost()
    let store: MemoryRunStore
    let pins = MemoryPins()
    let journal = MemoryJournal()
    let locks: MemoryLocks
    let scratch: MemoryScratch
    let observer = ListeningObserver()
    let repository: MemoryRepository
    let folder: ScratchFolder
    let followers: [MemoryFollower]
    private let counter = Mutex<UInt32>(0)

    init(historyWasLost: Bool = false, repositoryEntry: [String: Bool] = [:], followers: [MemoryFollower] = []) throws {
        self.followers = followers
        let nowhere = SourceLocation(file: "", line: 1, column: 1)
        let entries = repositoryEntry.map { key, value in
            ConfigValue.Entry(key: key, keyLocation: nowhere, value: ConfigValue(.boolean(value), at: nowhere))
        }
        folder = try ScratchFolder("engine")
        store = MemoryRunStore(wasRecreated: historyWasLost)
        locks = MemoryLocks(host: host, clock: clock)
        scratch = MemoryScratch(base: folder.path)
        repository = MemoryRepository(clock: clock, entry: ConfigValue(.map(entries), at: nowhere))
    }

    func engine(
        _ sources: [ScriptedSource] = [ScriptedSource("db")], retention: RetentionPolicy = RetentionPolicy(),
        settings: ProfileSettings = ProfileSettings(), clock: (any HostClock)? = nil,
        failpoint: @escaping @Sendable (RunStep) async -> Void = { _ in }
    ) -> Engine {
        let profile = Profile(
            name: Bench.profile, path: "/etc/home.yaml", digest: "d1", host: RepositoryContents.host,
            sources: sources.map(\.spec), repositories: [repository.spec] + followers.map(\.spec), retention: retention,
            settings: settings,
            ignoredKeys: [], disabled: [])
        return Engine(
            profile: profile, sources: sources, primary: repository, followers: followers, store: store, pins: pins,
            journal: journal,
            locks: locks, scratch: scratch, host: host, clock: clock ?? self.clock, observer: observer, user: "tester",
            restorer: { part in sources.first { $0.spec.name == part.source } ?? ScriptedSource("other") },
            redact: { $0.replacingOccurrences(of: "hunter2", with: "‹redacted›") }, timeZone: .gmt,
            failpoint: failpoint, entropy: { self.nextNumber() })
    }

    private func nextNumber() -> UInt32 {
        counter.withLock { count in
            count += 1
            return count
        }
    }

    /// One backup, an hour of the clock after the last.
    @discardableResult
    func backup(
        _ sources: [ScriptedSource] = [ScriptedSource("db")], retention: RetentionPolicy = RetentionPolicy(),
        settings: ProfileSettings = ProfileSettings(), _ change: (inout BackupRequest) -> Void = { _ in },
        failpoint: @escaping @Sendable (RunStep) async -> Void = { _ in }
    ) async -> RunRecord {
        var request = BackupRequest()
        change(&request)
        let engine = engine(sources, retention: retention, settings: settings, failpoint: failpoint)
        let record = await BackupRun(engine, request).run()
        clock.advance(by: .seconds(3600))
        return record
    }

    /// Nothing is held any more.
    var isClean: Bool {
        get throws { try locks.isEmpty && scratch.existing.isEmpty && journal.entries(profile: Bench.profile).isEmpty }
    }

    var manifests: [Snapshot] { repository.contents.filter { $0.stamp?.content == .manifest } }
    var parts: [Snapshot] { repository.contents.filter { $0.stamp?.content == .part } }

    /// The one manifest there is, or that of the newest run.
    func manifest() throws -> Manifest? {
        guard let newest = manifests.max(by: { $0.time < $1.time }), let bytes = repository.content(of: newest.id)
        else {
            return nil
        }
        return try Manifest(json: bytes)
    }
}

/// Remembers what it was told.
final class ListeningObserver: RunObserver {
    private let heard = Mutex<[RunEvent]>([])
    func observe(_ event: RunEvent) { heard.withLock { $0.append(event) } }
    var events: [RunEvent] { heard.withLock { $0 } }
    var notices: [String] {
        events.compactMap { if case .notice(let text) = $0 { text } else { nil } }
    }
}

extension RunRecord {
    func says(_ text: String) -> Bool {
        notices.contains { $0.contains(text) } || failures.contains { $0.description.contains(text) }
    }
    var kind: FailureKind? { failures.first?.kind }
    func step(_ step: RunStep, _ subject: String? = nil) -> StepRecord? {
        steps.first { $0.step == step && (subject == nil || $0.subject == subject) }
    }
}
