import BackupModel
import Digests
import Foundation
import Repositories
import Synchronization
import TestSupport
import Testing

/// Scrubbing needs no restic and no password: a folder of files named by their digests will do.
struct ScrubTests {
    private let scratch: ScratchFolder

    init() throws {
        scratch = try ScratchFolder("scrub")
        try scratch.write("config", to: "r/config")
        for folder in ["keys", "snapshots", "index", "data", "locks"] {
            try FileManager.default.createDirectory(
                atPath: scratch["r/\(folder)"], withIntermediateDirectories: true)
        }
        try add("a key", "keys")
        for number in 0..<20 { try add("pack \(number)", "data") }
    }

    @discardableResult
    private func add(_ text: String, _ folder: String) throws -> String {
        let digest = try SHA256.digest(of: Array(text.utf8)).description
        let path = folder == "data" ? "data/\(digest.prefix(2))/\(digest)" : "\(folder)/\(digest)"
        try scratch.write(text, to: "r/\(path)")
        return path
    }

    private func scrub() async throws -> ScrubReport { try await repository().scrub { _ in } }

    private func repository() throws -> any Repository {
        let place = SourceLocation(file: "/p.yaml", line: 1, column: 1)
        let entry = ConfigValue(
            .map(
                [("restic", scratch["r"]), ("password", "file:/nowhere")].map { key, text in
                    ConfigValue.Entry(key: key, keyLocation: place, value: ConfigValue(.string(text), at: place))
                }), at: place)
        return try RepositoryRegistry.repository(
            RepositorySpec(name: RepositoryName(unchecked: "r"), kind: "restic", entry: entry),
            Services(
                runner: TestBench.runner, secrets: FileSecrets(), host: TestHost(), clock: RealClock(),
                settings: ProfileSettings()), cacheFolder: scratch["cache"])
    }

    @Test func `a whole repository is sound and no tool is started`() async throws {
        let repository = try repository()
        let report = try await repository.scrub { _ in }
        #expect(report.isSound)
        #expect(report.files == 21)
        // `a key`, ten times `pack 0` and ten times `pack 10`.
        #expect(report.bytes == 135)
        #expect(report.unexpected.isEmpty)
        #expect(repository.toolStarts == 0)
    }

    @Test func `a flipped bit, a cut and an empty file are each named`() async throws {
        let flipped = try add("flip me", "data")
        let cut = try add("cut me", "index")
        let emptied = try add("empty me", "snapshots")
        try scratch.write("flip mf", to: "r/" + flipped)
        try scratch.write("cut m", to: "r/" + cut)
        try scratch.write("", to: "r/" + emptied)
        let report = try await scrub()
        #expect(report.damaged == [flipped, cut, emptied].sorted())
        #expect(!report.isSound)
        #expect(report.files == 24)
    }

    @Test func `what does not belong there is mentioned and is no damage`() async throws {
        try scratch.write("x", to: "r/data/aa/\(String(repeating: "a", count: 63))-tmp-123")
        try scratch.write("x", to: "r/letter.txt")
        try scratch.write("x", to: "r/locks/\(String(repeating: "b", count: 64))")
        let report = try await scrub()
        #expect(report.isSound)
        #expect(report.unexpected == ["data/aa/\(String(repeating: "a", count: 63))-tmp-123", "letter.txt"])
        #expect(report.leftovers.isEmpty)
    }

    @Test func `what a killed write left is told from what does not belong there`() async throws {
        let id = String(repeating: "a", count: 64)
        let leftovers = ["config-tmp-1", "data/aa/\(id)-tmp-3", "data/\(id)-tmp-2", "index/\(id)-tmp-4"]
        for path in leftovers + ["locks/\(id)-tmp-5"] { try scratch.write("x", to: "r/" + path) }
        let report = try await scrub()
        #expect(report.isSound)
        #expect(report.leftovers == leftovers)
        #expect(report.unexpected.isEmpty)
        #expect(report.files == 21)
    }

    @Test func `a file in the wrong folder does not count as there`() async throws {
        let digest = try SHA256.digest(of: Array("lost".utf8)).description
        let wrong = digest.hasPrefix("00") ? "01" : "00"
        try scratch.write("lost", to: "r/data/\(wrong)/\(digest)")
        #expect(try await scrub().unexpected == ["data/\(wrong)/\(digest)"])
    }

    @Test func `what cannot be read is told with the reason`() async throws {
        let name = String(repeating: "c", count: 64)
        try FileManager.default.createSymbolicLink(
            atPath: scratch["r/index/\(name)"], withDestinationPath: "/etc/passwd")
        let report = try await scrub()
        #expect(report.unreadable.keys.contains("index/\(name)"))
        #expect(!report.isSound)
    }

    @Test func `a missing part of the repository is no sound repository`() async throws {
        try FileManager.default.removeItem(atPath: scratch["r/config"])
        try add("snapshot", "snapshots")
        let report = try await scrub()
        #expect(report.unreadable == ["config": "is missing"])
    }

    @Test func `a folder that is no repository is refused`() async throws {
        try FileManager.default.removeItem(atPath: scratch["r"])
        await #expect(throws: RepositoryError.self) { try await scrub() }
        try scratch.write("x", to: "r/letter.txt")
        await #expect(throws: RepositoryError.self) { try await scrub() }
    }

    @Test func `cancelling ends it`() async throws {
        let large = try add(String(repeating: "x", count: 1 << 20), "data")
        #expect(!large.isEmpty)
        let task = Task {
            // By itself, for from outside it may come too late.
            withUnsafeCurrentTask { $0?.cancel() }
            return try await scrub()
        }
        await #expect(throws: RepositoryError.self) { try await task.value }
    }

    @Test func `progress never shows more than there is`() async throws {
        let bytes = Data(count: 200 << 20)
        let digest = try SHA256.digest(of: bytes).description
        try scratch.write(bytes, to: "r/data/\(digest.prefix(2))/\(digest)")
        let seen = Mutex<[TransferProgress]>([])
        _ = try await repository().scrub { progress in seen.withLock { $0.append(progress) } }
        let all = seen.withLock { $0 }
        #expect(all.count >= 3)
        #expect(all.allSatisfy { $0.bytes <= $0.totalBytes ?? 0 })
    }
}
