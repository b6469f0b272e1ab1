import Foundation

/// A PostgreSQL server in a container of podman's, gone when the tests are, however they end. It listens on no network: it can
/// be reached through the container alone.
package final class ContainerizedPostgres: Sendable {
    /// The one that suites share; each test makes databases of its own in it.
    package static let shared = Result { try ContainerizedPostgres() }

    /// Podman, its programs for root, a server to put in, and a kernel that lets a container run.
    package static let isPossible: Bool = {
        guard geteuid() == 0, PrivatePostgres.programs != nil,
            FileManager.default.isExecutableFile(atPath: "/usr/bin/podman")
        else { return false }
        do {
            try run([RealTools.packageRoot + "/scripts/postgres-image", image])
            try run(["podman"] + runOptions + ["--rm", image, "cat", "/etc/passwd"])
            return true
        } catch {
            print("containers cannot be run: \(error)")
            return false
        }
    }()

    package let name: String
    package let composeFile: String
    package let service = "db"
    /// Lets everybody in on the socket but the role `guarded`, who must show a password.
    package let superuser = "tester"
    private let folder: ScratchFolder
    private let watcher: WatchedChild

    package static let image = "localhost/holdfast-test-postgres:2"
    /// crun refuses hosts with both versions of cgroups, and sandboxes refuse higher limits.
    package static let runOptions =
        (FileManager.default.isExecutableFile(atPath: "/usr/sbin/runc") ? ["--runtime", "runc"] : [])
        + ["run", "--network", "none", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096"]

    package init() throws {
        folder = try ScratchFolder("container")
        name = "holdfast-test-" + UUID().uuidString.prefix(8).lowercased()
        composeFile = folder["docker-compose.yml"]
        try Self.run([RealTools.packageRoot + "/scripts/postgres-image", Self.image])
        let labels = [
            "com.docker.compose.service=\(service)", "com.docker.compose.project.working_dir=\(folder.path)",
            "com.docker.compose.project.config_files=docker-compose.yml", "com.docker.compose.container-number=1",
        ]
        let server = """
            cd /var/lib/postgresql && initdb -D data -U \(superuser) -A trust -N -E UTF8 --locale=C.UTF-8 >/dev/null &&
            printf '%s\\n' 'local all guarded scram-sha-256' 'local all all trust' >data/pg_hba.conf &&
            exec postgres -D data -k /tmp -c listen_addresses= -F -c autovacuum=off -c shared_buffers=16MB \
                -c max_connections=60 -c lc_messages=C
            """
        // The shell removes the container when it is told to, or when we are gone, even by kill -9.
        let script = """
            name=$1 tests=$2
            trap 'tests=none' TERM
            while [ -d "/proc/$tests" ]; do sleep 0.5; done
            podman rm --force --time 1 --volumes "$name"
            """
        watcher = try WatchedChild(
            ["/bin/sh", "-c", script, "sh", name, String(getpid())],
            environment: ["PATH": "/usr/sbin:/usr/bin:/bin"], output: folder["watcher"], errors: folder["watcher"])
        try Self.run(
            ["podman"] + Self.runOptions + labels.flatMap { ["--label", $0] } + [
                "--detach", "--name", name, "--env", "PGHOST=/tmp", Self.image, "sh", "-c",
                "chown 999:999 /var/lib/postgresql && exec setpriv --reuid 999 --regid 999 --clear-groups sh -c \"$1\"",
                "sh", server,
            ])
        for _ in 0..<300 {
            if (try? sql("SELECT 1")) != nil { return }
            usleep(100_000)
        }
        throw Failure("the server did not come up: " + (try Self.run(["sh", "-c", "podman logs \(name) 2>&1"])))
    }

    deinit { watcher.signal(SIGTERM) }

    @discardableResult
    package func sql(_ statements: String, database: String = "postgres") throws -> String {
        try Self.run(
            [
                "podman", "exec", "--interactive", name, "psql", "-X", "-w", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1",
                "-U", superuser, "-d", database, "-f", "-",
            ], input: statements)
    }

    @discardableResult
    package func makeDatabase(_ statements: String = "") throws -> String {
        let name = "db_" + UUID().uuidString.prefix(8).lowercased()
        try sql("CREATE DATABASE \(name) TEMPLATE template0")
        if !statements.isEmpty { try sql(statements, database: name) }
        return name
    }

    package func backends(named prefix: String) throws -> Int {
        Int(try sql("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE '\(prefix)%'")) ?? -1
    }

    /// The server took nothing for a crash of a backend of its own.
    package func isUnharmed() throws -> Bool {
        !(try Self.run(["sh", "-c", "podman logs \"$1\" 2>&1", "sh", name])).contains("terminated by signal")
    }

    /// How many programs inside have this text in their arguments or variables, those that look not counted.
    package func processes(with text: String) throws -> Int {
        let pids = try Self.run(["podman", "top", name, "hpid"]).split(whereSeparator: \.isNewline).dropFirst()
        return pids.filter { pid in
            let pid = pid.filter(\.isNumber)
            return ["cmdline", "environ"].contains { file in
                FileManager.default.contents(atPath: "/proc/\(pid)/\(file)").map {
                    String(decoding: $0, as: UTF8.self).contains(text)
                } ?? false
            }
        }.count
    }

    @discardableResult
    package static func run(_ words: [String], input: String = "") throws -> String {
        let folder = try ScratchFolder("run")
        let child = try WatchedChild(
            ["/usr/bin/env"] + words, environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"],
            input: try folder.write(input, to: "in"), output: folder["out"], errors: folder["err"])
        // No waiting for a task here: tests call this on the very threads that it would have to run on.
        while child.endedCode == nil { usleep(5000) }
        let code = child.endedCode ?? -1
        func text(_ name: String) -> String {
            String(decoding: FileManager.default.contents(atPath: folder[name]) ?? Data(), as: UTF8.self)
        }
        guard code == 0 else {
            throw Failure("\(words.joined(separator: " ").prefix(300)) → \(code): \(text("err"))")
        }
        return text("out").trimmingCharacters(in: .newlines)
    }

    package struct Failure: Error, CustomStringConvertible {
        package var description: String
        init(_ description: String) { self.description = description }
    }
}
