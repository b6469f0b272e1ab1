package import BackupModel
package import Programs

/// What a profile says under `through:`: where the programs of a source run.
package struct ThroughSettings: Sendable, Equatable {
    package enum Place: Sendable, Equatable {
        case container(name: String)
        case service(String, composeFile: String)
        case host(SecureShell)
        /// Here, as another user.
        case user(String)
    }

    package var place: Place
    /// `nil` takes the one that knows the container.
    package var engine: ContainerEngine?
    /// Who runs the programs inside a container; `nil` is the container's own user.
    package var user: String?

    /// - Returns: `nil` when the value names no place; ``check(_:in:)`` has told the operator.
    package init?(_ value: ConfigValue?) {
        guard let value, let place = ThroughSettings.place(value) else { return nil }
        self.place = place
        engine = value["engine"]?.text.flatMap(ContainerEngine.init(rawValue:))
        user = value["user"]?.text
    }

    private static func place(_ value: ConfigValue) -> Place? {
        if let name = value["container"]?.text { return .container(name: name) }
        if let file = value["compose"]?.text, let service = value["service"]?.text {
            return .service(service, composeFile: file)
        }
        if let destination = value["ssh"]?.text {
            return .host(
                SecureShell(
                    destination: destination, options: value["options"]?.strings ?? [],
                    identity: value["identity"]?.text))
        }
        return value["user"]?.text.map(Place.user)
    }

    /// The user of this system as whom everything runs, when that is all there is to it.
    package var localUser: String? {
        if case .user(let name) = place { name } else { nil }
    }

    package static let engineKey = KeyDescriptor(
        "engine", .choice(["auto"] + ContainerEngine.allCases.map(\.rawValue)),
        "Which program runs it; `auto` takes the one that knows it.", default: "auto")

    /// - Parameter what: what it runs there, for the reference: `the client programs`.
    package static func key(_ what: String) -> KeyDescriptor {
        KeyDescriptor(
            "through",
            .object([
                KeyDescriptor("container", .string, "The name or id of a running container.", refusesSecrets: true),
                KeyDescriptor(
                    "compose", .path, "The compose file of the container, beside `service`.", refusesSecrets: true),
                KeyDescriptor(
                    "service", .string, "The service of the compose file; its container must run.", refusesSecrets: true
                ),
                engineKey,
                KeyDescriptor(
                    "ssh", .string,
                    "Another host: `user@host`, or a name of `~/.ssh/config`. Its key must be known already, and none may "
                        + "ask for a passphrase.", refusesSecrets: true),
                KeyDescriptor(
                    "options", .list(.string), "Options of ssh such as `Port=2222`.", refusesSecrets: true),
                KeyDescriptor("identity", .path, "The private key for ssh, and no other.", refusesSecrets: true),
                KeyDescriptor(
                    "user", .string,
                    "Beside a container, a user in there; alone, a user of this system, which needs root.",
                    refusesSecrets: true),
            ]), "Runs \(what) elsewhere: inside a container, on another host, or as another user.")
    }

    /// What the shape cannot say.
    package static func check(_ value: ConfigValue?, in kind: String) -> [ConfigProblem] {
        guard let value, !value.entries.isEmpty else { return [] }
        var problems: [ConfigProblem] = []
        func refuse(_ key: String?, _ message: String) {
            problems.append(
                ConfigProblem(
                    at: key.flatMap { value[$0]?.location } ?? value.location,
                    keyPath: "\(kind).through" + (key.map { ".\($0)" } ?? ""), message: message))
        }
        func has(_ key: String) -> Bool { value[key] != nil }
        let places = ["container", "compose", "ssh"].filter(has)
        if places.count > 1 {
            refuse(places[1], "stands beside `\(places[0])`; use one of the two")
        } else if places.isEmpty, !has("user"), !has("service") {
            refuse(nil, "names no place: set `container`, `compose` with `service`, `ssh`, or `user`")
        }
        if has("compose") != has("service") {
            refuse(has("compose") ? "compose" : "service", "`compose` and `service` go together")
        }
        if has("engine"), value["engine"]?.text != "auto", !has("container"), !has("compose") {
            refuse("engine", "has a meaning for containers only")
        }
        for key in ["options", "identity"] where has(key) && !has("ssh") { refuse(key, "has a meaning for ssh only") }
        if has("user"), has("ssh") { refuse("user", "belongs into `ssh`: user@host") }
        for key in ["container", "ssh", "user", "service"] {
            if let text = value[key]?.text, text.isEmpty || text.hasPrefix("-") || text.contains(where: \.isWhitespace)
            {
                refuse(key, "is no name: `\(text)`")
            }
        }
        return problems
    }
}
