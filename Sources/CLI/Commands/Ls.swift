import ArgumentParser
import BackupEngine
import BackupModel
import Foundation
import Synchronization

/// `holdfast ls`
struct Ls: OperatorCommand {
    static let configuration = CommandConfiguration(
        abstract: "List the files of a restore point.",
        usage: "holdfast ls [<point>] [<source> ...] [--long] [<options>]",
        discussion: "Example: holdfast ls latest uploads")

    @Argument(help: "latest, a run or snapshot id, or a time.")
    var point: String = "latest"

    @Argument(help: "Only these sources.")
    var sources: [String] = []

    @Flag(name: .shortAndLong, help: "Also type, size and time.")
    var long = false

    @OptionGroup var key: IdentityOption

    @OptionGroup var place: OffsiteOptions

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> ExitStatus {
        let live = try place.live(global, console, identity: key.path)
        let engine = try await live.engine(place)
        let list = try await PointList(engine).load(loadingManifests: true)
        let chosen = try list.restorePoints.resolve(point, now: Date(), timeZone: .current)
        let parts = chosen.entries.map(\.part).filter { sources.isEmpty || sources.contains($0.source.rawValue) }
        if let unknown = sources.first(where: { name in !parts.contains { $0.source.rawValue == name } }) {
            throw Failure(
                "restore point \(chosen.run) has nothing of source \(unknown)",
                hint: "it has: "
                    + Set(chosen.entries.map(\.part.source)).sorted().map(\.rawValue).joined(separator: ", "),
                kind: .notFound)
        }
        for part in parts {
            // On standard error: the paths alone are the result.
            if parts.count > 1 { console.say("\(Console.harmless(part.title)) (snapshot \(part.snapshot)):") }
            let writer = EntryWriter(source: part.source, json: console.isJSON, long: long)
            try await engine.primary.reader(for: part.snapshot).entries { writer.write($0) }
            writer.flush()
        }
        return .success
    }
}

/// Writes entries as they come, in blocks, so that a long list costs little.
private final class EntryWriter: Sendable {
    private let buffer = Mutex<[UInt8]>([])
    private let source: SourceName
    private let json: Bool
    private let long: Bool

    init(source: SourceName, json: Bool, long: Bool) {
        self.source = source
        self.json = json
        self.long = long
    }

    func write(_ entry: SnapshotEntry) {
        buffer.withLock { bytes in
            if json {
                let object = JSONValue.object([
                    ("source", .string(source.rawValue)), ("path", .string(entry.path)),
                    ("type", .string(entry.type.rawValue)),
                    ("size", .integer(entry.size)), ("modified", .string(entry.modified)),
                ])
                bytes.append(contentsOf: object.text().utf8)
            } else {
                if long {
                    let size = String(entry.size)
                    let padding = String(repeating: " ", count: max(0, 12 - size.count))
                    bytes.append(
                        contentsOf: "\(entry.type.rawValue.prefix(1)) \(padding)\(size) \(entry.modified.prefix(19)) "
                            .utf8)
                }
                let isPlain = entry.path.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7f }
                bytes.append(contentsOf: (isPlain ? entry.path : Console.harmlessName(entry.path)).utf8)
            }
            bytes.append(10)
            if bytes.count > 1 << 16 { EntryWriter.write(&bytes) }
        }
    }

    func flush() { buffer.withLock { EntryWriter.write(&$0) } }

    private static func write(_ bytes: inout [UInt8]) {
        Console.write(bytes, to: STDOUT_FILENO)
        bytes.removeAll(keepingCapacity: true)
    }
}
