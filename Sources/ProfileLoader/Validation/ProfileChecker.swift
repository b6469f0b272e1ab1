import BackupModel

/// Holds a whole profile against the keys of the profile, of its kinds, and against itself.
struct ProfileChecker {
    let sources: [KindDescriptor]
    let repositories: [KindDescriptor]
    let notifiers: [KindDescriptor]
    var shapes: ShapeChecker
    /// What is worth knowing and no problem.
    private(set) var notes: [ConfigProblem] = []

    var problems: [ConfigProblem] { shapes.problems }
    var ignored: [String] { shapes.ignored }

    init(sources: [KindDescriptor], repositories: [KindDescriptor], notifiers: [KindDescriptor], home: String) {
        self.sources = sources
        self.repositories = repositories
        self.notifiers = notifiers
        shapes = ShapeChecker(home: home)
    }

    /// - Parameter switchedOff: key paths of entries that `when:` took away.
    mutating func check(_ root: YAMLNode, isAbstract: Bool, switchedOff: [String]) -> ConfigValue {
        shapes.isPartial = isAbstract
        var entries: [ConfigValue.Entry] = []
        let sections = ["sources", "repositories", "notify"]
        let plain = YAMLNode(.map(root.entries.filter { !sections.contains($0.key) }), at: root.location)
        let top = shapes.checkObject(plain, ProfileKeys.profile, at: "")
        for entry in root.entries {
            let value: ConfigValue
            switch entry.key {
            case "sources": value = checkSection(entry, sources, ProfileKeys.source, what: "source")
            case "repositories": value = checkSection(entry, repositories, ProfileKeys.repository, what: "repository")
            case "notify" where !entry.value.isNull: value = checkNotifiers(entry)
            default:
                guard let checked = top[entry.key] else { continue }
                value = checked
            }
            entries.append(ConfigValue.Entry(key: entry.key, keyLocation: entry.keyLocation, value: value))
        }
        let result = ConfigValue(.map(entries), at: root.location)
        checkRetention(result)
        checkSourceNames(root)
        checkFollowing(root, switchedOff: switchedOff)
        checkMethods(result)
        checkGenerations(result, isAbstract: isAbstract)
        checkSchedules(result)
        for entry in result["sources"]?.entries ?? [] {
            guard let encryption = entry.value["encrypt"] else { continue }
            let problems = EncryptionCheck.problems(of: encryption, isAbstract: isAbstract)
            for problem in problems {
                let path = "sources.\(shown(entry.key)).encrypt"
                shapes.refuse(
                    problem.location, problem.keyPath.isEmpty ? path : "\(path).\(problem.keyPath)", problem.message)
            }
        }
        checkHooks(result, root)
        checkDrills(result, isAbstract: isAbstract, switchedOff: switchedOff)
        if !isAbstract { checkCompleteness(root, switchedOff: switchedOff) }
        return result
    }

    // MARK: Entries

    private mutating func checkSection(
        _ section: YAMLNode.Entry, _ kinds: [KindDescriptor], _ common: [KeyDescriptor], what: String
    ) -> ConfigValue {
        guard case .map(let entries) = section.value.content else {
            if !section.value.isNull {
                shapes.refuse(
                    section.value.location, section.key,
                    "wants a map from names to entries, not \(section.value.kindInWords)")
            }
            return ConfigValue(.null, at: section.value.location)
        }
        var values: [ConfigValue.Entry] = []
        for entry in entries where !entry.value.isNull {
            if !SourceName.isValid(entry.key) { shapes.refuseName(entry.key, entry.keyLocation, section.key) }
            let path = "\(section.key).\(shown(entry.key))"
            values.append(
                ConfigValue.Entry(
                    key: entry.key, keyLocation: entry.keyLocation,
                    value: checkEntry(entry, kinds, common, what: what, at: path)))
        }
        return ConfigValue(.map(values), at: section.value.location)
    }

    /// Entries of the kinds there are are checked; others are left as they are, and named as ignored, for a later version
    /// may have them.
    private mutating func checkNotifiers(_ section: YAMLNode.Entry) -> ConfigValue {
        let value = section.value
        var names: Set<String> = []
        var isAnyKnown = false
        var unknown: [String] = []
        let values = value.elements.enumerated().map { index, node in
            let path = "\(section.key)[\(index)]"
            guard node.entries.contains(where: { key in isNearNotifier(key.key) }) else {
                unknown.append(path)
                return shapes.typed(node)
            }
            isAnyKnown = true
            let entry = YAMLNode.Entry(key: path, keyLocation: node.location, value: node)
            let checked = checkEntry(entry, notifiers, ProfileKeys.notifier, what: "notifier", at: path)
            if let hours = checked["quiet-hours"], let text = hours.text, QuietHours(text) == nil {
                shapes.refuse(
                    hours.location, "\(path).quiet-hours",
                    "wants two times of day such as `22:00-07:00`, not `\(shown(text))`")
            }
            if let digest = checked["digest"], let text = digest.text, DigestRule(text) == nil {
                shapes.refuse(
                    digest.location, "\(path).digest",
                    "wants `daily 08:00` or `weekly mon 08:00`, not `\(shown(text))`")
            }
            if let name = checked["name"], let text = name.text, !names.insert(text).inserted {
                shapes.refuse(name.location, "\(path).name", "another notifier is called `\(shown(text))` already")
            }
            return checked
        }
        if !isAnyKnown, !unknown.isEmpty { unknown = [section.key] }
        for path in unknown { shapes.ignore(path) }
        return ConfigValue(.list(values), at: value.location)
    }

    /// A kind there is, or one mistyped: to leave that out silently would be to tell nobody.
    private func isNearNotifier(_ key: String) -> Bool {
        !ProfileKeys.notifier.contains { $0.name == key } && Nearest.match(key, in: notifiers.map(\.kind)) != nil
    }

    private mutating func checkEntry(
        _ entry: YAMLNode.Entry, _ kinds: [KindDescriptor], _ common: [KeyDescriptor], what: String, at path: String
    ) -> ConfigValue {
        let node = entry.value
        let nothing = ConfigValue(.null, at: node.location)
        guard case .map(let keys) = node.content else {
            shapes.refuse(
                node.location, path,
                "wants a map with the \(what)'s kind in it, such as `\(kinds.first?.kind ?? what): …`, not \(node.kindInWords)"
            )
            return nothing
        }
        let present = keys.filter { key in kinds.contains { $0.kind == key.key } && !key.value.isNull }
        if present.isEmpty, shapes.isPartial, !hasUnknownKey(keys, kinds, common) {
            return shapes.checkObject(node, common + kinds.flatMap(\.siblingKeys), at: path)
        }
        guard let first = present.first, let kind = kinds.first(where: { $0.kind == first.key }) else {
            refuseWithoutKind(entry, kinds, common, what: what, at: path)
            return nothing
        }
        if present.count > 1 {
            let places = present.map { "`\($0.key)` in line \($0.keyLocation.line)" }
            shapes.refuse(
                present[1].keyLocation, path,
                "a \(what) is of one kind, this one is of \(present.count): \(listed(places))")
            return nothing
        }
        let before = shapes.problems.count
        let keyDescriptors =
            common + [KeyDescriptor(kind.kind, kind.shape, kind.summary, required: true)] + kind.siblingKeys
        let value = shapes.checkObject(node, keyDescriptors, at: path)
        if let note = kind.note { notes.append(ConfigProblem(at: first.keyLocation, keyPath: path, message: note)) }
        // A kind's own check may rely on the shape.
        guard shapes.problems.count == before, !shapes.isPartial else { return value }
        for problem in kind.check(value) {
            shapes.refuse(
                problem.location, problem.keyPath.isEmpty ? path : "\(path).\(problem.keyPath)", problem.message,
                suggestion: problem.suggestion)
        }
        return value
    }

    private func hasUnknownKey(_ keys: [YAMLNode.Entry], _ kinds: [KindDescriptor], _ common: [KeyDescriptor]) -> Bool {
        keys.contains { key in
            !common.contains { $0.name == key.key }
                && !kinds.contains { $0.siblingKeys.contains { $0.name == key.key } }
        }
    }

    private mutating func refuseWithoutKind(
        _ entry: YAMLNode.Entry, _ kinds: [KindDescriptor], _ common: [KeyDescriptor], what: String, at path: String
    ) {
        let names = kinds.map(\.kind)
        let unknown = entry.value.entries.filter { key in
            !common.contains { $0.name == key.key }
                && !kinds.contains { $0.siblingKeys.contains { $0.name == key.key } }
        }
        let wanted = "a \(what) is \(listed(names.map { "`\($0):`" }, "or"))"
        let guesses = unknown.map { ($0, Nearest.match($0.key, in: names)) }
        if let (key, nearest) = guesses.first(where: { $0.1 != nil }) {
            shapes.refuse(key.keyLocation, "\(path).\(shown(key.key))", "is no kind of \(what)", suggestion: nearest)
        } else if let key = unknown.first {
            shapes.refuse(
                key.keyLocation, "\(path).\(shown(key.key))",
                "is neither a key nor a kind of \(what) in this version; \(wanted)")
        } else {
            shapes.refuse(entry.keyLocation, path, "says not of which kind it is; \(wanted)")
        }
    }

    // MARK: The profile against itself

    private mutating func checkSourceNames(_ root: YAMLNode) {
        for entry in root["sources"]?.entries ?? [] where ProfileKeys.reservedSourceNames.contains(entry.key) {
            shapes.refuse(
                entry.keyLocation, "sources.\(entry.key)",
                "`\(entry.key)` is a word of the command line and cannot name a source; choose another name")
        }
    }

    private mutating func checkRetention(_ root: ConfigValue) {
        let classes = root["retention"]?["classes"]?.entries ?? []
        let places =
            [("retention", root["retention"])]
            + classes.map { ("retention.classes.\(shown($0.key))", Optional($0.value)) }
        for (path, rules) in places {
            guard let value = rules?["max-removal"], RetentionDecoder.share(value) == nil else { continue }
            shapes.refuse(
                value.location, "\(path).max-removal",
                "wants a share such as `0.5` or `50%`, not `\(shown(value.text ?? ""))`")
        }
        for entry in classes where RetentionClass.name(for: entry.key) == SnapshotStamp.regularClass {
            shapes.refuse(
                entry.keyLocation, "retention.classes.\(shown(entry.key))",
                "is what backups without a reason are; their rules stand in `retention:` itself")
        }
    }

    private mutating func checkHooks(_ root: ConfigValue, _ tree: YAMLNode) {
        guard !shapes.isPartial else { return }
        var check = HookCheck(sources: (tree["sources"]?.entries ?? []).map(\.key))
        check.check(root)
        for problem in check.problems {
            shapes.refuse(problem.location, problem.keyPath, problem.message, suggestion: problem.suggestion)
        }
    }

    private mutating func checkDrills(_ root: ConfigValue, isAbstract: Bool, switchedOff: [String]) {
        guard !isAbstract else { return }
        for problem in DrillKeyCheck.problems(of: root, switchedOff: switchedOff) {
            shapes.refuse(problem.location, problem.keyPath, problem.message, suggestion: problem.suggestion)
        }
    }

    private mutating func checkSchedules(_ root: ConfigValue) {
        let check = ScheduleCheck(root)
        for problem in check.problems {
            shapes.refuse(problem.location, problem.keyPath, problem.message, suggestion: problem.suggestion)
        }
        notes += check.notes
    }

    private mutating func checkMethods(_ root: ConfigValue) {
        for entry in root["repositories"]?.entries ?? [] {
            guard let by = entry.value["by"], let method = by.text.flatMap(FollowSpec.Method.init(rawValue:)),
                method != .mirror, entry.value["access"]?.text == RepositoryAccess.writeOnly.rawValue
            else { continue }
            shapes.refuse(
                by.location, "repositories.\(shown(entry.key)).by",
                "`\(method.rawValue)` has to read what is there, and `access: write-only` may not; leave `by:` out, or write "
                    + "`mirror`")
        }
    }

    private mutating func checkGenerations(_ root: ConfigValue, isAbstract: Bool) {
        for entry in root["repositories"]?.entries ?? [] {
            let path = "repositories.\(shown(entry.key))"
            let (generations, expiry) = (entry.value["generations"], entry.value["expiry"])
            guard !isAbstract, let place = (generations ?? expiry)?.location else { continue }
            let access = entry.value["access"]?.text.flatMap(RepositoryAccess.init(rawValue:)) ?? .auto
            guard entry.value["follows"] != nil, FollowSpec.Method(of: entry.value["by"]?.text, access) == .mirror
            else {
                let key = generations == nil ? "expiry" : "generations"
                shapes.refuse(
                    place, "\(path).\(key)",
                    "goes with `follows:` and `by: mirror` alone: every other kind of repository decides by itself what it "
                        + "still needs, and nothing in it may expire by age")
                continue
            }
            guard let generations else {
                shapes.refuse(
                    place, "\(path).expiry",
                    "objects that expire by their age destroy a mirror, its newest snapshot included; add `generations:`, at "
                        + "most half as long")
                continue
            }
            guard let length = generations.duration else { continue }
            if length < .seconds(86_400) {
                shapes.refuse(generations.location, "\(path).generations", "a generation lasts a day or longer")
            } else if let expiry, let age = expiry.duration, age < length * GenerationRule.leastExpiryInLengths {
                shapes.refuse(
                    expiry.location, "\(path).expiry",
                    "must be at least twice `generations:`: what is guaranteed is the expiry less a generation, and the older "
                        + "one must last until the newer one is complete")
            }
        }
    }

    private mutating func checkCompleteness(_ root: YAMLNode, switchedOff: [String]) {
        func without(_ section: String) -> String {
            let off = switchedOff.filter { $0.hasPrefix(section + ".") }
            return off.isEmpty ? "" : "; switched off by `when:`: \(listed(off.map { shown($0) }))"
        }
        func place(_ section: String) -> SourceLocation {
            root.entries.first { $0.key == section }?.keyLocation ?? root.location
        }
        if (root["sources"]?.entries ?? []).allSatisfy({ $0.value.isNull }) {
            shapes.refuse(place("sources"), "sources", "a profile needs at least one source" + without("sources"))
        }
        let repositories = (root["repositories"]?.entries ?? []).filter { !$0.value.isNull }
        let primaries = repositories.filter { $0.value["follows"] == nil }
        if primaries.isEmpty, repositories.isEmpty || switchedOff.contains(where: { $0.hasPrefix("repositories.") }) {
            shapes.refuse(
                place("repositories"), "repositories",
                "a profile needs at least one repository that follows no other" + without("repositories"))
        }
        if primaries.count > 1 {
            shapes.refuse(
                primaries[1].keyLocation, "repositories.\(shown(primaries[1].key))",
                "\(listed(primaries.map { "`\(shown($0.key))`" })) follow no other, and backups go to one; give the others "
                    + "`follows: \(shown(primaries[0].key))`")
        }
    }
}
