import BackupModel
import DumpSources
import Foundation
import TestSupport
import Testing

/// The client programs of this machine in a container of podman's, with the socket of a server outside of it.
@Suite(
    .serialized,
    .enabled(
        if: PrivateMariaDB.program != nil && ContainerizedPostgres.isPossible, "MariaDB or containers are missing"))
struct `MySQL in a container` {
    let my: MySQLBench
    let name = "holdfast-test-" + UUID().uuidString.prefix(8).lowercased()

    init() throws { my = try MySQLBench() }

    private func start() throws {
        let folder = (my.server.socket as NSString).deletingLastPathComponent
        // It ends by itself, whatever becomes of the tests.
        try ContainerizedPostgres.run(
            ["podman"] + ContainerizedPostgres.runOptions
                + ["/usr", "/lib", "/lib64"].flatMap { ["--volume", "\($0):\($0):ro"] } + [
                    "--volume", "\(folder):/server:ro", "--detach", "--rm", "--name", name,
                    ContainerizedPostgres.image, "sleep", "300",
                ])
    }

    private func remove() { _ = try? ContainerizedPostgres.run(["podman", "rm", "--force", "--time", "0", name]) }

    @Test func `a database comes back, and an option file in there that would change the dump is refused`() async throws
    {
        try start()
        defer { remove() }
        let database = "in 'a' container"
        try my.server.makeDatabase(database, "CREATE TABLE t (x int); INSERT INTO t SELECT seq FROM seq_1_to_500;")
        try my.server.makeUser("guarded", password: "s3cr:et\\pw", "ALL ON *.*")
        let source = try my.dump(
            database, ("socket", "/server/s.sock"), ("user", "guarded"), ("password", "env:CANARY"),
            ("through", settings(("container", name))))
        let report = try #require(try await my.bench.capture(source).first)
        #expect(report.facts.rows == ["t": 500])
        let restored = try await my.bench.restore(report, with: source, database: "\(database) back")
        #expect(restored.proofs.contains("1 table, 500 rows"))
        let command = try #require(
            my.bench.store.parts.compactMap { if case .stream(let command) = $0.content { command } else { nil } }.first
        )
        #expect(command.program == "podman" && !command.displayed.contains("s3cr"))

        try ContainerizedPostgres.run(
            ["podman", "exec", name, "sh", "-c", "printf '[mysqldump]\\nno-data\\nuser=x\\n' >/.my.cnf"])
        await #expect { try await my.bench.capture(source) } throws: {
            isCase($0, "unsupported") && "\($0)".contains("sets no-data")
        }
        remove()
        await #expect { try await source.preflight(my.bench.context) } throws: { isCase($0, "missing") }
    }
}
