import BackupModel
import Programs
import Synchronization

/// A PostgreSQL server of our own that lives as long as one proof.
struct PostgreSQLThrowaway: Sendable {
    let services: Services
    let programs: PostgreSQLServerPrograms

    /// Finds server programs that take such a dump: those of the nearest version that is not older.
    /// - Parameters:
    ///   - server: the version of the server that was dumped.
    ///   - client: of the program that dumped it, whose statements an older server may not know.
    static func find(
        server: String?, client: String?, clients: String?, _ services: Services
    ) async throws(SourceError) -> Result<PostgreSQLServerPrograms, ThrowawayServer.Obstacle> {
        let needed = [server, client].compactMap { $0.flatMap(PostgreSQLVersion.init)?.major }.max() ?? 0
        var found: [PostgreSQLServerPrograms] = []
        var folders = System.numbers(in: "/usr/lib/postgresql").map { "/usr/lib/postgresql/\($0)/bin" }
        if let clients { folders.append(clients) }
        if let path = services.runner.locate("initdb") { folders.append(parentFolder(path)) }
        for folder in folders where !found.contains(where: { $0.folder == folder }) {
            let all = ["initdb", "postgres", "pg_ctl", "psql", "pg_restore", "pg_dump"]
            guard all.allSatisfy({ services.runner.locate("\(folder)/\($0)") != nil }) else { continue }
            var ask = ToolCommand("\(folder)/postgres", ["--version"])
            ask.limits = ToolCommand.Limits(total: .seconds(60), stall: nil)
            guard let version = PostgreSQLVersion(try await services.succeed(ask).output.text) else { continue }
            found.append(PostgreSQLServerPrograms(folder: folder, major: version.major))
        }
        if let best = found.filter({ $0.major >= needed }).min(by: { $0.major < $1.major }) { return .success(best) }
        let package = needed == 0 ? "postgresql" : "postgresql-\(needed)"
        let newest = found.map(\.major).max()
        return .failure(
            ThrowawayServer.Obstacle(
                what: newest.map { "the newest PostgreSQL server here is \($0), and the dump needs \(needed)" }
                    ?? "there is no PostgreSQL server here to load it into",
                remedy:
                    "install the server's programs (apt install \(package)); a drill starts one of its own for as long as it "
                    + "needs it"))
    }

    /// - Parameter folder: where it may work: its own, private, and as root one that `user` may enter.
    func server(in folder: String, as user: UserIdentity?) -> ThrowawayServer {
        let data = folder + "/data"
        let (programs, services) = (programs, services)
        return ThrowawayServer(
            services: services, create: programs.create(at: data, as: user), serve: programs.serve(data, as: user)
        ) {
            let path = "\(data)/\(PostgreSQLServerPrograms.processFile)"
            // Until it has written that file it is not ready, and is asked again.
            guard let bytes = try? System.firstBytes(of: path, count: 1000) else { return nil }
            return PostgreSQLServerPrograms.readyProcess(String(decoding: bytes, as: UTF8.self))
        } stop: { _ in
            // What does not go when it is asked to is ended with what started it.
            _ = try? await services.run(programs.stop(data, as: user))
        }
    }
}

/// Gathers what a dump takes for granted while it goes by.
final class RequirementReader: LineReader {
    private let found = Mutex(PostgreSQLRequirements())
    var requirements: PostgreSQLRequirements { found.withLock { $0 } }

    func read(line bytes: UnsafeRawBufferPointer) {
        guard bytes.count < 4096 else { return }
        let line = String(decoding: bytes, as: UTF8.self)
        found.withLock { $0.read(line) }
    }
}
