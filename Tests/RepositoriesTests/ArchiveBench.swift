import BackupModel
import Foundation
import Programs
import TestSupport
import Testing
import Tools

@testable import Repositories

/// An archive repository in a scratch folder, made and read by the real programs.
struct ArchiveBench: Sendable {
    enum Way: String, CaseIterable, Sendable {
        case age = "age and zstd"
        case agePassphrase = "age with a passphrase and zstd"
        case gpg = "gpg with a passphrase and zstd"
        case openssl = "openssl and gzip"
    }

    let scratch: ScratchFolder
    let way: Way
    /// The secret half is in `identity`.
    let recipient: String
    var clock: any HostClock = RealClock()

    init(_ way: Way = .openssl) async throws {
        scratch = try ScratchFolder("archive")
        self.way = way
        try scratch.write("correct horse", to: "password")
        let key = try await ArchiveBench.key.value
        try scratch.write(key.secret, to: "identity", mode: 0o600)
        recipient = key.recipient
    }

    static let key = Task {
        let made = try await TestBench.runner.run(ToolCommand("age-keygen"))
        let secret = made.output.text
        let line = try #require(secret.split(separator: "\n").first { $0.hasPrefix("# public key: ") })
        return (secret: secret, recipient: String(line.dropFirst("# public key: ".count)))
    }

    var folder: String { scratch["archives"] }
    var source: String { scratch["source"] }

    /// - Parameter keys: further keys of the repository's entry, or others instead.
    func repository(_ keys: [String: ConfigValue.Content?] = [:]) throws -> ArchiveRepository {
        let place = SourceLocation(file: scratch["profile.yaml"], line: 1, column: 1)
        var contents: [String: ConfigValue.Content?] = [
            "archive": .string(folder), "name": .string("hermes-backup"), "main": .string("tree"),
        ]
        let password = ConfigValue.Content.string("file:" + scratch["password"])
        switch way {
        case .age:
            contents["recipients"] = .list([ConfigValue(.string(recipient), at: place)])
            contents["identity"] = .string("file:" + scratch["identity"])
        case .agePassphrase: contents["password"] = password
        case .gpg:
            contents["encrypt"] = .string("gpg")
            contents["password"] = password
        case .openssl:
            contents["encrypt"] = .string("openssl")
            contents["compress"] = .string("gzip")
            contents["password"] = password
        }
        contents.merge(keys) { _, new in new }
        let entry = ConfigValue(
            .map(
                contents.sorted { $0.key < $1.key }.compactMap { key, content in
                    content.map { ConfigValue.Entry(key: key, keyLocation: place, value: ConfigValue($0, at: place)) }
                }), at: place)
        return try ArchiveRepository(
            RepositorySpec(name: RepositoryName(unchecked: "local"), kind: "archive", entry: entry),
            Services(
                runner: TestBench.runner, secrets: FileSecrets(), host: TestHost(), clock: clock,
                settings: ProfileSettings(), program: FakeTool.buildProducts + "/holdfast"),
            cacheFolder: scratch["cache"])
    }

    func created(_ keys: [String: ConfigValue.Content?] = [:]) async throws -> ArchiveRepository {
        let repository = try repository(keys)
        _ = try await repository.create()
        return repository
    }

    // MARK: - Runs

    static let run = "20261121T023000Z-7f3a9c"

    static func stamp(_ source: String?, _ part: String?, run: String = ArchiveBench.run) -> SnapshotStamp {
        SnapshotStamp(
            host: "vm", profile: ProfileName(unchecked: "test"), run: RunID(unchecked: run),
            content: source == nil ? .manifest : .part, source: source.map(SourceName.init(unchecked:)),
            part: part.map(PartPath.init(rawValue:)))
    }

    @discardableResult
    func storeTree(
        _ repository: ArchiveRepository, run: String = ArchiveBench.run, source: String = "tree",
        _ change: (inout FileSelection) -> Void = { _ in }
    ) async throws -> StoredPart {
        var selection = FileSelection(roots: [self.source])
        change(&selection)
        return try await repository.store(
            CapturedPart(path: PartPath(rawValue: "/"), content: .files(selection)),
            as: ArchiveBench.stamp(source, "/", run: run)
        ) { _ in }
    }

    @discardableResult
    func storeDump(
        _ repository: ArchiveRepository, _ script: String = "seq 1 20000", run: String = ArchiveBench.run,
        as path: String = "/postgres/app.sql"
    ) async throws -> StoredPart {
        try await repository.store(
            TestBench.stream(script, as: path), as: ArchiveBench.stamp("db", path, run: run)
        ) { _ in }
    }

    @discardableResult
    func finish(_ repository: ArchiveRepository, run: String = ArchiveBench.run) async throws -> StoredPart {
        let document = try scratch.write(
            #"{"version": 1, "tools": {"x": "1"}, "run": "\#(run)"}"#, to: "manifest-\(run)")
        return try await repository.store(
            CapturedPart(path: PartPath(rawValue: Manifest.fileName), content: .file(document)),
            as: ArchiveBench.stamp(nil, nil, run: run)
        ) { _ in }
    }

    /// A tree and a dump, complete.
    func storeRun(_ repository: ArchiveRepository, run: String = ArchiveBench.run) async throws -> [StoredPart] {
        [
            try await storeTree(repository, run: run), try await storeDump(repository, run: run),
            try await finish(repository, run: run),
        ]
    }

    /// A little tree with a name of every difficult kind.
    func fillSource() throws {
        try scratch.write("alpha", to: "source/a.txt")
        try scratch.write("beta", to: "source/sub/b [1]*.txt")
        try scratch.write("gamma", to: "source/sub/new\nline")
        try scratch.write("delta", to: "source/sub/back\\nslash")
        try scratch.write("epsilon", to: "source/-dash")
        // Below a folder that is not the last, and old, so that a time that is not put back shows.
        try scratch.write("zeta", to: "source/deep/er/zeta")
        try scratch.write("", to: "source/empty")
        try FileManager.default.createSymbolicLink(atPath: source + "/link", withDestinationPath: "a.txt")
        guard link(source + "/a.txt", source + "/sub/hard") == 0 else { throw CocoaError(.fileWriteUnknown) }
        let odd = Array((source + "/odd-").utf8) + [0xff, 0xfe, 0]
        let made = odd.withUnsafeBytes {
            open($0.assumingMemoryBound(to: CChar.self).baseAddress!, O_WRONLY | O_CREAT, 0o644)
        }
        guard made >= 0 else { throw CocoaError(.fileWriteUnknown) }
        close(made)
        for folder in ["/deep/er", "/deep", "/sub", ""] {
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSince1970: 1_700_000_000)], ofItemAtPath: source + folder)
        }
    }

    // MARK: - What is there

    /// Everything in the repository's folder, but its own file.
    func names() throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: folder).filter { $0 != ".holdfast-archive.json" }.sorted()
    }

    /// The one file with this ending.
    func path(ending: String) throws -> String {
        let names = try names()
        return folder + "/"
            + (try #require(names.first { $0.hasSuffix(ending) }, "nothing ends in \(ending): \(names)"))
    }

    func change(_ path: String, _ body: (inout Data) -> Void) throws {
        var data = try Data(contentsOf: URL(fileURLWithPath: path))
        body(&data)
        try data.write(to: URL(fileURLWithPath: path))
    }

    func shell(_ script: String) async throws -> String {
        var command = ToolCommand("/bin/sh", ["-c", script])
        command.workingDirectory = scratch["."]
        command.limits.total = .seconds(60)
        let result = try await TestBench.runner.run(command)
        #expect(result.didItsWork, "\(result.errors.text)")
        return result.output.text
    }

    /// The difference between the source and what was restored of it.
    func differences(_ restored: String) async throws -> String {
        try await shell(
            """
            list() { (cd "$1" && find . -printf '%P %y %m %s %T@ %l\\n' | sort); }
            list '\(source)' > left; list '\(restored)' > right; diff left right
            diff -r --no-dereference '\(source)' '\(restored)'; true
            """)
    }
}
