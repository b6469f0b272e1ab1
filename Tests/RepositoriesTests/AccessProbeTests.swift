import BackupModel
import Foundation
import Repositories
import TestSupport
import Testing

/// What each place answers to a probe, and that the probe changes nothing of the repository.
@Suite("Probes of access", .enabled(if: !RealTools.restics.isEmpty))
struct AccessProbeTests {
    private let bench: TestBench

    init() throws { bench = try TestBench(try #require(RealTools.restics.last), "probe") }

    /// As ``AccessRight`` has them: list, read, put, overwrite, delete data, delete locks.
    private func letters(_ report: AccessReport) -> String {
        AccessRight.allCases.map { right in
            switch report[right] {
            case .allowed: "y"
            case .refused: "n"
            case .unknown: "?"
            }
        }.joined()
    }

    // MARK: - S3

    private static let objects = ["config", "keys/one", "data/00/pack", "locks/lock", "snapshots/first"]

    private func probe(_ location: String, _ variables: [String: String]) throws -> any AccessProbe {
        let place = SourceLocation(file: "profile.yaml", line: 1, column: 1)
        let entries = variables.sorted { $0.key < $1.key }.map {
            ConfigValue.Entry(key: $0, keyLocation: place, value: ConfigValue(.string($1), at: place))
        }
        return try bench.repository(at: location, ["environment": .map(entries)]).probe
    }

    private func s3(
        _ server: S3Server, _ preset: S3Server.Preset, at location: String? = nil, secret: String? = nil
    ) throws -> any AccessProbe {
        var variables = server.credential(preset).environment
        if let secret { variables["AWS_SECRET_ACCESS_KEY"] = secret }
        return try probe(location ?? server.repository("host"), variables)
    }

    private func fill(_ server: S3Server) throws {
        for object in AccessProbeTests.objects {
            let file = URL(fileURLWithPath: server.file("host/" + object))
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(object.utf8).write(to: file)
        }
    }

    private func isUntouched(_ server: S3Server) throws -> Bool {
        let others = try server.keys().filter { !$0.hasPrefix("host/holdfast-probe/") }
        return try others == AccessProbeTests.objects.map { "host/" + $0 }.sorted()
            && AccessProbeTests.objects.allSatisfy {
                try String(contentsOfFile: server.file("host/" + $0), encoding: .utf8) == $0
            }
    }

    @Test(
        .timeLimit(.minutes(2)), .enabled(if: S3Server.isAvailable),
        arguments: [
            (S3Server.Preset.full, "yyyyyy", true, []), (.appendOnly, "yyyyny", true, ["object"]),
            (.immutable, "yyynny", nil, ["object"]), (.writeOnly, "nnyynn", true, ["object"]),
            (.putIfAbsent, "nnynnn", nil, ["object"]), (.readOnly, "yy??nn", nil, []), (.none, "nn??nn", nil, []),
        ] as [(S3Server.Preset, String, Bool?, [String])])
    func `S3 tells the rights of each credential, twice the same, and the repository stays as it was`(
        preset: S3Server.Preset, rights: String, createOnly: Bool?, left: [String]
    ) async throws {
        let server = try S3Server()
        try fill(server)
        let probe = try s3(server, preset)
        for attempt in 1...2 {
            let report = try await probe.probe()
            #expect(letters(report) == rights, "\(attempt): \(report)")
            if createOnly == true { #expect(report.honoursCreateOnly == true, "\(report)") }
            #expect(try isUntouched(server))
            #expect(report.notices.contains { $0.contains("stays there") } == !left.isEmpty, "\(report)")
        }
        let own = try server.keys().filter { $0.contains("holdfast-probe") }
        #expect(left.allSatisfy { own.contains("host/holdfast-probe/\($0)") } && own.isEmpty == left.isEmpty, "\(own)")
        for request in try server.requests() where ["PUT", "POST", "DELETE"].contains(request.method) {
            let isOurs = request.key.hasPrefix("host/holdfast-probe/")
            let isNobodys = request.method == "DELETE" && request.key.hasSuffix(String(repeating: "0", count: 64))
            #expect(isOurs || isNobodys, "\(request)")
        }
        #expect(try server.complaints() == "")
    }

    @Test(.timeLimit(.minutes(1)), .enabled(if: S3Server.isAvailable))
    func `a server that ignores the condition is found out`() async throws {
        let server = try S3Server()
        try fill(server)
        // Where no earlier object is, both creations pass.
        let probe = try s3(server, .full)
        try server.set(faults: [
            .init(.lose, method: "PUT", key: "host/holdfast-probe/*", times: 2)
        ])
        #expect(try await probe.probe().honoursCreateOnly == false)
    }

    @Test(.timeLimit(.minutes(1)), .enabled(if: S3Server.isAvailable))
    func `a wrong secret, a missing bucket and a silent server are errors and no findings`() async throws {
        let server = try S3Server()
        let wrong = try s3(server, .full, secret: "wrong")
        await #expect { _ = try await wrong.probe() } throws: { error in
            if case .denied(_, let detail)? = error as? RepositoryError {
                detail.contains("SignatureDoesNotMatch")
            } else {
                false
            }
        }
        let absent = try s3(server, .full, at: "s3:\(server.endpoint)/nobodys/host")
        await #expect { _ = try await absent.probe() } throws: { error in
            if case .absent? = error as? RepositoryError { true } else { false }
        }
        let silent = try s3(server, .full, at: "s3:http://127.0.0.1:1/bucket/host")
        await #expect { _ = try await silent.probe() } throws: { error in
            if case .unreachable? = error as? RepositoryError { true } else { false }
        }
    }

    // MARK: - Others

    /// Files and folders with sizes and times.
    private func tree(_ folder: String) throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: folder).sorted().map { path in
            let facts = try FileManager.default.attributesOfItem(atPath: folder + "/" + path)
            return "\(path) \(facts[.size] ?? "") \(facts[.modificationDate] ?? "") \(facts[.systemFileNumber] ?? "")"
        }
    }

    @Test(
        .timeLimit(.minutes(2)), .enabled(if: RestServer.program != nil, "restic-rest-server is not installed"),
        arguments: [(false, "yyy?yy"), (true, "yyy?ny")])
    func `a REST server tells whether it takes away, and the repository stays as it was`(
        isAppendOnly: Bool, rights: String
    ) async throws {
        let server = try RestServer(appendOnly: isAppendOnly)
        let prepared = try TestBench.prepared(try #require(RealTools.restics.last))
        let folder = server.repositoryFolder("host")
        try FileManager.default.createDirectory(
            atPath: (folder as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: prepared.folder, toPath: folder)
        let before = try tree(folder)
        let report = try await rest(server.address("host"), user: server.user, password: server.password).probe()
        #expect(letters(report) == rights, "\(report)")
        // What was announced and never came is dropped when its sender is gone.
        try await Task.sleep(for: .milliseconds(500))
        let after = try tree(folder)
        // The draft of the upload that was broken off has been in its folder.
        let places = { (lines: [String]) in lines.filter { !$0.hasPrefix("data/00 ") } }
        #expect(places(after) == places(before))

        let absent = try await rest(server.address("other"), user: server.user, password: server.password).probe()
        #expect(letters(absent) == "??????", "\(absent)")
        let stranger = try rest(server.address("host"), user: server.user, password: "wrong")
        await #expect { _ = try await stranger.probe() } throws: { error in
            if case .denied? = error as? RepositoryError { true } else { false }
        }
    }

    private func rest(_ address: String, user: String, password: String) throws -> any AccessProbe {
        let file = try bench.scratch.write(password, to: "rest-password")
        return try probe(address, ["RESTIC_REST_USERNAME": user, "RESTIC_REST_PASSWORD": "file:" + file])
    }

    @Test(
        .timeLimit(.minutes(2)), .enabled(if: RcloneServer.program != nil, "rclone is not installed"),
        arguments: [(false, "yy??yy"), (true, "yy??ny")])
    func `of rclone's server no upload is asked, for it would leave a folder`(
        isAppendOnly: Bool, rights: String
    ) async throws {
        let server = try RcloneServer(appendOnly: isAppendOnly)
        let prepared = try TestBench.prepared(try #require(RealTools.restics.last))
        let folder = server.repositoryFolder("host")
        try FileManager.default.createDirectory(
            atPath: (folder as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: prepared.folder, toPath: folder)
        // As rclone makes repositories: a folder for data appears with the first file in it.
        try FileManager.default.removeItem(atPath: folder + "/data/00")
        let before = try tree(folder)
        let address = "rest:\(server.endpoint)/host/"
        let report = try await rest(address, user: server.user, password: server.password).probe()
        #expect(letters(report) == rights, "\(report)")
        #expect(try tree(folder) == before)
    }

    @Test(.timeLimit(.minutes(2)))
    func `a folder is tried in a folder of ours that is gone afterwards`() async throws {
        let bench = try TestBench.prepared(try #require(RealTools.restics.last))
        let before = try tree(bench.folder)
        let repository = try bench.repository()
        #expect(try await letters(repository.probe.probe()) == "yyyyyy")
        #expect(try tree(bench.folder) == before)
        // One that was killed leaves it.
        try bench.scratch.write("x", to: "repository/holdfast-probe/object")
        #expect(try await letters(repository.probe.probe()) == "yyyyyy")
        #expect(try tree(bench.folder) == before)
        // Another's folder in its place is left alone.
        let other = bench.scratch["other"]
        try bench.scratch.write("precious", to: "other/object")
        try FileManager.default.createSymbolicLink(
            atPath: bench.folder + "/holdfast-probe", withDestinationPath: other)
        let report = try await repository.probe.probe()
        #expect(letters(report) == "yyy?yy", "\(report)")
        #expect(try String(contentsOfFile: other + "/object", encoding: .utf8) == "precious")
        try FileManager.default.removeItem(atPath: bench.folder)
        #expect(try await letters(repository.probe.probe()) == "??????")
        #expect(!FileManager.default.fileExists(atPath: bench.folder))
    }

    @Test(.timeLimit(.minutes(2)), .enabled(if: geteuid() == 0, "only root can mount"))
    func `a folder on a read-only disk can be read and nothing else`() async throws {
        let bench = try TestBench.prepared(try #require(RealTools.restics.last))
        try await SmallDisk.mounted(at: bench.scratch["disk"], megabytes: 16) { disk in
            try FileManager.default.copyItem(atPath: bench.folder, toPath: disk.path + "/repository")
            try await disk.makeReadOnly()
            let report = try await bench.repository(at: disk.path + "/repository").probe.probe()
            #expect(letters(report) == "yynnnn", "\(report)")
        }
    }

    @Test(arguments: ["sftp:host:/path", "rclone:remote:path", "b2:bucket:path"])
    func `what cannot be asked harmlessly is not asked, and says so`(location: String) async throws {
        let report = try await bench.repository(at: location).probe.probe()
        #expect(letters(report) == "??????")
        let kind = location.prefix { $0 != ":" }
        #expect(report[.list] == .unknown("this version has no harmless way to ask over \(kind)"))
    }
}
