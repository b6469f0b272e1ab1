import BackupModel
import Foundation
import TestSupport
import Testing
import Tools

@testable import Repositories

/// A repository of hard-linked trees in a scratch folder, made and read by the real rsync.
struct RsyncBench: Sendable {
    let scratch: ScratchFolder
    let archive: ArchiveBench

    init() async throws {
        archive = try await ArchiveBench()
        scratch = archive.scratch
    }

    var folder: String { scratch["drive"] }
    var source: String { scratch["source"] }

    /// - Parameter keys: further keys of the repository's entry, or others instead.
    func repository(
        _ keys: [String: ConfigValue.Content] = [:], host: any HostFacts = TestHost()
    ) throws -> RsyncRepository {
        let place = SourceLocation(file: scratch["profile.yaml"], line: 1, column: 1)
        var contents: [String: ConfigValue.Content] = ["rsync": .string(folder)]
        contents.merge(keys) { _, new in new }
        let entry = ConfigValue(
            .map(
                contents.sorted { $0.key < $1.key }.map { key, content in
                    ConfigValue.Entry(key: key, keyLocation: place, value: ConfigValue(content, at: place))
                }), at: place)
        return try RsyncRepository(
            RepositorySpec(name: RepositoryName(unchecked: "drive"), kind: "rsync", entry: entry),
            Services(
                runner: TestBench.runner, secrets: FileSecrets(), host: host, clock: RealClock(),
                settings: ProfileSettings(), program: FakeTool.buildProducts + "/holdfast"),
            cacheFolder: scratch["cache"])
    }

    func created(_ keys: [String: ConfigValue.Content] = [:]) async throws -> RsyncRepository {
        let repository = try repository(keys)
        _ = try await repository.create()
        return repository
    }

    static let runs = ["20261121T023000Z-7f3a9c", "20261122T023000Z-000002", "20261123T023000Z-000003"]

    @discardableResult
    func storeTree(
        _ repository: RsyncRepository, run: Int = 0, source: String = "tree",
        _ change: (inout FileSelection) -> Void = { _ in }
    ) async throws -> StoredPart {
        var selection = FileSelection(roots: [self.source])
        change(&selection)
        return try await repository.store(
            CapturedPart(path: PartPath(rawValue: "/"), content: .files(selection)),
            as: ArchiveBench.stamp(source, "/", run: RsyncBench.runs[run])
        ) { _ in }
    }

    @discardableResult
    func storeDump(
        _ repository: RsyncRepository, _ script: String = "seq 1 20000", run: Int = 0,
        as path: String = "/postgres/app.sql"
    ) async throws -> StoredPart {
        try await repository.store(
            TestBench.stream(script, as: path), as: ArchiveBench.stamp("db", path, run: RsyncBench.runs[run])
        ) { _ in }
    }

    @discardableResult
    func finish(_ repository: RsyncRepository, run: Int = 0) async throws -> StoredPart {
        let document = try scratch.write(
            #"{"version": 1, "tools": {"x": "1"}, "run": "\#(RsyncBench.runs[run])"}"#, to: "manifest-\(run)")
        return try await repository.store(
            CapturedPart(path: PartPath(rawValue: Manifest.fileName), content: .file(document)),
            as: ArchiveBench.stamp(nil, nil, run: RsyncBench.runs[run])
        ) { _ in }
    }

    /// A tree and a dump, complete.
    @discardableResult
    func storeRun(_ repository: RsyncRepository, run: Int = 0) async throws -> [StoredPart] {
        [
            try await storeTree(repository, run: run), try await storeDump(repository, run: run),
            try await finish(repository, run: run),
        ]
    }

    /// The folder of a run, by the day in its name.
    func folder(ofRun run: Int) throws -> String {
        let day = RsyncBench.runs[run].prefix(8)
        let names = try FileManager.default.contentsOfDirectory(atPath: folder)
        return folder + "/" + (try #require(names.first { $0.hasPrefix(day) }, "\(names)"))
    }

    /// The tree of a run, as its source was.
    func tree(_ run: Int) throws -> String { try folder(ofRun: run) + "/tree/source" }

    /// A little tree with a name of every difficult kind.
    func fillSource() throws { try archive.fillSource() }

    /// What `sha256sum` has to say of a run.
    func sums(ofRun run: Int) async throws -> String {
        try await archive.shell("cd '\(try folder(ofRun: run))' && sha256sum --quiet -c SHA256SUMS")
    }

    func digests(ofRun run: Int) async throws -> String {
        try await archive.shell("cd '\(try tree(run))' && find . -type f -exec sha256sum {} + | sort")
    }

    /// Changes the first byte of a file in its place.
    func flip(_ name: String, run: Int) async throws {
        _ = try await archive.shell("printf X | dd of='\(try tree(run))/\(name)' conv=notrunc status=none")
    }

    func inode(_ path: String) throws -> UInt64 {
        var status = stat()
        try #require(lstat(path, &status) == 0, "\(path)")
        return UInt64(status.st_ino)
    }

    /// Everything at the top of the repository but its own file.
    func names() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0 != ".holdfast-rsync.json" }.sorted()
    }

    func restore(_ repository: RsyncRepository, _ part: StoredPart, _ include: [String] = []) async throws -> String {
        let target = scratch["restored"]
        _ = try await repository.reader(for: part.snapshot).extract(include: include, into: target, exact: false) { _ in
        }
        return target
    }
}
