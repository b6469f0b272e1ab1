import BackupModel

extension ProfileKeys {
    static let drill: [KeyDescriptor] = [
        KeyDescriptor(
            "point", .choice(DrillSpec.Choice.allCases.map(\.rawValue)),
            "Which restore point is drilled: the newest, or an older one, another each time.", default: "latest"),
        KeyDescriptor(
            "from", .name, "The repository that is restored from: one with `follows:` in place of the primary."),
        KeyDescriptor(
            "room", .byteCount, "What a drill may take in scratch at any time; a source that takes more is not begun.",
            default: "what is free, less a twentieth of the disk and at most 1 GiB"),
        KeyDescriptor(
            "sample", .integer(0...100_000),
            "How many restored files of each part are compared, byte by byte, with the live ones that have not changed since.",
            default: "50"),
    ]

    static let sourceDrill: [KeyDescriptor] = [
        KeyDescriptor(
            "sql", .either([.list(.string), .dictionary(.list(.string))]),
            "Queries asked of the restored database, or a map from names of databases to queries. Each must answer, in the first "
                + "column of its first row, `t`, `true` or a number that is not zero. For `postgres`, `mysql` and `sqlite`."
        ),
        KeyDescriptor(
            "run", .list(.list(.string)),
            "A program and its arguments, or a list of such: each runs in the folder with what was restored, which "
                + "`HOLDFAST_RESTORED` names too, and must exit 0. A relative path begins at the profile's folder. The program's "
                + "file must be safe as that of a hook.", refusesSecrets: true),
        KeyDescriptor("shell", .list(.string), "Texts for `/bin/sh -c`, likewise.", refusesSecrets: true),
        KeyDescriptor("time-limit", .duration, "How long each query and each program may take.", default: "10m"),
        KeyDescriptor(
            "unopened", .choice(["accept", "refuse"]),
            "Whether an encrypted part counts as proven, by its bytes, where its key is not at hand: with `accept` a drill with "
                + "the key (`--identity FILE`) stays yours to do.", default: "refuse"),
    ]
}

/// What the shapes of `drill:` do not say.
enum DrillKeyCheck {
    private static let databaseKinds = ["postgres", "mysql", "sqlite"]

    /// - Parameter switchedOff: key paths of entries that `when:` took away; a drill of such a repository says so itself.
    static func problems(of root: ConfigValue, switchedOff: [String]) -> [ConfigProblem] {
        var problems: [ConfigProblem] = []
        func refuse(_ value: ConfigValue, _ path: String, _ message: String, suggestion: String? = nil) {
            problems.append(
                ConfigProblem(at: value.location, keyPath: path, message: message, suggestion: suggestion))
        }
        let repositories = root["repositories"]?.entries.map(\.key) ?? []
        if let from = root["drill"]?["from"], let name = from.text, !repositories.contains(name),
            !switchedOff.contains("repositories.\(name)")
        {
            refuse(
                from, "drill.from", "there is no repository `\(shown(name))`",
                suggestion: Nearest.match(name, in: repositories))
        }
        for entry in root["sources"]?.entries ?? [] {
            let path = "sources.\(shown(entry.key)).drill"
            guard let drill = entry.value["drill"] else { continue }
            if let sql = drill["sql"], !databaseKinds.contains(where: { entry.value[$0] != nil }) {
                refuse(sql, "\(path).sql", "is for databases; what looks at files is `run: [PROGRAM, …]`")
            }
            for query in DrillDecoder.assertions(drill["sql"]).map(\.query) {
                guard let first = query.first(where: { !$0.isWhitespace }) else {
                    refuse(drill["sql"] ?? drill, "\(path).sql", "has an empty query")
                    continue
                }
                if first == "." || first == "\\" {
                    refuse(
                        drill["sql"] ?? drill, "\(path).sql", "`\(shown(query))` is a command of a shell, not a query")
                }
            }
            for words in DrillDecoder.commands(drill["run"]) where words.first?.isEmpty ?? true {
                refuse(drill["run"] ?? drill, "\(path).run", "names no program")
            }
        }
        return problems
    }
}

/// Makes settings of `drill:` that have been checked.
enum DrillDecoder {
    static func spec(_ value: ConfigValue?) -> DrillSpec {
        var spec = DrillSpec()
        spec.point = value?["point"]?.text.flatMap(DrillSpec.Choice.init(rawValue:)) ?? spec.point
        spec.from = value?["from"]?.text.flatMap(RepositoryName.init(rawValue:))
        spec.room = value?["room"]?.byteCount
        spec.sample = value?["sample"]?.integer.map(Int.init) ?? spec.sample
        return spec
    }

    static func source(_ value: ConfigValue?) -> SourceDrill {
        var drill = SourceDrill()
        guard let value else { return drill }
        drill.timeLimit = value["time-limit"]?.duration ?? drill.timeLimit
        drill.acceptsUnopened = value["unopened"]?.text == "accept"
        drill.assertions = assertions(value["sql"])
        let file = value.location.file
        let programs =
            commands(value["run"]).map { HookProgram.run($0) }
            + (value["shell"]?.strings ?? []).map { HookProgram.shell($0) }
        drill.programs = programs.map { program in
            var action = HookAction(name: name(program), program: program, file: file)
            action.timeLimit = drill.timeLimit
            return action
        }
        return drill
    }

    private static func name(_ program: HookProgram) -> String {
        switch program {
        case .run(let words): String(words.first?.split(separator: "/").last ?? "program")
        case .shell: "shell"
        case .plugin(let name): name
        }
    }

    static func assertions(_ value: ConfigValue?) -> [SourceDrill.Assertion] {
        guard let value else { return [] }
        guard case .map(let entries) = value.content else {
            return value.strings.map { SourceDrill.Assertion(database: nil, query: $0) }
        }
        return entries.flatMap { entry in
            entry.value.strings.map { SourceDrill.Assertion(database: entry.key, query: $0) }
        }
    }

    /// A list of words is one program; a list of lists is several.
    static func commands(_ value: ConfigValue?) -> [[String]] {
        guard let value else { return [] }
        let isNested = value.elements.contains { if case .list = $0.content { true } else { false } }
        return isNested ? value.elements.map(\.strings) : [value.strings]
    }
}
