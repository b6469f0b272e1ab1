import BackupModel

/// Makes hooks and resources of a tree that has passed every check.
struct HookDecoder {
    private(set) var hooks: [HookSpec] = []
    private(set) var resources: [ResourceSpec] = []

    init(_ root: ConfigValue) {
        add(root["hooks"], .profile)
        for entry in root["sources"]?.entries ?? [] {
            if let name = SourceName(rawValue: entry.key) { add(entry.value["hooks"], .source(name)) }
        }
        for entry in root["repositories"]?.entries ?? [] {
            if let name = RepositoryName(rawValue: entry.key) { add(entry.value["hooks"], .repository(name)) }
        }
    }

    private mutating func add(_ value: ConfigValue?, _ owner: HookOwner) {
        guard let value else { return }
        let entries: [ConfigValue] = if case .map = value.content { [value] } else { value.elements }
        for entry in entries {
            if entry["on"] == nil {
                if let resource = HookDecoder.resource(entry, owner) { resources.append(resource) }
            } else if let program = HookDecoder.program(entry) {
                hooks.append(
                    HookSpec(
                        action: HookDecoder.action(entry, program), owner: owner,
                        events: (entry["on"]?.strings ?? []).compactMap(HookEvent.init),
                        onFailure: entry["on-failure"]?.text.flatMap(HookFailureRule.init(rawValue:))))
            }
        }
    }

    private static func program(_ entry: ConfigValue) -> HookProgram? {
        if let words = entry["run"] { return .run(words.strings) }
        if let text = entry["shell"]?.text { return .shell(text) }
        return entry["use"]?.text.map(HookProgram.plugin)
    }

    /// A text is for the shell, a list is a program with its arguments.
    private static func program(_ value: ConfigValue?) -> HookProgram? {
        guard let value else { return nil }
        if case .list = value.content { return .run(value.strings) }
        return value.text.map(HookProgram.shell)
    }

    private static func resource(_ entry: ConfigValue, _ owner: HookOwner) -> ResourceSpec? {
        let around: ResourceSpec.Around
        switch owner {
        case .source(let name): around = .these([name])
        case .repository(let name): around = .repository(name)
        case .profile:
            switch entry["around"]?.strings {
            case nil, ["run"]: around = .run
            case ["sources"]: around = .sources
            case .some(let names): around = .these(names.compactMap(SourceName.init(rawValue:)))
            }
        }
        let plugin = entry["use"]?.text.map(HookProgram.plugin)
        guard let acquire = plugin ?? program(entry["acquire"]), let release = plugin ?? program(entry["release"])
        else {
            return nil
        }
        let taking = action(entry, acquire)
        var spec = ResourceSpec(
            name: taking.name, around: around,
            inspect: (plugin ?? program(entry["inspect"])).map { action(entry, $0, called: taking.name) },
            acquire: taking, release: action(entry, release, called: taking.name),
            onFailure: entry["on-failure"]?.text.flatMap(HookFailureRule.init(rawValue:)) ?? .abort)
        if let purposes = entry["for"]?.strings.compactMap(ResourceSpec.Purpose.init(rawValue:)), !purposes.isEmpty {
            spec.purposes = Set(purposes)
        }
        return spec
    }

    private static func action(_ entry: ConfigValue, _ program: HookProgram, called name: String? = nil) -> HookAction {
        var action = HookAction(
            name: name ?? entry["name"]?.text ?? usualName(program), program: program, file: entry.location.file)
        action.parameters = PlainValue(entry["with"] ?? ConfigValue(.map([]), at: entry.location)).entries
        for variable in entry["environment"]?.entries ?? [] {
            if let secret = variable.value.secret {
                action.secrets[variable.key] = secret
            } else {
                action.variables[variable.key] = variable.value.text
            }
        }
        action.timeLimit = entry["time-limit"]?.duration ?? HookAction.usualTimeLimit
        return action
    }

    private static func usualName(_ program: HookProgram) -> String {
        switch program {
        case .run(let words): String(words.first?.split(separator: "/").last ?? "program")
        case .shell: "shell"
        case .plugin(let name): name
        }
    }
}
