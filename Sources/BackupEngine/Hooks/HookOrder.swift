package import BackupModel

/// What an event is about.
package enum HookSubject: Sendable {
    /// The whole run or restore.
    case profile
    case source(SourceSpec)
    case repository(RepositorySpec)

    package var name: String? {
        switch self {
        case .profile: nil
        case .source(let spec): spec.name.rawValue
        case .repository(let spec): spec.name.rawValue
        }
    }

    /// A source that fails leaves the others to go on.
    var isWhole: Bool { if case .source = self { false } else { true } }

    fileprivate var owner: HookOwner {
        switch self {
        case .profile: .profile
        case .source(let spec): .source(spec.name)
        case .repository(let spec): .repository(spec.name)
        }
    }
}

/// Which hooks run when: those of the profile first, then those of the source or repository itself, each in the order in
/// which they are written.
package enum HookOrder {
    package static func hooks(at event: HookEvent, _ subject: HookSubject, _ profile: Profile) -> [HookSpec] {
        let hooks = profile.hooks.filter { $0.events.contains(event) }
        var owners = [HookOwner.profile]
        if subject.owner != .profile { owners.append(subject.owner) }
        return owners.flatMap { owner in hooks.filter { $0.owner == owner } }
    }

    /// One thing that happens, for people who want to see the order.
    package enum Line: Sendable {
        case hook(HookEvent, subject: String?, HookSpec)
        case acquire(ResourceSpec, subject: String?)
        case release(ResourceSpec, subject: String?)
        /// What the run does by itself.
        case work(String)
    }

    /// What a backup of all sources that ends with `outcome` runs, in order.
    package static func lines(of profile: Profile, outcome: Outcome = .succeeded) -> [Line] {
        guard let primary = profile.primary else { return [] }
        var lines: [Line] = []
        func fire(_ event: HookEvent?, _ subject: HookSubject) {
            guard let event else { return }
            lines += hooks(at: event, subject, profile).map { .hook(event, subject: subject.name, $0) }
        }
        func end(_ scope: HookEvent.Scope, _ subject: HookSubject) {
            fire(HookEvent.of(outcome, scope), subject)
            fire(HookEvent(scope, .after), subject)
        }
        func resources(_ isWanted: (ResourceSpec) -> Bool) -> [ResourceSpec] { profile.resources.filter(isWanted) }

        fire(HookEvent(.run, .before), .profile)
        let whole = resources { $0.around == .run && $0.purposes.contains(.backup) }
        lines += whole.map { .acquire($0, subject: nil) }
        fire(HookEvent(.repository, .before), .repository(primary))
        let local = resources { $0.around == .repository(primary.name) }
        lines += local.map { .acquire($0, subject: primary.name.rawValue) }
        lines.append(.work("look at sources and repository"))
        var taken: Set<ResourceSpec.Identity> = []
        for (index, source) in profile.sources.enumerated() {
            fire(HookEvent(.source, .before), .source(source))
            let own = resources { $0.surrounds(source.name) }
            for spec in own where taken.insert(spec.identity).inserted {
                lines.append(.acquire(spec, subject: source.name.rawValue))
            }
            lines.append(.work("capture \(source.name)"))
            let later = profile.sources[(index + 1)...].map(\.name)
            for spec in own.reversed() where taken.contains(spec.identity) {
                let users = resources { $0.identity == spec.identity }
                guard !later.contains(where: { name in users.contains { $0.surrounds(name) } }) else { continue }
                taken.remove(spec.identity)
                lines.append(.release(spec, subject: source.name.rawValue))
            }
            end(.source, .source(source))
        }
        lines.append(.work("write the manifest"))
        for follower in profile.followers {
            fire(HookEvent(.repository, .before), .repository(follower))
            let remote = resources { $0.around == .repository(follower.name) }
            lines += remote.map { .acquire($0, subject: follower.name.rawValue) }
            lines.append(.work("feed \(follower.name)"))
            lines += remote.reversed().map { .release($0, subject: follower.name.rawValue) }
            end(.repository, .repository(follower))
        }
        lines.append(.work("apply retention"))
        lines += (whole + local).reversed().map { .release($0, subject: nil) }
        end(.repository, .repository(primary))
        end(.run, .profile)
        return lines
    }
}

extension HookEvent {
    /// `run.before hook notify.sh`
    func title(_ hook: HookSpec) -> String { "\(description) hook \(hook.action.name)" }
}
