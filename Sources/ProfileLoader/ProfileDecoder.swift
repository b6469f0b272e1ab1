import BackupModel

/// Makes a ``Profile`` of a tree that has passed every check.
struct ProfileDecoder {
    let path: String
    let name: ProfileName
    let host: String
    let root: ConfigValue
    let variables: [String: String]
    let sourceKinds: [String]
    let repositoryKinds: [String]
    let notifierKinds: [String]
    let ignored: [String]
    let disabled: [String]

    var profile: Profile {
        let decoded = HookDecoder(root)
        var profile = Profile(
            name: name, path: path, digest: Digest.of(JSON(root).text), host: root["host"]?.text ?? host,
            sources: (root["sources"]?.entries ?? []).compactMap(source),
            repositories: repositories,
            retention: RetentionDecoder.policy(root["retention"]), settings: settings, ignoredKeys: ignored,
            disabled: disabled, notifiers: notifiers)
        profile.hooks = decoded.hooks
        profile.resources = decoded.resources
        profile.schedules = ScheduleDecoder(host: profile.host, profile: name).schedules(root["schedule"])
        profile.objectives = objectives
        profile.drill = DrillDecoder.spec(root["drill"])
        profile.metrics = root["metrics"]?["textfile"]?.text.map { MetricsSpec(path: $0, profile: name) }
        profile.log = root["log"].flatMap(log)
        return profile
    }

    private func log(_ value: ConfigValue) -> LogSpec? {
        guard let path = value.text ?? value["file"]?.text else { return nil }
        var spec = LogSpec(path: path)
        spec.size = value["size"]?.byteCount ?? spec.size
        spec.keep = value["keep"]?.integer.map(Int.init) ?? spec.keep
        spec.format = value["format"]?.text.flatMap(LogSpec.Format.init(rawValue:)) ?? spec.format
        spec.level = value["level"]?.text.flatMap(LogLevel.init(word:)) ?? spec.level
        return spec
    }

    private var objectives: Objectives {
        func span(_ key: String) -> Duration? { root["objectives"]?[key]?.duration }
        var objectives = Objectives()
        objectives.backup = span("backup")
        objectives.offsite = span("offsite")
        objectives.verify = span("verify")
        objectives.drill = span("drill")
        objectives.prune = span("prune")
        objectives.keyAge = span("key-age")
        objectives.restoreTime = span("rto")
        objectives.skips = span("skips") ?? objectives.skips
        return objectives
    }

    private func source(_ entry: ConfigValue.Entry) -> SourceSpec? {
        guard let name = SourceName(rawValue: entry.key),
            let kind = sourceKinds.first(where: { entry.value[$0] != nil })
        else { return nil }
        var expectations = SourceSpec.Expectations()
        if let expect = entry.value["expect"] {
            expectations.contains = expect["contains"]?.strings ?? []
            expectations.minimumFiles = expect["min-files"]?.integer
            expectations.minimumBytes = expect["min-bytes"]?.byteCount
        }
        var spec = SourceSpec(
            name: name, kind: kind, entry: entry.value, expectations: expectations,
            onFailure: entry.value["on-failure"]?.text.flatMap(SourceSpec.OnFailure.init(rawValue:)) ?? .continue,
            toleratedUnreadable: entry.value["unreadable"]?["tolerate"]?.strings ?? [], environment: variables)
        spec.cadence = ScheduleDecoder.period(entry.value["cadence"])
        spec.drill = DrillDecoder.source(entry.value["drill"])
        return spec
    }

    private var repositories: [RepositorySpec] {
        let specs = (root["repositories"]?.entries ?? []).compactMap(repository)
        let mirrored = specs.compactMap { $0.follow?.method == .mirror ? $0.follow?.leader : nil }
        return specs.map { spec in
            var spec = spec
            spec.feedsMirror = mirrored.contains(spec.name)
            return spec
        }
    }

    private func repository(_ entry: ConfigValue.Entry) -> RepositorySpec? {
        guard let name = RepositoryName(rawValue: entry.key),
            let kind = repositoryKinds.first(where: { entry.value[$0] != nil })
        else { return nil }
        let access = entry.value["access"]?.text.flatMap(RepositoryAccess.init(rawValue:)) ?? .auto
        var spec = RepositorySpec(
            name: name, kind: kind, entry: entry.value, follow: follow(entry.value, access), access: access,
            environment: variables)
        if spec.follow != nil {
            spec.objective = entry.value["objective"]?.duration ?? root["objectives"]?["offsite"]?.duration
        }
        return spec
    }

    private func follow(_ entry: ConfigValue, _ access: RepositoryAccess) -> FollowSpec? {
        guard let leader = entry["follows"]?.text.flatMap(RepositoryName.init(rawValue:)) else { return nil }
        return FollowSpec(
            leader: leader, feed: entry["feed"]?.text.flatMap(FollowSpec.Feed.init(rawValue:)) ?? .always,
            method: FollowSpec.Method(of: entry["by"]?.text, access),
            hold: entry["hold"]?.duration ?? root["retention"]?["hold"]?.duration ?? FollowSpec.usualHold,
            timeLimit: entry["time-limit"]?.duration,
            generations: entry["generations"]?.duration.map {
                GenerationRule(length: $0, expiry: entry["expiry"]?.duration)
            })
    }

    private var notifiers: [NotifierSpec] {
        var specs: [NotifierSpec] = []
        for entry in root["notify"]?.elements ?? [] {
            guard let kind = notifierKinds.first(where: { entry[$0] != nil }) else { continue }
            let count = specs.count { $0.kind == kind }
            let name = entry["name"]?.text.flatMap(NotifierName.init(rawValue:))
            var spec = NotifierSpec(
                name: name ?? NotifierName(unchecked: count == 0 ? kind : "\(kind)-\(count + 1)"), kind: kind,
                entry: entry, manual: entry["manual"]?.boolean ?? false)
            func events(_ key: String) -> Set<NotificationEvent>? {
                entry[key].map { Set($0.strings.compactMap(NotificationEvent.init(rawValue:))) }
            }
            spec.events = events("on")
            spec.urgent = events("urgent")
            spec.operations = entry["operations"].map {
                Set($0.strings.compactMap(RunRecord.Operation.init(rawValue:)))
            }
            if let remind = entry["remind"]?.text { spec.remind = Duration(profileText: remind) }
            spec.quietHours = entry["quiet-hours"]?.text.flatMap(QuietHours.init)
            spec.digest = entry["digest"]?.text.flatMap(DigestRule.init)
            spec.digestsAllProfiles = entry["digest-of"]?.text == "host"
            specs.append(spec)
        }
        return specs
    }

    private var settings: ProfileSettings {
        var settings = ProfileSettings()
        settings.scratch = root["scratch"]?.text
        settings.state = root["state"]?.text
        settings.cache = root["cache"]?.text
        settings.niceness = Int32(root["nice"]?.integer ?? 0)
        settings.uploadLimit = root["bandwidth"]?["upload"]?.byteCount
        settings.downloadLimit = root["bandwidth"]?["download"]?.byteCount
        settings.lockWait = root["lock-wait"]?.duration ?? settings.lockWait
        settings.parallelSources = root["parallel"]?.integer.map(Int.init) ?? settings.parallelSources
        settings.timeLimit = root["time-limit"]?.duration
        switch root["require-remote"]?.content {
        case .boolean(true): settings.remoteDemand = .configured
        case .string(let text): settings.remoteDemand = RemoteDemand(rawValue: text) ?? .none
        default: break
        }
        settings.environment = variables
        return settings
    }
}

enum RetentionDecoder {
    static func policy(_ value: ConfigValue?) -> RetentionPolicy {
        var policy = rules(value, below: RetentionPolicy())
        for entry in value?["classes"]?.entries ?? [] {
            policy.classes[RetentionClass.name(for: entry.key)] = rules(entry.value, below: policy)
        }
        return policy
    }

    /// - Parameter outer: what a class does not say of its own safety.
    private static func rules(_ value: ConfigValue?, below outer: RetentionPolicy) -> RetentionPolicy {
        func count(_ key: String) -> Int? { value?[key]?.integer.map(Int.init) }
        var policy = RetentionPolicy(
            last: count("last"), hourly: count("hourly"), daily: count("daily"), weekly: count("weekly"),
            monthly: count("monthly"), quarterly: count("quarterly"), yearly: count("yearly"),
            within: value?["within"]?.text.flatMap { CalendarSpan($0) })
        policy.minimum = count("minimum") ?? outer.minimum
        policy.maximumRemoval = value?["max-removal"].flatMap(share) ?? outer.maximumRemoval
        return policy
    }

    /// `0.5` or `50%`, as a share from 0 to 1.
    static func share(_ value: ConfigValue) -> Double? {
        guard let text = value.text else { return nil }
        let isPercent = text.hasSuffix("%")
        guard let number = Double(isPercent ? String(text.dropLast()) : text) else { return nil }
        let share = isPercent ? number / 100 : number
        return (0...1).contains(share) ? share : nil
    }
}
