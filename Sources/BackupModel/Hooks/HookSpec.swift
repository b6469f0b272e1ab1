/// What is run for a hook.
package enum HookProgram: Codable, Sendable, Hashable {
    /// A program and its arguments; no shell is involved.
    case run([String])
    /// A text for `/bin/sh -c`.
    case shell(String)
    /// A file of this name in one of the folders for hooks.
    case plugin(String)

    /// For people.
    package var words: String {
        switch self {
        case .run(let words): ToolCommand(words.first ?? "", Array(words.dropFirst())).displayed
        case .shell(let text): "sh: " + text
        case .plugin(let name): "plugin \(name)"
        }
    }
}

/// One program of a hook and all that is needed to run it, also by somebody who has no profile: it is kept in the journal.
package struct HookAction: Codable, Sendable, Hashable {
    /// For people.
    package var name: String
    package var program: HookProgram
    package var parameters: [String: PlainValue] = [:]
    /// For its environment.
    package var variables: [String: String] = [:]
    /// By the variable that carries it. The secret itself is never in here.
    package var secrets: [String: SecretReference] = [:]
    package var timeLimit: Duration = HookAction.usualTimeLimit
    /// The file that it is written in. Relative paths begin at its folder, where the program also runs.
    package var file: String

    package static let usualTimeLimit = Duration.seconds(600)

    package init(name: String, program: HookProgram, file: String) {
        self.name = name
        self.program = program
        self.file = file
    }
}

/// Whose a hook is: it runs for the events of this alone.
package enum HookOwner: Sendable, Hashable {
    case profile
    case source(SourceName)
    case repository(RepositoryName)
}

/// What becomes of the work when a hook fails.
package enum HookFailureRule: String, Sendable, CaseIterable {
    /// The work fails. Before it, nothing of it is done; afterwards, what was stored stays.
    case abort
    /// It is noted.
    case warn
}

/// A program of the operator's at some events, as the profile says it.
package struct HookSpec: Sendable, Equatable {
    package var action: HookAction
    package var owner: HookOwner
    package var events: [HookEvent]
    /// `nil`: the one that belongs to the event.
    package var onFailure: HookFailureRule?

    package init(action: HookAction, owner: HookOwner, events: [HookEvent], onFailure: HookFailureRule? = nil) {
        self.action = action
        self.owner = owner
        self.events = events
        self.onFailure = onFailure
    }

    package func rule(at moment: HookEvent.Moment) -> HookFailureRule {
        onFailure ?? (moment == .before ? .abort : .warn)
    }
}

/// Something that is taken before some work and given back after it, as the profile says it.
package struct ResourceSpec: Sendable, Equatable {
    package enum Around: Sendable, Hashable {
        /// A whole backup, from before its first look at anything.
        case run
        /// The capture of all its sources.
        case sources
        case these([SourceName])
        /// Whatever work looks into this repository.
        case repository(RepositoryName)
    }

    /// The work that it is taken for.
    package enum Purpose: String, Sendable, CaseIterable {
        case backup
        /// Only while what was restored takes its places.
        case restore
    }

    package var name: String
    package var around: Around
    /// What looks into a repository takes that repository's whatever it does.
    package var purposes: Set<Purpose> = [.backup]
    /// Says how things stand and changes nothing; what it says is on disk before ``acquire`` runs.
    package var inspect: HookAction?
    package var acquire: HookAction
    package var release: HookAction
    package var onFailure: HookFailureRule

    package init(
        name: String, around: Around, inspect: HookAction? = nil, acquire: HookAction, release: HookAction,
        onFailure: HookFailureRule = .abort
    ) {
        self.name = name
        self.around = around
        self.inspect = inspect
        self.acquire = acquire
        self.release = release
        self.onFailure = onFailure
    }

    /// Entries that take and give back alike are one resource: taken once, however many sources need it.
    package var identity: Identity {
        Identity(
            programs: [inspect, acquire, release].map { $0?.program }, parameters: acquire.parameters,
            folder: String(acquire.file.prefix(upTo: acquire.file.lastIndex(of: "/") ?? acquire.file.startIndex)))
    }

    package struct Identity: Hashable, Sendable {
        var programs: [HookProgram?]
        var parameters: [String: PlainValue]
        var folder: String
    }

    /// Whether it is taken for this work on these sources.
    package func isFor(_ purpose: Purpose, of sources: [SourceName]) -> Bool {
        guard purposes.contains(purpose) else { return false }
        return switch around {
        case .run, .sources: true
        case .these(let names): !Set(names).isDisjoint(with: sources)
        case .repository: false
        }
    }

    /// Whether it is held while this source is captured.
    package func surrounds(_ source: SourceName) -> Bool {
        guard purposes.contains(.backup) else { return false }
        switch around {
        case .run, .repository: return false
        case .sources: return true
        case .these(let names): return names.contains(source)
        }
    }
}

/// What a run has taken, as the journal keeps it until it is given back.
package struct HeldResource: Codable, Sendable, Equatable {
    package enum Acquired: String, Codable, Sendable {
        case yes
        /// The acquire was begun, and nobody saw its end.
        case unknown
    }

    package var name: String
    package var acquired: Acquired
    /// How things stood before, as far as that was said.
    package var state: PlainValue?
    package var release: HookAction
    package var document: HookDocument

    package init(name: String, state: PlainValue?, release: HookAction, document: HookDocument) {
        self.name = name
        acquired = .unknown
        self.state = state
        self.release = release
        self.document = document
    }

    /// What the release is told.
    package var releasing: HookDocument {
        var document = document
        document.event = HookDocument.release
        document.hook = release.name
        document.resource = HookDocument.Resource(name: name, acquired: acquired.rawValue, state: state)
        return document
    }
}

extension SecretReference: Codable {
    private enum CodingKeys: String, CodingKey { case environment, file, command, credential }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        if let name = try values.decodeIfPresent(String.self, forKey: .environment) {
            self = .environment(name)
        } else if let path = try values.decodeIfPresent(String.self, forKey: .file) {
            self = .file(path)
        } else if let argv = try values.decodeIfPresent([String].self, forKey: .command) {
            self = .command(argv)
        } else {
            self = .credential(try values.decode(String.self, forKey: .credential))
        }
    }

    /// Where the secret is, never the secret.
    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .environment(let name): try values.encode(name, forKey: .environment)
        case .file(let path): try values.encode(path, forKey: .file)
        case .command(let argv): try values.encode(argv, forKey: .command)
        case .credential(let name): try values.encode(name, forKey: .credential)
        }
    }
}
