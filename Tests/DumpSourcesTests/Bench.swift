import BackupModel
import DumpSources
import Foundation
import HostSystem
import Synchronization
import TestSupport
import Tools

/// Everything a source needs, on the real machine, with a repository that is a folder of files.
final class Bench: Sendable {
    let folder: ScratchFolder
    let runner: SupervisedRunner
    let services: Services
    let store: FolderStore
    let context: CaptureContext
    let notices = Notices()
    let readings = Readings()

    init(path: String? = nil, host: any HostFacts = LocalHost()) throws {
        folder = try ScratchFolder("sources")
        runner = try SupervisedRunner(path: path)
        services = Services(
            runner: runner, secrets: SecretResolver(runner: runner), host: host, clock: SystemClock(),
            settings: ProfileSettings(), program: FakeTool.buildProducts + "/holdfast")
        for name in ["stored", "scratch"] {
            try FileManager.default.createDirectory(
                atPath: folder[name], withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        }
        store = FolderStore(folder: folder["stored"], runner: runner)
        let notices = notices
        context = CaptureContext(
            run: RunID(startedAt: Date(), entropy: UInt32.random(in: 0...0xff_ffff)), scratch: folder["scratch"],
            notice: { notices.add($0) })
    }

    func source(_ kind: String, _ settings: ConfigValue, tolerating patterns: [String] = []) throws -> any DumpSource {
        let place = SourceLocation(file: folder["profile.yaml"], line: 1, column: 1)
        let entry = ConfigValue(.map([.init(key: kind, keyLocation: place, value: settings)]), at: place)
        let spec = SourceSpec(
            name: SourceName(unchecked: "it"), kind: kind, entry: entry, toleratedUnreadable: patterns,
            environment: ["CANARY": "s3cr:et\\pw"])
        return try DumpSourceRegistry.make(spec, services)
    }

    func capture(
        _ source: any DumpSource, keptAside: [String] = [], _ change: (inout CaptureContext) -> Void = { _ in }
    ) async throws(SourceError) -> [PartReport] {
        let store = store
        var context = context
        context.keptAside = keptAside
        change(&context)
        return try await source.capture(context) { (part) throws(RepositoryError) in try await store.store(part) }
    }

    /// Restores a captured part into a new folder, or a database.
    func restore(
        _ report: PartReport, with source: any DumpSource, into directory: String? = nil, database: String? = nil,
        changing change: (inout ManifestPart) -> Void = { _ in }
    ) async throws(SourceError) -> RestoreReport {
        var part = ManifestPart(
            source: source.spec.name, sourceKind: source.spec.kind, part: report.path, snapshot: report.stored.snapshot,
            capturedAt: report.stored.time, condition: report.condition, bytes: report.stored.bytes,
            files: report.stored.files, facts: report.facts, restoreNotes: report.restoreNotes)
        change(&part)
        return try await source.restore(
            RestoreRequest(
                part: part, reader: FolderReader(snapshot: part.snapshot, file: store.file(part.part)),
                directory: directory ?? folder["restored"], database: database), context)
    }

    /// Proves a captured part as a drill does.
    func prove(
        _ report: PartReport, with source: any DumpSource, asking assertions: [SourceDrill.Assertion] = [],
        sample: Int = 50, changing change: (inout ManifestPart) -> Void = { _ in },
        whileServed: @escaping @Sendable ([String: String]) async throws -> Void = { _ in }
    ) async throws(SourceError) -> ProofReport {
        var part = ManifestPart(
            source: source.spec.name, sourceKind: source.spec.kind, part: report.path, snapshot: report.stored.snapshot,
            capturedAt: report.stored.time, condition: report.condition, bytes: report.stored.bytes,
            files: report.stored.files, facts: report.facts, restoreNotes: report.restoreNotes)
        change(&part)
        let folder = folder
        let request = ProofRequest(
            restore: RestoreRequest(
                part: part,
                reader: FolderReader(
                    snapshot: part.snapshot, file: store.file(part.part), readings: readings),
                directory: folder["proof-\(UInt32.random(in: 0...UInt32.max))"]), assertions: assertions, sample: sample
        ) { () throws(SourceError) in
            let path = folder["open"]
            do {
                try FileManager.default.createDirectory(
                    atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o711])
                try FileManager.default.setAttributes([.posixPermissions: 0o711], ofItemAtPath: folder.path)
            } catch { throw .unreadable(path, reason: "\(error)") }
            return path
        } whileServed: {
            try await whileServed($0)
        }
        return try await source.prove(request, context)
    }

    var scratchContent: [String] { (try? FileManager.default.contentsOfDirectory(atPath: folder["scratch"])) ?? ["?"] }
}

final class Notices: Sendable {
    private let texts = Mutex<[String]>([])
    func add(_ text: String) { texts.withLock { $0.append(text) } }
    var all: [String] { texts.withLock { $0 } }
}

/// Stores each part as one file; of a file selection, the selection is kept.
final class FolderStore: Sendable {
    let folder: String
    private let runner: any ToolRunner
    private let seen = Mutex<[CapturedPart]>([])
    /// Called with each part before it is stored.
    let before = Mutex<@Sendable (CapturedPart) async -> Void>({ _ in })
    let unreadable = Mutex<[UnreadableItem]>([])
    /// How long the consumer of a stream waits before it reads anything.
    let delay = Mutex(0)

    init(folder: String, runner: any ToolRunner) {
        self.folder = folder
        self.runner = runner
    }

    var parts: [CapturedPart] { seen.withLock { $0 } }
    var selection: FileSelection? {
        parts.compactMap { if case .files(let selection) = $0.content { selection } else { nil } }.last
    }
    func file(_ path: PartPath) -> String { folder + "/" + path.rawValue.replacingOccurrences(of: "/", with: "_") }

    func store(_ part: CapturedPart) async throws(RepositoryError) -> StoredPart {
        seen.withLock { $0.append(part) }
        let before = before.withLock { $0 }
        await before(part)
        let target = file(part.path)
        switch part.content {
        case .files, .sealed: break
        case .file(let path):
            do { try Data(contentsOf: URL(fileURLWithPath: path)).write(to: URL(fileURLWithPath: target)) } catch {
                throw .sourceUnreadable(detail: "\(error)")
            }
        case .stream(let command): try await stream(part.stages(of: command), to: target)
        }
        let size = (try? FileManager.default.attributesOfItem(atPath: target)[.size] as? NSNumber)?.int64Value ?? 0
        let items = unreadable.withLock { $0 }
        return StoredPart(
            snapshot: SnapshotID(rawValue: String(repeating: "a", count: 64)), time: Date(), bytes: ByteCount(size),
            files: 1,
            unreadable: items, unreadableCount: items.count)
    }

    private func stream(_ stages: [ToolCommand], to target: String) async throws(RepositoryError) {
        let result: PipelineResult
        let wait = delay.withLock { String($0) }
        do {
            result = try await runner.pipeline(
                stages + [
                    ToolCommand("sh", ["-c", "sleep $2; exec dd of=\"$1\" bs=1M status=none", "sh", target, wait])
                ],
                refusingEmpty: true, reading: nil)
        } catch { throw .tool(error) }
        let producer = result.stages[result.firstFailure.map { min($0, stages.count - 1) } ?? 0]
        let command = producer.command
        if producer.stopped == .cancelled { throw .cancelled }
        if result.wasEmpty { throw .producedNothing(tool: command.program, void: nil) }
        guard result.committed else {
            throw .producerFailed(
                tool: command.program, how: "\(producer.termination) \(producer.stopped.map(\.rawValue) ?? "")",
                detail: producer.errors.text, void: nil)
        }
    }
}

/// How often parts were read.
final class Readings: Sendable {
    let count = Mutex(0)
}

struct FolderReader: PartReader {
    let snapshot: SnapshotID
    let file: String
    var readings = Readings()

    func dump(path: PartPath) async throws(RepositoryError) -> [ToolCommand] {
        readings.count.withLock { $0 += 1 }
        var command = ToolCommand("cat", ["--", file])
        command.whenOrphaned = .leave
        return [command]
    }
    func content(of path: PartPath, limit: ByteCount) async throws(RepositoryError) -> [UInt8] { [] }
    func extract(
        include: [String], into directory: String, exact: Bool,
        progress: @escaping @Sendable (TransferProgress) -> Void
    ) async throws(RepositoryError) -> ExtractReport { ExtractReport(files: 1, bytes: 0) }
    func entries(_ body: @escaping @Sendable (SnapshotEntry) -> Void) async throws(RepositoryError) {}
}

/// `value("path", "/x")` and the like, as a loaded profile would hand them over.
func settings(_ entries: (String, Any)...) -> ConfigValue {
    let place = SourceLocation(file: "/etc/holdfast/test.yaml", line: 1, column: 1)
    func value(_ any: Any) -> ConfigValue {
        switch any {
        case let value as ConfigValue: value
        case let flag as Bool: ConfigValue(.boolean(flag), at: place)
        case let number as Int: ConfigValue(.integer(Int64(number)), at: place)
        case let list as [String]: ConfigValue(.list(list.map { ConfigValue(.string($0), at: place) }), at: place)
        default: ConfigValue(.string("\(any)"), at: place)
        }
    }
    return ConfigValue(
        .map(entries.map { .init(key: $0.0, keyLocation: place, value: value($0.1)) }), at: place)
}

/// Runs a program to its end and returns what it printed.
@discardableResult
func shell(_ script: String, _ arguments: String...) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", script, "sh"] + arguments
    let output = Pipe()
    process.standardOutput = output
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .newlines)
}
