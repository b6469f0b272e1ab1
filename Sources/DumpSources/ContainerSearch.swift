import BackupModel
import Programs

/// Finds containers and volumes by asking the engines that there are, and says what is there when it is something else.
struct ContainerSearch: Sendable {
    let services: Services
    /// `nil` asks each engine that is installed.
    let engine: ContainerEngine?

    /// The way into a running container.
    func passage(into name: String, user: String?) async throws(SourceError) -> Passage {
        let found = try await find(
            "the container \(name)", nearTo: name, among: { $0.containerNames },
            asking: { $0.inspectContainers([name]) }, reading: { try ContainerEngine.containers($0) })
        return try passage(into: found.value, of: found.engine, user: user)
    }

    /// The way into the container of a compose service.
    func passage(
        intoService service: String, of file: String, user: String?
    ) async throws(SourceError) -> Passage {
        var known: [String] = []
        var troubles: [SourceError] = []
        for engine in try engines() {
            do throws(SourceError) {
                let ids = try await answer(to: engine.composedContainers, of: engine).split(whereSeparator: \.isNewline)
                guard !ids.isEmpty else { continue }
                let text = try await answer(to: engine.inspectContainers(ids.map(String.init)), of: engine)
                let ours = try read(text, of: engine) { try ContainerEngine.containers($0) }
                    .filter { $0.isMade(by: file) && !$0.isOneOff }
                known += ours.compactMap(\.service)
                let matching = ours.filter { $0.service == service }.sorted { $0.number < $1.number }
                guard let container = matching.first(where: \.isRunning) ?? matching.first else { continue }
                return try passage(into: container, of: engine, user: user)
            } catch {
                if case .cancelled = error { throw error }
                if case .missing = error { throw error }
                troubles.append(error)
            }
        }
        if known.isEmpty, let trouble = troubles.first { throw trouble }
        throw .missing(
            "a container of the service \(service) of \(file)",
            hint: known.isEmpty
                ? "is it up? `docker compose --file \(file) up --detach`, or podman-compose"
                : Self.suggestion(for: service, among: known))
    }

    /// A volume, and who runs it.
    func volume(_ name: String) async throws(SourceError) -> (engine: ContainerEngine, value: ContainerEngine.Volume) {
        try await find(
            "the volume \(name)", nearTo: name, among: { $0.volumeNames }, asking: { $0.inspectVolume(name) },
            reading: { try ContainerEngine.volumes($0) })
    }

    private func passage(
        into container: ContainerEngine.Container, of engine: ContainerEngine, user: String?
    ) throws(SourceError) -> Passage {
        guard container.isRunning else {
            throw .missing(
                "a running container \(container.name) (it is \(container.status))",
                hint: "start it: \(engine.rawValue) start \(container.name)")
        }
        return .container(engine, id: container.id, user: user)
    }

    private func find<Value: Sendable>(
        _ what: String, nearTo name: String, among names: (ContainerEngine) -> ToolCommand,
        asking question: (ContainerEngine) -> ToolCommand, reading: (String) throws -> [Value]
    ) async throws(SourceError) -> (engine: ContainerEngine, value: Value) {
        var known: [String] = []
        var wasAnswered = false
        var troubles: [SourceError] = []
        for engine in try engines() {
            do throws(SourceError) {
                guard let text = try await answer(to: question(engine), of: engine, orNilWhenMissing: true) else {
                    wasAnswered = true
                    known += try await answer(to: names(engine), of: engine)
                        .split { $0.isNewline || $0 == "," }.map(String.init)
                    continue
                }
                if let value = try read(text, of: engine, reading).first { return (engine, value) }
            } catch {
                if case .cancelled = error { throw error }
                troubles.append(error)
            }
        }
        if !wasAnswered, let trouble = troubles.first { throw trouble }
        var hint = Self.suggestion(for: name, among: known)
        if let trouble = troubles.first { hint += "; \(trouble.description)" }
        throw .missing(what, hint: hint)
    }

    private static func suggestion(for name: String, among known: [String]) -> String {
        if let nearest = Nearest.match(name, in: known) { return "did you mean `\(nearest)`?" }
        if known.isEmpty { return "there is none at all; each user of podman has containers and volumes of their own" }
        let shown = Set(known).sorted().prefix(8).joined(separator: ", ")
        return "there are: \(shown)" + (known.count > 8 ? ", and others" : "")
    }

    private func engines() throws(SourceError) -> [ContainerEngine] {
        let asked = engine.map { [$0] } ?? ContainerEngine.allCases
        let installed = asked.filter { services.runner.locate($0.rawValue) != nil }
        guard installed.isEmpty else { return installed }
        throw .tool(
            .notFound(program: asked.map(\.rawValue).joined(separator: " or "), searched: ["the search path"]))
    }

    private func answer(to command: ToolCommand, of engine: ContainerEngine) async throws(SourceError) -> String {
        try await answer(to: command, of: engine, orNilWhenMissing: false) ?? ""
    }

    private func answer(
        to command: ToolCommand, of engine: ContainerEngine, orNilWhenMissing: Bool
    ) async throws(SourceError) -> String? {
        let result = try await services.run(command)
        guard let failure = result.failure else { return result.output.text }
        guard result.stopped == nil else { throw failure }
        let detail = tellingEnd(of: result.errors.text)
        switch ContainerEngine.Trouble(diagnostics: result.errors.text) {
        case .noSuchThing where orNilWhenMissing: return nil
        case .notPermitted:
            throw .notPermitted(
                engine.rawValue, detail: detail,
                hint: "run as root, or as a user who may use \(engine.rawValue)")
        case .unreachable:
            throw .unreachable(
                engine.rawValue, detail: detail,
                hint: "is its service running? `engine:` says which program is meant")
        case .noSuchThing, .other: throw failure
        }
    }

    private func read<Value>(
        _ text: String, of engine: ContainerEngine, _ decode: (String) throws -> [Value]
    ) throws(SourceError) -> [Value] {
        do { return try decode(text) } catch {
            throw .toolFailed(tool: engine.rawValue, how: "exit code 0", detail: "its answer cannot be read: \(error)")
        }
    }
}

extension Services {
    /// Where the programs of a source run; `nil` is here.
    func passage(_ through: ThroughSettings?) async throws(SourceError) -> Passage? {
        guard let through else { return nil }
        let search = ContainerSearch(services: self, engine: through.engine)
        switch through.place {
        case .user: return nil
        case .host(let shell): return .secureShell(shell)
        case .container(let name): return try await search.passage(into: name, user: through.user)
        case .service(let name, let file):
            return try await search.passage(intoService: name, of: file, user: through.user)
        }
    }
}

extension Passage {
    /// Why the way there failed, as far as the client's messages tell; `nil` where it was the program there.
    func meaning(of diagnostics: String) -> SourceError? {
        let detail = tellingEnd(of: diagnostics)
        switch self {
        case .secureShell(let shell):
            switch SecureShell.Trouble(diagnostics: diagnostics) {
            case .unknownHost:
                return .unreachable(
                    description, detail: detail,
                    hint: "log in once by hand, compare the key's fingerprint, and accept it: ssh \(shell.destination)")
            case .notAuthenticated:
                return .notPermitted(
                    description, detail: detail,
                    hint:
                        "the key must be accepted there and need no passphrase: ssh -o BatchMode=yes \(shell.destination)"
                )
            case .unreachable:
                return .unreachable(description, detail: detail, hint: "is it up, and does ssh reach it from here?")
            case nil: return nil
            }
        case .container:
            let ended = ["container state improper", "is not running", "no such container", "no container with name"]
            guard ended.contains(where: { diagnostics.lowercased().contains($0) }) else { return nil }
            return .unreachable(description, detail: detail, hint: "it ended or was made anew while it was in use")
        }
    }

    /// The exit code says that the program is not there.
    static func isMissingProgram(_ result: ToolResult) -> Bool { result.termination == .exited(127) }
}
