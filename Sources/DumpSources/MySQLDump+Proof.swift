package import BackupModel
import Foundation
import Programs

/// A drill of a dump: it is loaded into a server that was started for it and is gone afterwards. The server that was dumped is
/// not even asked.
extension MySQLDump {
    package func roomToProve(_ part: ManifestPart) -> ByteCount {
        // Rows take more than in a dump, and indexes come to it; and the server itself.
        part.restoreNotes["format"] == "users" ? part.bytes : ByteCount(part.bytes.bytes * 5 / 2) + .mebibytes(200)
    }

    package func isLoadedToProve(_ part: ManifestPart) -> Bool { part.restoreNotes["format"] != "users" }

    package func prove(_ request: ProofRequest, _ context: CaptureContext) async throws(SourceError) -> ProofReport {
        let notes = request.restore.part.restoreNotes
        guard notes["format"] != "users" else { return ProofReport(try await restore(request.restore, context)) }
        let programs: MySQLServerPrograms
        switch try await MySQLThrowaway.find(notes["server"], services) {
        case .success(let found): programs = found
        case .failure(let obstacle):
            var report = ProofReport(try await MySQLRestore.save(request.restore, services, context))
            report.restored.unproven = ["its rows: \(obstacle.what)"]
            report.remedies = [obstacle.remedy]
            return report
        }
        let user = try services.unprivilegedUser()
        let folder = try await services.serverFolder(request, user, room: roomToProve(request.restore.part))
        defer { services.removeServerFolder(folder) }
        let server = MySQLThrowaway(services: services, programs: programs).server(in: folder, as: user)
        return try await server.whileUp { process in try await load(request, context, programs, process) }
    }

    private func load(
        _ request: ProofRequest, _ context: CaptureContext, _ programs: MySQLServerPrograms, _ process: Int32
    ) async throws -> ProofReport {
        let part = request.restore.part
        let server = try await MySQLServer(settings.local(process: process), spec, services)
        let original = part.restoreNotes["database"] ?? "restored"
        let restore = MySQLRestore(server: server, context: context)
        var report = ProofReport(try await restore.load(request.restore, into: original))
        report.tools[baseName(programs.server)] = programs.version.number
        report.restored.place = "database \(original) in a server of the drill's own"
        // None of them runs: the scheduler is off there, and the server is gone.
        report.restored.notices.removeAll { $0.contains("event_scheduler") }
        try await SQLAssertions.check(request.assertions(for: original), &report) { (query) throws(SourceError) in
            let limits = ToolCommand.Limits(total: request.timeLimit, stall: nil)
            let script =
                "USE \(MySQLQueries.identifier(original));\n" + (query.hasSuffix(";") ? query : query + ";") + "\n"
            let result = try await services.run(server.clients.shell(server.connection, script: script, limits: limits))
            if let failure = result.failure { throw failure }
            let answer = SQLAssertions.firstValue(result.output.text, separator: "\t")
            return answer == "NULL" ? "" : answer
        }
        try await request.whileServed([
            "MYSQL_UNIX_PORT": MySQLSettings.socket(of: process), "MYSQL_DATABASE": original,
            "MYSQL_USER": MySQLServerPrograms.superuser,
        ])
        return report
    }
}

extension MySQLSettings {
    fileprivate static func socket(of process: Int32) -> String {
        "\(Services.workingFolder(of: process))/\(MySQLServerPrograms.socketFile)"
    }

    /// The same source, in a server of our own.
    fileprivate func local(process: Int32) -> MySQLSettings {
        var settings = self
        settings.host = nil
        settings.port = nil
        settings.socket = MySQLSettings.socket(of: process)
        settings.user = MySQLServerPrograms.superuser
        settings.password = nil
        settings.tls = nil
        settings.certificates = nil
        settings.through = nil
        settings.clients = nil
        return settings
    }
}

/// A server of MariaDB or MySQL of our own that lives as long as one proof.
struct MySQLThrowaway: Sendable {
    let services: Services
    let programs: MySQLServerPrograms

    /// - Parameter dumped: the server that was dumped, as the notes of the part have it: `MariaDB 10.11.19`.
    static func find(
        _ dumped: String?, _ services: Services
    ) async throws(SourceError) -> Result<MySQLServerPrograms, ThrowawayServer.Obstacle> {
        let needed = dumped.flatMap(MySQLVersion.init)
        let family = needed?.family ?? .mariadb
        var newest: MySQLVersion?
        for name in family == .mariadb ? ["mariadbd", "mysqld"] : ["mysqld"] {
            guard let path = locate(name, services) else { continue }
            var ask = ToolCommand(path, ["--no-defaults", "--version"])
            ask.limits = ToolCommand.Limits(total: .seconds(60), stall: nil)
            guard let version = MySQLVersion(try await services.succeed(ask).output.text), version.family == family
            else {
                continue
            }
            let installer = locate("mariadb-install-db", services) ?? locate("mysql_install_db", services)
            if family == .mariadb, installer == nil { continue }
            newest = version
            if let needed, version.isOlderSeries(than: needed) { continue }
            return .success(
                MySQLServerPrograms(
                    server: path, installer: family == .mariadb ? installer : nil, version: version))
        }
        let what = family == .mariadb ? "MariaDB" : "MySQL"
        return .failure(
            ThrowawayServer.Obstacle(
                what: newest.map { "the server here is \($0), and the dump is of \(dumped ?? "a newer one")" }
                    ?? "there is no \(what) server here to load it into",
                remedy:
                    "install the server's programs (apt install \(family == .mariadb ? "mariadb-server-core" : "mysql-server-core-8.0")); "
                    + "a drill starts one of its own for as long as it needs it"))
    }

    /// Servers are not on everybody's search path.
    private static func locate(_ name: String, _ services: Services) -> String? {
        [name, "/usr/sbin/\(name)", "/usr/local/sbin/\(name)", "/usr/libexec/\(name)"].lazy
            .compactMap { services.runner.locate($0) }.first
    }

    /// - Parameter folder: where it may work: its own, private, and as root one that `user` may enter.
    func server(in folder: String, as user: UserIdentity?) -> ThrowawayServer {
        let data = folder + "/data"
        let services = services
        return ThrowawayServer(
            services: services, create: programs.create(at: data, as: user), serve: programs.serve(data, as: user)
        ) {
            // Until it has written its number it is not ready, and is asked again.
            guard let bytes = try? System.firstBytes(of: "\(data)/\(MySQLServerPrograms.processFile)", count: 20),
                let process = Int32(
                    String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)),
                await MySQLThrowaway.answers(process, services)
            else { return nil }
            return process
        } stop: { process in
            // What does not go when it is asked to is ended with what started it.
            _ = try? await services.run(MySQLThrowaway.ask("SHUTDOWN;\n", process, services))
        }
    }

    private static func answers(_ process: Int32, _ services: Services) async -> Bool {
        // One that gives no answer is not ready, and is asked again.
        (try? await services.run(ask("SELECT 1;\n", process, services)).didItsWork) == true
    }

    private static func ask(_ script: String, _ process: Int32, _ services: Services) -> ToolCommand {
        var connection = MySQLConnection()
        connection.socket = MySQLSettings.socket(of: process)
        connection.user = MySQLServerPrograms.superuser
        let limits = ToolCommand.Limits(total: .seconds(60), stall: nil)
        let hasOldNames = services.runner.locate("mariadb") == nil
        return MySQLClients(hasOldNames: hasOldNames).shell(connection, script: script, limits: limits)
    }
}
