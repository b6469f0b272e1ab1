package import BackupModel

/// What a profile says about a `command` source.
package struct CommandSettings: Sendable, Equatable {
    package enum Product: Sendable, Equatable {
        /// What it prints.
        case output
        /// The file at this path; `{scratch}` in it stands for a private folder of the run.
        case file(String)
    }

    package enum Variable: Sendable, Equatable {
        case plain(String)
        case secret(SecretReference)
    }

    package static let scratchPlaceholder = "{scratch}"

    package var run: [String]
    package var product: Product
    /// The name of the virtual file, without a folder; `nil` is the source's own name with `.dump`.
    package var name: String?
    package var environment: [String: Variable]
    package var directory: String?
    package var user: String?
    package var timeLimit: Duration?
    package var stallLimit: Duration
    package var bytesAreExact: Bool
    /// Where it runs.
    package var through: ThroughSettings?

    package init(_ value: ConfigValue) throws(SourceError) {
        let isShorthand = value.entries.isEmpty
        run = isShorthand ? value.strings : value["run"]?.strings ?? []
        product = value["writes"]?.text.map(Product.file) ?? .output
        name = value["name"]?.text
        environment = [:]
        for entry in value["environment"]?.entries ?? [] {
            environment[entry.key] =
                if let reference = entry.value.secret { .secret(reference) } else { .plain(entry.value.text ?? "") }
        }
        directory = value["directory"]?.text
        through = ThroughSettings(value["through"])
        user = value["user"]?.text ?? through?.localUser
        timeLimit = value["time-limit"]?.duration
        stallLimit = value["stall-limit"]?.duration ?? .seconds(1800)
        bytesAreExact = value["exact-bytes"]?.boolean ?? false
        if user != nil,
            (run + [value["writes"]?.text ?? ""]).contains(where: { $0.contains(CommandSettings.scratchPlaceholder) })
        {
            throw .unsupported(
                "{scratch} together with `user:`", hint: "the scratch folder is closed to other users; write elsewhere")
        }
        guard let program = run.first, !program.isEmpty, !run.contains(where: { $0.contains("\0") }) else {
            throw .unsupported(
                "a command source without a command", hint: "write the program and its arguments under `run:`")
        }
    }

    package static let descriptor = KindDescriptor(
        kind: "command",
        summary: "What any program prints, or a file that it writes.",
        shape: .either([.list(.string), .object(keys)]),
        example: """
            command:
              run: [/usr/bin/slapcat, -n, "1"]
              name: directory.ldif
            """,
        check: check)

    private static func check(_ entry: ConfigValue) -> [ConfigProblem] {
        guard let value = entry["command"] else { return [] }
        var problems = ThroughSettings.check(value["through"], in: "command")
        if let through = ThroughSettings(value["through"]) { problems += check(value, beside: through) }
        if let run = value.entries.isEmpty ? value : value["run"], run.strings.first?.isEmpty ?? true {
            problems.append(
                ConfigProblem(at: run.location, keyPath: "command.run", message: "names no program"))
        }
        if let name = value["name"], let text = name.text,
            text.isEmpty || text.contains("/") || text == "." || text == ".."
        {
            problems.append(
                ConfigProblem(
                    at: name.location, keyPath: "command.name", message: "must be a file name without a folder"))
        }
        if let writes = value["writes"], let path = writes.text, !path.hasPrefix("/"),
            !path.hasPrefix(scratchPlaceholder + "/")
        {
            problems.append(
                ConfigProblem(
                    at: writes.location, keyPath: "command.writes",
                    message: "must be an absolute path, or begin with `{scratch}/`"))
        }
        if let exact = value["exact-bytes"], value["writes"] != nil {
            problems.append(
                ConfigProblem(
                    at: exact.location, keyPath: "command.exact-bytes",
                    message: "is about printed output and has no meaning beside `writes:`"))
        }
        return problems
    }

    /// What means this machine has no meaning elsewhere.
    private static func check(_ value: ConfigValue, beside through: ThroughSettings) -> [ConfigProblem] {
        var problems: [ConfigProblem] = []
        let refused = through.localUser == nil ? ["directory", "user", "exact-bytes"] : ["user"]
        for key in refused {
            guard let wrong = value[key] else { continue }
            problems.append(
                ConfigProblem(
                    at: wrong.location, keyPath: "command.\(key)", message: "has no meaning beside `through:`"))
        }
        // There it is made for what is written into it, and goes with that.
        if through.localUser == nil, value["writes"] == nil,
            value["run"]?.strings.contains(where: { $0.contains(scratchPlaceholder) }) ?? false
        {
            problems.append(
                ConfigProblem(
                    at: value.location, keyPath: "command.run",
                    message: "{scratch} is there beside `through:` only with `writes:`"))
        }
        for entry in value["environment"]?.entries ?? [] where !isVariable(entry.key) {
            problems.append(
                ConfigProblem(
                    at: entry.keyLocation, keyPath: "command.environment",
                    message: "`\(entry.key)` is no variable that a shell knows, as `through:` needs"))
        }
        return problems
    }

    static func isVariable(_ name: String) -> Bool {
        guard let first = name.utf8.first, !(48...57).contains(first) else { return false }
        return name.utf8.allSatisfy {
            (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || $0 == 95
        }
    }

    private static let keys = [
        KeyDescriptor(
            "run", .list(.string),
            "The program and its arguments; no shell is involved. `{scratch}` stands for a private folder of the run.",
            required: true, refusesSecrets: true),
        KeyDescriptor(
            "writes", .string,
            "The file that it writes, absolute or below `{scratch}/`. Without this key, what it prints is the dump. Beside `through:` "
                + "the file is written there, must not be there before, and is removed when it has been read.",
            refusesSecrets: true),
        KeyDescriptor("name", .string, "The file's name in the snapshot.", default: "the source's name with .dump"),
        KeyDescriptor(
            "environment", .dictionary(.either([.secret, .string])),
            "Variables for it: plain text, or a reference to a secret such as `env:NAME`."),
        KeyDescriptor("directory", .path, "Where it runs.", default: "the profile's folder", refusesSecrets: true),
        KeyDescriptor("user", .string, "The system user to run it as; needs root."),
        ThroughSettings.key("the program"),
        KeyDescriptor("time-limit", .duration, "It is stopped after this long."),
        KeyDescriptor(
            "stall-limit", .duration, "It is stopped after this long without a sign of life.", default: "30m"),
        KeyDescriptor(
            "exact-bytes", .boolean,
            "It writes nothing but its output, so that the number of bytes it wrote must be the number stored.",
            default: "false"),
    ]
}
