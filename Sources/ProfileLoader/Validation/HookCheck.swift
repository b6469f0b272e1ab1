import BackupModel

/// What the shape of a hook's entry cannot say.
struct HookCheck {
    let sources: [String]
    private(set) var problems: [ConfigProblem] = []

    init(sources: [String]) { self.sources = sources }

    /// All of a profile's, after its shape has been checked.
    mutating func check(_ root: ConfigValue) {
        check(root["hooks"], at: "hooks", scopes: [])
        for (section, scope) in [("sources", HookEvent.Scope.source), ("repositories", .repository)] {
            for entry in root[section]?.entries ?? [] {
                check(entry.value["hooks"], at: "\(section).\(shown(entry.key)).hooks", scopes: [scope])
            }
        }
    }

    /// - Parameter scopes: those whose events an entry may name here; none for all.
    private mutating func check(_ hooks: ConfigValue?, at path: String, scopes: [HookEvent.Scope]) {
        guard let hooks else { return }
        let entries: [ConfigValue] = if case .map = hooks.content { [hooks] } else { hooks.elements }
        for (index, entry) in entries.enumerated() where entry.content != .null {
            let place = entries.count == 1 && entry == hooks ? path : "\(path)[\(index)]"
            checkProgram(entry, place)
            if entry["on"] == nil {
                checkResource(entry, place, isOfProfile: scopes.isEmpty)
            } else {
                checkEvents(entry, place, scopes)
            }
            for key in ["with", "environment"] { checkVariables(entry[key], "\(place).\(key)") }
        }
    }

    private mutating func refuse(_ value: ConfigValue, _ path: String, _ message: String) {
        problems.append(ConfigProblem(at: value.location, keyPath: path, message: message))
    }

    private mutating func checkProgram(_ entry: ConfigValue, _ path: String) {
        let isPair = entry["acquire"] != nil || entry["release"] != nil || entry["inspect"] != nil
        let programs = ["run", "shell", "use"].filter { entry[$0] != nil }
        if programs.count + (isPair ? 1 : 0) != 1 {
            refuse(
                entry, path,
                "wants one of `run: [PROGRAM, …]`, `shell: \"…\"`, `use: PLUGIN`, or `acquire:` with `release:`"
                    + (programs.count > 1 ? ", not \(listed(programs.map { "`\($0):`" }))" : ""))
        } else if isPair, entry["acquire"] == nil || entry["release"] == nil {
            let (there, missing) = entry["acquire"] == nil ? ("release", "acquire") : ("acquire", "release")
            refuse(entry, path, "has `\(there):` and no `\(missing):`; what is taken must be given back")
        }
        for key in ["run", "acquire", "release", "inspect"] {
            if let value = entry[key], value.strings.first?.isEmpty ?? true {
                refuse(value, "\(path).\(key)", "names no program")
            }
        }
    }

    private mutating func checkResource(_ entry: ConfigValue, _ path: String, isOfProfile: Bool) {
        if entry["run"] != nil || entry["shell"] != nil {
            refuse(
                entry, path,
                "says not when: add `on:`, such as `on: run.before`; what is to be undone afterwards is `acquire:` and "
                    + "`release:`")
        }
        guard let around = entry["around"] else { return }
        guard isOfProfile else {
            return refuse(around, "\(path).around", "goes with resources of the profile; here it is around this entry")
        }
        let names = around.strings
        if names == ["run"] || names == ["sources"] { return }
        if names.isEmpty {
            refuse(around, "\(path).around", "names nothing; it wants `run`, `sources`, or names of sources")
        }
        for name in names where !sources.contains(name) {
            problems.append(
                ConfigProblem(
                    at: around.location, keyPath: "\(path).around", message: "there is no source `\(shown(name))`",
                    suggestion: Nearest.match(name, in: sources + ["run", "sources"])))
        }
    }

    private mutating func checkEvents(_ entry: ConfigValue, _ path: String, _ scopes: [HookEvent.Scope]) {
        for key in ["acquire", "release", "inspect", "around"] {
            guard let value = entry[key] else { continue }
            refuse(value, "\(path).\(key)", "goes with a resource, and an entry with `on:` is none")
        }
        let events = (entry["on"]?.strings ?? []).compactMap(HookEvent.init)
        for event in events where !scopes.isEmpty && !scopes.contains(event.scope) {
            refuse(
                entry["on"] ?? entry, "\(path).on",
                "`\(event)` is no event of a \(scopes[0].rawValue); write the hook at the top level of the profile")
        }
    }

    private mutating func checkVariables(_ value: ConfigValue?, _ path: String) {
        var words: [String: String] = [:]
        for entry in value?.entries ?? [] {
            let word = HookDocument.word(entry.key)
            if path.hasSuffix(".environment"), !EnvironmentFile.isName(entry.key) {
                refuse(entry.value, "\(path).\(shown(entry.key))", "is no name of a variable")
            } else if let other = words.updateValue(entry.key, forKey: word), path.hasSuffix(".with") {
                refuse(
                    entry.value, "\(path).\(shown(entry.key))", "cannot be told from `\(shown(other))` in a variable")
            }
        }
    }
}
