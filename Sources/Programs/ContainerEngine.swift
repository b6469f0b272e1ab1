package import BackupModel
import Foundation

/// A program that runs containers. Both are called alike; what differs is how their answers look.
///
/// - Source: https://docs.podman.io/en/v4.3/markdown/podman.1.html (4.3.1),
///   https://docs.docker.com/reference/cli/docker/ (28.2)
package enum ContainerEngine: String, Sendable, CaseIterable {
    case docker
    case podman

    /// What says which engine's service or store is meant.
    package static let variables: Set<String> = [
        "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY", "CONTAINER_HOST",
        "CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF", "XDG_RUNTIME_DIR", "XDG_DATA_HOME", "XDG_CONFIG_HOME",
    ]

    package func inspectVolume(_ name: String) -> ToolCommand { asking(["volume", "inspect", "--", name]) }
    package var volumeNames: ToolCommand { asking(["volume", "ls", "--quiet"]) }

    /// The names of the running or paused containers that use a volume.
    package func runningContainers(withVolume name: String) -> ToolCommand {
        asking([
            "container", "ls", "--filter", "volume=\(name)", "--filter", "status=running", "--filter", "status=paused",
            "--format", "{{.Names}}",
        ])
    }

    package func inspectContainers(_ names: [String]) -> ToolCommand { asking(["container", "inspect", "--"] + names) }
    package var containerNames: ToolCommand { asking(["container", "ls", "--all", "--format", "{{.Names}}"]) }
    /// The ids of all containers that a compose file made, those that do not run too.
    package var composedContainers: ToolCommand {
        asking(["container", "ls", "--all", "--quiet", "--no-trunc", "--filter", "label=\(Container.serviceLabel)"])
    }

    private func asking(_ arguments: [String]) -> ToolCommand {
        var command = ToolCommand(rawValue, arguments)
        command.inheritedVariables = ContainerEngine.variables
        command.limits = ToolCommand.Limits(total: .seconds(60), stall: nil)
        command.teardown = TeardownStep.terminateFirst
        command.workingDirectory = "/"
        command.keptOutput = .mebibytes(8)
        return command
    }

    /// Where a volume lies, and by what.
    package struct Volume: Sendable, Equatable, Decodable {
        package var name: String
        package var driver: String
        /// On the host that the engine runs on; empty where a driver keeps it to itself.
        package var mountpoint: String

        private enum CodingKeys: String, CodingKey {
            case name = "Name"
            case driver = "Driver"
            case mountpoint = "Mountpoint"
        }
    }

    /// What matters of a container.
    package struct Container: Sendable, Equatable, Decodable {
        package var id: String
        /// Without the slash that docker puts before it.
        package var name: String
        package var isRunning: Bool
        /// `running`, `exited`, `paused` …
        package var status: String
        package var labels: [String: String]

        static let serviceLabel = "com.docker.compose.service"
        /// The compose service that it belongs to.
        package var service: String? { labels[Container.serviceLabel] }
        /// Whether the compose file made it. Podman's compose notes file names that may be relative to the project's folder.
        package func isMade(by file: String) -> Bool {
            let folder = labels["com.docker.compose.project.working_dir"] ?? ""
            let files = labels["com.docker.compose.project.config_files"] ?? ""
            return files.split(separator: ",").contains { noted in
                let path = noted.hasPrefix("/") ? String(noted) : "\(folder)/\(noted)"
                return (path as NSString).standardizingPath == (file as NSString).standardizingPath
            }
        }
        /// Its number among the containers of its service.
        package var number: Int { labels["com.docker.compose.container-number"].flatMap { Int($0) } ?? 1 }
        /// Not one that `compose run` made for a single task.
        package var isOneOff: Bool { labels["com.docker.compose.oneoff"]?.lowercased() == "true" }

        private enum CodingKeys: String, CodingKey {
            case id = "Id"
            case name = "Name"
            case state = "State"
            case config = "Config"
        }
        private enum StateKeys: String, CodingKey {
            case isRunning = "Running"
            case status = "Status"
        }
        private enum ConfigKeys: String, CodingKey { case labels = "Labels" }

        package init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            id = try values.decode(String.self, forKey: .id)
            name = try values.decode(String.self, forKey: .name)
            if name.hasPrefix("/") { name.removeFirst() }
            let state = try values.nestedContainer(keyedBy: StateKeys.self, forKey: .state)
            isRunning = try state.decode(Bool.self, forKey: .isRunning)
            status = try state.decodeIfPresent(String.self, forKey: .status) ?? ""
            let config = try values.nestedContainer(keyedBy: ConfigKeys.self, forKey: .config)
            labels = try config.decodeIfPresent([String: String].self, forKey: .labels) ?? [:]
        }
    }

    /// Out of what `volume inspect` prints.
    package static func volumes(_ json: String) throws -> [Volume] { try decode(json) }
    /// Out of what `container inspect` prints.
    package static func containers(_ json: String) throws -> [Container] { try decode(json) }

    private static func decode<Value: Decodable>(_ json: String) throws -> [Value] {
        try JSONDecoder().decode([Value].self, from: Data(json.utf8))
    }

    /// Why an engine did not answer.
    package enum Trouble: Sendable, Equatable {
        case noSuchThing
        case notPermitted
        /// Its service is not there.
        case unreachable
        case other

        /// - Source: the texts of podman 4.3.1 and docker 28.2 (`Error response from daemon: get x: no such volume`)
        package init(diagnostics: String) {
            let text = diagnostics.lowercased()
            self =
                if text.contains("permission denied") {
                    .notPermitted
                } else if text.contains(
                    "cannot connect to the docker daemon") || text.contains("unable to connect to podman")
                    || text.contains("connection refused") || text.contains("error during connect")
                {
                    .unreachable
                } else if text.contains("no such") || text.contains("no container with name") { .noSuchThing } else {
                    .other
                }
        }
    }
}
