import BackupModel
import Foundation
import Repositories
import Synchronization
import TestSupport
import Testing
import Tools

/// A restic repository in a scratch folder, driven by a real restic through the real supervisor.
struct TestBench {
    let scratch: ScratchFolder
    let restic: RealTools.Restic
    var host = TestHost()

    init(_ restic: RealTools.Restic, _ label: String = "restic") throws {
        scratch = try ScratchFolder(label)
        self.restic = restic
        try scratch.write("correct horse", to: "password")
    }

    /// One with a repository that costs next to nothing to open.
    static func prepared(_ restic: RealTools.Restic) throws -> TestBench {
        let bench = try TestBench(restic)
        try QuickRepository.lay(at: bench.folder)
        return bench
    }

    var folder: String { scratch["repository"] }
    var source: String { scratch["source"] }

    /// - Parameter keys: further keys of the repository's entry.
    func repository(
        at location: String? = nil, password: String = "password", lockWait: Duration = .zero,
        cache: String = "cache", _ keys: [String: ConfigValue.Content] = [:]
    ) throws -> ResticRepository {
        let place = SourceLocation(file: scratch["profile.yaml"], line: 1, column: 1)
        var contents: [String: ConfigValue.Content] = [
            "restic": .string(location ?? folder), "program": .string(restic.path),
            "password": .string("file:" + scratch[password]),
        ]
        contents.merge(keys) { _, new in new }
        let entry = ConfigValue(
            .map(
                contents.sorted { $0.key < $1.key }.map { key, content in
                    ConfigValue.Entry(key: key, keyLocation: place, value: ConfigValue(content, at: place))
                }), at: place)
        var settings = ProfileSettings()
        settings.lockWait = lockWait
        return try ResticRepository(
            RepositorySpec(name: RepositoryName(unchecked: "local"), kind: "restic", entry: entry),
            Services(
                runner: TestBench.runner, secrets: FileSecrets(), host: host, clock: RealClock(), settings: settings),
            cacheFolder: scratch[cache])
    }

    static let runner: any ToolRunner = {
        do { return try SupervisedRunner() } catch { fatalError("no runner: \(error)") }
    }()

    /// A stamp as a run would make it.
    static func stamp(_ part: String, run: String = "20261121T023000Z-7f3a9c") -> SnapshotStamp {
        SnapshotStamp(
            host: "vm", profile: ProfileName(unchecked: "test"), run: RunID(unchecked: run), content: .part,
            source: SourceName(unchecked: "db"), part: PartPath(rawValue: part))
    }

    /// A little tree with a name of every difficult kind.
    func fillSource() throws {
        try scratch.write("alpha", to: "source/a.txt")
        try scratch.write("beta", to: "source/sub/b [1]*.txt")
        try scratch.write("gamma", to: "source/sub/new\nline")
        try scratch.write(noise(300_000), to: "source/big.bin")
        try FileManager.default.createSymbolicLink(atPath: source + "/link", withDestinationPath: "a.txt")
    }

    func storeFiles(_ repository: ResticRepository, run: String = "20261121T023000Z-7f3a9c") async throws -> StoredPart
    {
        try await repository.store(
            CapturedPart(path: PartPath(rawValue: "/"), content: .files(FileSelection(roots: [source]))),
            as: TestBench.stamp("/", run: run)
        ) { _ in }
    }

    static func stream(_ script: String, as path: String = "/postgres/db.sql") -> CapturedPart {
        var command = ToolCommand("/bin/sh", ["-c", script])
        command.whenOrphaned = .leave
        return CapturedPart(path: PartPath(rawValue: path), content: .stream(command), bytesAreExact: false)
    }

    /// The repository's files of a kind, relative to it.
    func files(_ kind: String) throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: "\(folder)/\(kind)").filter {
            ($0 as NSString).lastPathComponent.count == 64
        }.map { "\(kind)/\($0)" }.sorted()
    }

    /// The largest pack.
    func largestPack() throws -> String {
        try #require(
            try files("data").max { left, right in try size(left) < size(right) })
    }

    private func size(_ path: String) throws -> Int {
        try FileManager.default.attributesOfItem(atPath: "\(folder)/\(path)")[.size] as? Int ?? 0
    }

    /// Changes a repository's file behind restic's back.
    func damage(_ path: String, _ change: (inout Data) -> Void) throws {
        let file = "\(folder)/\(path)"
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
        var data = try Data(contentsOf: URL(fileURLWithPath: file))
        change(&data)
        try data.write(to: URL(fileURLWithPath: file))
    }
}

/// This machine's processes, as `/proc` shows them.
struct TestHost: HostFacts {
    /// Stands in for the machine's own.
    var assumedBootTime: Date?
    var hidesPrograms = false

    var hostName: String { "a name of the profile's own" }
    var machineID: String? { nil }
    var bootID: String { "boot" }
    var effectiveUserID: UInt32 { geteuid() }

    var bootTime: Date? {
        if let assumedBootTime { return assumedBootTime }
        guard let text = try? String(contentsOfFile: "/proc/stat", encoding: .utf8),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix("btime ") })
        else { return nil }
        return Double(line.dropFirst(6)).map { Date(timeIntervalSince1970: $0) }
    }

    func mounts() -> [MountPoint] { [] }
    func mount(containing path: String) -> MountPoint? {
        guard let text = try? String(contentsOfFile: "/proc/mounts", encoding: .utf8) else { return nil }
        let points = text.split(separator: "\n").compactMap { line in line.split(separator: " ").dropFirst().first }
        let best = points.map(String.init).filter { $0 == "/" || path == $0 || path.hasPrefix($0 + "/") }
            .max { $0.count < $1.count }
        return best.map { MountPoint(path: $0, device: 0, fileSystem: "", isReadOnly: false) }
    }

    func room(at path: String) -> Room? { Room(free: 42, total: 100, freeInodes: nil) }

    func device(of path: String) -> UInt64? {
        var place = path
        var facts = stat()
        while stat(place, &facts) != 0, place != "/" { place = (place as NSString).deletingLastPathComponent }
        return UInt64(facts.st_dev)
    }

    func currentProcess() -> ProcessIdentity {
        process(getpid()) ?? ProcessIdentity(pid: getpid(), startTime: 0, bootID: bootID)
    }

    func process(_ pid: Int32) -> ProcessIdentity? {
        guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
            let end = text.lastIndex(of: ")")
        else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        return ProcessIdentity(pid: pid, startTime: UInt64(fields[19]) ?? 0, bootID: bootID)
    }

    func executableName(of pid: Int32) -> String? {
        if hidesPrograms { return nil }
        return (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/exe")).map {
            ($0 as NSString).lastPathComponent
        }
    }

    func user(named name: String) -> UserIdentity? {
        name == "nobody" ? UserIdentity(name: name, uid: 65534, gid: 65534, groups: [], home: "/") : nil
    }
}

/// Secrets in files, as they are.
struct FileSecrets: SecretStore {
    func resolve(_ reference: SecretReference, environment: [String: String]) async throws(SecretError) -> Secret {
        guard case .file(let path) = reference, let data = FileManager.default.contents(atPath: path) else {
            throw .missing(reference)
        }
        return Secret(Array(data))
    }

    func generate(at path: String) throws(SecretError) -> Secret {
        let secret = Secret("generated \(UUID())")
        guard FileManager.default.createFile(atPath: path, contents: Data(secret.reveal(for: .comparison))) else {
            throw .unreadable(.file(path), reason: "cannot be made")
        }
        return secret
    }
}

struct RealClock: HostClock {
    private static let start = ContinuousClock.now
    var now: Date { Date() }
    var uptime: Duration { ContinuousClock.now - RealClock.start }
    func sleep(for duration: Duration) async throws { try await Task.sleep(for: duration) }
}

/// Collects from several threads.
final class Names: Sendable {
    private let names = Mutex<Set<String>>([])
    func add(_ name: String) { _ = names.withLock { $0.insert(name) } }
    var all: Set<String> { names.withLock { $0 } }
}

extension TestBench {
    /// Returns when restic has taken its lock.
    func waitForLock() async throws {
        for _ in 0..<600 {
            if try !files("locks").isEmpty { return }
            try await Task.sleep(for: .milliseconds(20))
        }
        Issue.record("no lock was taken")
    }
}

extension TestBench {
    /// Bytes that do not compress.
    func noise(_ count: Int) -> Data {
        var state: UInt64 = 0x9e37_79b9_7f4a_7c15
        var data = Data(capacity: count + 8)
        while data.count < count {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            withUnsafeBytes(of: state) { data.append(contentsOf: $0) }
        }
        return data.prefix(count)
    }
}
