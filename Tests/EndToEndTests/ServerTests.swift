import BackupModel
import Foundation
import TestSupport
import Testing

/// The servers that other suites rely on, each with the real restic: what they let through, and what they do not.
@Suite("Servers of the tests", .enabled(if: !RealTools.restics.isEmpty))
struct ServerTests {
    @Test(
        .timeLimit(.minutes(3)), .enabled(if: S3Server.isAvailable, "python3 is not installed"),
        arguments: RealTools.oldestAndNewest)
    func `restic works over S3 with the right secret, and the request log tells`(restic: RealTools.Restic) throws {
        let server = try S3Server()
        let full = server.credential(.full).environment
        let call = try ResticCall(restic, repository: server.repository("host"), environment: full)
        try call.makeSnapshot()
        #expect(try server.keys().contains("host/config"))
        #expect(try server.requests().contains { $0.key == "host/config" && $0.action == "put" && $0.status == 200 })

        var wrong = full
        wrong["AWS_SECRET_ACCESS_KEY"] = "wrong"
        #expect(try call.run(["snapshots"], environment: wrong) == .exited(1))
        #expect(try server.requests().last?.code == "SignatureDoesNotMatch")

        let appendOnly = server.credential(.appendOnly).environment
        #expect(try call.run(["backup", call.source], environment: appendOnly) == .exited(0))
        try server.set(faults: [.init(.reply(code: "InternalError"), method: "GET", key: "*/config", times: 1)])
        #expect(try call.run(["snapshots"], environment: full) == .exited(0), "\(call.said)")
        #expect(try server.requests().filter { $0.fault == "reply" }.map(\.status) == [500])
        #expect(try server.complaints() == "")
    }

    @Test(.timeLimit(.minutes(5)), .enabled(if: S3Server.isAvailable, "python3 is not installed"))
    func `the S3 server passes the tests of its own`() throws {
        let folder = try ScratchFolder("s3-tests")
        let tests = RealTools.packageRoot + "/Tests/Servers/test-s3-server"
        let script = #"exec python3 "$1" 2>&1"#
        let ended = try TestProcess(["/bin/sh", "-c", script, "sh", tests], output: folder["said"]).wait()
        let said = try String(contentsOfFile: folder["said"], encoding: .utf8)
        #expect(ended == .exited(0) && said.hasSuffix("\nOK\n"), "\(said)")
    }

    @Test(
        .timeLimit(.minutes(3)), .enabled(if: RestServer.program != nil, "restic-rest-server is not installed"),
        arguments: RealTools.oldestAndNewest)
    func `restic works over its own REST server`(restic: RealTools.Restic) throws {
        let server = try RestServer(appendOnly: true)
        let call = try ResticCall(restic, repository: server.repository("host"))
        try call.makeSnapshot()
        #expect(FileManager.default.fileExists(atPath: server.repositoryFolder("host") + "/config"))
        let stranger = server.repository("host").replacing(server.password, with: "wrong")
        #expect(try ResticCall(restic, repository: stranger).run(["snapshots"]) == .exited(1))
    }

    @Test(
        .timeLimit(.minutes(3)), .enabled(if: RcloneServer.program != nil, "rclone is not installed"),
        arguments: RealTools.oldestAndNewest)
    func `restic works over rclone's REST server`(restic: RealTools.Restic) throws {
        let server = try RcloneServer()
        let call = try ResticCall(restic, repository: server.repository("host"))
        try call.makeSnapshot()
        #expect(FileManager.default.fileExists(atPath: server.repositoryFolder("host") + "/config"))
        let stranger = server.repository("host").replacing(server.password, with: "wrong")
        #expect(try ResticCall(restic, repository: stranger).run(["snapshots"]) == .exited(1))
    }

    @Test(
        .timeLimit(.minutes(3)), .enabled(if: SFTPServer.program != nil, "openssh-server is not installed"),
        arguments: RealTools.oldestAndNewest)
    func `restic works over SFTP with the one key that may enter`(restic: RealTools.Restic) throws {
        let server = try SFTPServer()
        let call = try ResticCall(restic, repository: server.repository("host"), options: server.options)
        try call.makeSnapshot()
        #expect(FileManager.default.fileExists(atPath: server.repositoryFolder("host") + "/config"))
    }

    @Test(.timeLimit(.minutes(1)), .enabled(if: S3Server.isAvailable && RcloneServer.program != nil))
    func `a server ends with the value that started it`() async throws {
        var s3: S3Server? = try S3Server()
        var rclone: RcloneServer? = try RcloneServer()
        let endpoints = [try #require(s3).endpoint, try #require(rclone).endpoint]
        func answers(_ endpoint: String) throws -> Bool {
            try TestProcess(["/usr/bin/curl", "-s", "-m", "5", endpoint]).wait() == .exited(0)
        }
        for endpoint in endpoints { #expect(try answers(endpoint)) }
        s3 = nil
        rclone = nil
        for endpoint in endpoints {
            while try answers(endpoint) { try await Task.sleep(for: .milliseconds(50)) }
        }
    }
}

/// Calls of one restic with one repository.
private struct ResticCall {
    let source: String
    private let folder: ScratchFolder
    private let restic: String
    private let arguments: [String]
    private let environment: [String: String]

    init(
        _ restic: RealTools.Restic, repository: String, options: [String] = [], environment: [String: String] = [:]
    ) throws {
        folder = try ScratchFolder("servers")
        source = try folder.write("content", to: "source/file")
        self.restic = restic.path
        arguments = ["--repo", repository, "--no-cache"] + options
        self.environment = environment
    }

    /// What the last call printed, errors included.
    var said: String { (try? String(contentsOfFile: folder["said"], encoding: .utf8)) ?? "" }

    func makeSnapshot() throws {
        for command in [["init"], ["backup", source]] {
            let ended = try run(command)
            try #require(ended == .exited(0), "\(command): \(said)")
        }
        #expect(try run(["snapshots", "--json"]) == .exited(0), "\(said)")
        #expect(said.contains(#""paths":["\#(source)"]"#), "\(said)")
    }

    func run(_ command: [String], environment other: [String: String]? = nil) throws -> Termination {
        let variables = ["RESTIC_PASSWORD": "test", "HOME": folder.path, "PATH": "/usr/bin:/bin"]
            .merging(other ?? environment) { $1 }
        let script = #"exec "$@" 2>&1"#
        return try TestProcess(
            ["/usr/bin/env", "-i"] + variables.map { "\($0.key)=\($0.value)" }
                + ["/bin/sh", "-c", script, "sh", restic] + arguments + command,
            output: folder["said"]
        ).wait()
    }
}
