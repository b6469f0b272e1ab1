import BackupModel
import Foundation
import Programs
import Testing

@Suite struct `A passage` {
    private let container = Passage.container(.podman, id: "4f2a", user: nil)

    @Test func `leads a command into a container with its variables as words and nothing in the client's own`() {
        var command = ToolCommand("psql", ["--file=-"])
        command.environment = ["PGHOST": "/tmp", "PGDATABASE": "a b"]
        command.input = .bytes([1])
        let far = container.enclose(command)
        #expect(far.program == "podman")
        #expect(
            far.arguments == [
                "exec", "--interactive", "4f2a", "env", "PGDATABASE=a b", "PGHOST=/tmp", "psql", "--file=-",
            ])
        #expect(far.environment.isEmpty && far.input == .bytes([1]) && far.firstLines.isEmpty)
        #expect(far.inheritedVariables.contains("DOCKER_HOST"))
    }

    @Test func `hands secrets over as first lines, which the shell there reads`() {
        var command = ToolCommand("psql")
        command.secrets = [.environment(variable: "PGPASSWORD", Secret("hush"))]
        command.input = .bytes([1])
        let far = Passage.container(.docker, id: "4f2a", user: "postgres").enclose(command)
        #expect(far.program == "docker")
        #expect(
            far.arguments == [
                "exec", "--interactive", "--user", "postgres", "4f2a", "sh", "-c",
                "IFS= read -r PGPASSWORD || exit 125; export PGPASSWORD\nexec \"$@\"", "sh", "psql",
            ])
        #expect(far.firstLines == [Secret("hush")] && far.secrets.isEmpty)
        #expect(!far.displayed.contains("hush"))
    }

    @Test func `puts a watcher beside what has no input, and holds its input open`() {
        let far = container.enclose(ToolCommand("pg_dump", ["--no-password"]))
        #expect(far.input == .held)
        #expect(far.arguments.contains { $0.contains("kill -TERM") })
        #expect(far.arguments.suffix(3) == ["sh", "pg_dump", "--no-password"])
    }

    @Test func `by ssh asks nothing, believes no unknown host, and quotes each word for the shell there`() {
        let shell = SecureShell(destination: "me@db", options: ["Port=2222"], identity: "/root/.ssh/backup")
        var command = ToolCommand("psql", ["it's", "a b"])
        command.input = .bytes([])
        let far = Passage.secureShell(shell).enclose(command)
        #expect(far.program == "ssh")
        #expect(far.arguments.suffix(3) == ["--", "me@db", "'psql' 'it'\\''s' 'a b'"])
        let options = far.arguments.joined(separator: " ")
        for wanted in [
            "-o BatchMode=yes", "-o StrictHostKeyChecking=yes", "-i /root/.ssh/backup", "-o IdentitiesOnly=yes",
            "-o Port=2222",
        ] { #expect(options.contains(wanted)) }
        let (ours, theirs) = (options.range(of: "BatchMode=yes"), options.range(of: "Port=2222"))
        #expect(ours!.lowerBound < theirs!.lowerBound, "the first value of an option counts")
    }

    @Test(arguments: [
        (
            "No ED25519 host key is known for [127.0.0.1]:22 and you have requested strict checking.",
            SecureShell.Trouble.unknownHost
        ),
        ("Host key verification failed.", .unknownHost),
        ("root@127.0.0.1: Permission denied (publickey).", .notAuthenticated),
        ("ssh: connect to host 127.0.0.1 port 1: Connection refused", .unreachable),
        ("ssh: Could not resolve hostname nowhere: Name or service not known", .unreachable),
    ])
    func `tells why ssh itself failed`(_ text: String, _ trouble: SecureShell.Trouble) {
        #expect(SecureShell.Trouble(diagnostics: text) == trouble)
        #expect(SecureShell.Trouble(diagnostics: "pg_dump: error: permission denied for table x") == nil)
    }

    @Test func `hands clients their password without a memory file, and messages in English`() {
        let clients = PostgreSQLClients(folder: nil, passage: container)
        var connection = PostgreSQLConnection(database: "app", applicationName: "holdfast-run")
        connection.password = Secret("s3cr:et\\")
        for command in [
            clients.dump(connection, .init()), clients.globals(connection, withPasswords: true),
            clients.shell(connection, script: "SELECT 1"), clients.session(connection), clients.load(connection),
            clients.loadArchive(connection),
        ] {
            #expect(command.firstLines == [Secret("s3cr:et\\")], "\(command.displayed)")
            #expect(command.secrets.isEmpty)
            #expect(command.arguments.contains("LC_ALL=C") && command.arguments.contains("PGAPPNAME=holdfast-run"))
        }
        #expect(clients.dump(connection, .init()).input == .held)
        #expect(clients.load(connection).input == .none, "it reads the pipe before it")
        #expect(clients.decodeArchive("/x/y.dump").input == .file("/x/y.dump"))
    }
}

@Suite struct `A container engine` {
    private func fixture(_ name: String) throws -> String {
        try String(contentsOfFile: Bundle.module.bundlePath + "/Fixtures/podman/\(name).json", encoding: .utf8)
    }

    @Test func `says where a volume lies`() throws {
        let volume = try #require(try ContainerEngine.volumes(fixture("volume-inspect")).first)
        #expect(volume.name == "app_uploads" && volume.driver == "local")
        #expect(volume.mountpoint == "/var/lib/containers/storage/volumes/app_uploads/_data")
        #expect(ContainerEngine.podman.inspectVolume("app").arguments == ["volume", "inspect", "--", "app"])
    }

    @Test func `says what a container is, whichever engine it is`() throws {
        let container = try #require(try ContainerEngine.containers(fixture("container-inspect")).first)
        #expect(container.name == "app-db-1" && container.isRunning && container.service == "db")
        #expect(container.id.count == 64 && container.number == 1 && !container.isOneOff)
        #expect(container.isMade(by: "/opt/app/docker-compose.yml"))
        #expect(!container.isMade(by: "/opt/other/docker-compose.yml"))
        let docker = try #require(
            try ContainerEngine.containers(
                """
                [{"Id": "ab", "Name": "/app-db-1", "State": {"Status": "exited", "Running": false},
                  "Config": {"Labels": {"com.docker.compose.service": "db", "com.docker.compose.oneoff": "False",
                  "com.docker.compose.project.config_files": "/opt/app/base.yml,/opt/app/more.yml"}}}]
                """
            ).first)
        #expect(docker.name == "app-db-1" && !docker.isRunning && docker.status == "exited" && !docker.isOneOff)
        #expect(docker.isMade(by: "/opt/app/more.yml"))
    }

    @Test(arguments: [
        ("Error: inspecting object: no such volume nope", ContainerEngine.Trouble.noSuchThing),
        ("Error response from daemon: get nope: no such volume", .noSuchThing),
        ("Error: inspecting object: no such container nope", .noSuchThing),
        (
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
            .unreachable
        ),
        (
            "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock",
            .notPermitted
        ),
        ("something else", .other),
    ])
    func `tells why it did not answer`(_ text: String, _ trouble: ContainerEngine.Trouble) {
        #expect(ContainerEngine.Trouble(diagnostics: text) == trouble)
    }
}
