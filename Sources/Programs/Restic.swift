package import BackupModel

/// One restic program pointed at one repository: builds its commands. Pure; nothing is started here.
/// - Source: https://restic.readthedocs.io/en/stable/manual_rest.html, checked for 0.14.0, 0.18.0 and 0.19.1.
package struct Restic: Sendable, Equatable {
    package enum Cache: Sendable, Equatable {
        case folder(String)
        /// Reads go to the repository itself, so that a damaged file cannot hide behind a good copy.
        case none
    }

    package var program: String
    /// As restic takes it, without any password.
    package var location: String
    package var version: ResticVersion
    package var cache: Cache
    package var tuning = Tuning()
    /// The location with the user's name and password in it: handed over as a file, in place of `--repo`.
    package var locationWithPassword: Secret?
    /// The password and the credentials of the backend.
    package var secrets: [SecretDelivery] = []
    /// Variables of the backend that are no secrets.
    package var environment: [String: String] = [:]
    package var niceness: Int32 = 0

    package init(program: String = "restic", location: String, version: ResticVersion, cache: Cache) {
        self.program = program
        self.location = location
        self.version = version
        self.cache = cache
    }

    package struct Tuning: Sendable, Equatable {
        /// `-o NAME=VALUE`
        package var options: [String: String] = [:]
        package var compression: String?
        package var packSizeInMebibytes: Int64?
        package var readConcurrency: Int64?
        /// Per second.
        package var uploadLimit: ByteCount?
        package var downloadLimit: ByteCount?
        /// A file of certificates that servers are checked against, beside the system's.
        package var certificates: String?
        /// How much of what is stored may be of no use before `prune` packs anew, as its `--max-unused` takes it.
        package var unusedLimit: String?
        package init() {}
    }

    /// The same with another password.
    package func opening(with password: Secret) -> Restic {
        var copy = self
        copy.secrets = secrets.map { delivery in
            if case .memoryFile(variable: "RESTIC_PASSWORD_FILE", _) = delivery {
                return .memoryFile(variable: "RESTIC_PASSWORD_FILE", password)
            }
            return delivery
        }
        return copy
    }

    /// The same without its cache.
    package var uncached: Restic {
        var copy = self
        copy.cache = .none
        return copy
    }

    /// Asks for the version. Needs neither repository nor password.
    package static func versionCommand(program: String) -> ToolCommand {
        var command = ToolCommand(program, ["version"])
        command.limits = ToolCommand.Limits(total: .seconds(60))
        return command
    }

    /// Reads what another repository has: everything that a command needs to get at both.
    /// - Source: https://restic.readthedocs.io/en/stable/045_working_with_repos.html#copying-snapshots-between-repositories,
    ///   checked for 0.14.0, 0.18.0 and 0.19.1.
    func command(_ words: [String], from source: Restic, operands: [String] = []) -> ToolCommand {
        let place = source.locationWithPassword == nil ? ["--from-repo", source.location] : []
        var command = command(words + place, operands: operands)
        if let location = source.locationWithPassword {
            command.secrets.append(.memoryFile(variable: "RESTIC_FROM_REPOSITORY_FILE", location))
        }
        if let certificates = source.tuning.certificates, certificates != tuning.certificates {
            command.arguments.insert(contentsOf: ["--cacert", certificates], at: 0)
        }
        command.environment.merge(source.environment) { own, _ in own }
        for (name, value) in source.tuning.options where tuning.options[name] == nil {
            command.arguments.insert(contentsOf: ["--option", "\(name)=\(value)"], at: 0)
        }
        for delivery in source.secrets {
            switch delivery {
            case .memoryFile(variable: "RESTIC_PASSWORD_FILE", let password):
                command.secrets.append(.memoryFile(variable: "RESTIC_FROM_PASSWORD_FILE", password))
            case .memoryFile, .memoryFileArgument, .memoryFileFirstArgument, .environment:
                if !command.secrets.contains(delivery) { command.secrets.append(delivery) }
            }
        }
        return command
    }

    /// Variables that both repositories need and that differ: one process cannot have both.
    package func conflicts(with other: Restic) -> [String] {
        func variables(_ restic: Restic) -> [String: Secret] {
            var all = restic.environment.mapValues { Secret($0) }
            for case .environment(let name, let secret) in restic.secrets { all[name] = secret }
            return all
        }
        let mine = variables(self)
        return variables(other).filter { name, value in mine[name].map { $0 != value } ?? false }.keys.sorted()
    }

    /// A subcommand with everything that all of them share.
    /// - Parameter words: the subcommand and its own flags.
    func command(_ words: [String], operands: [String] = []) -> ToolCommand {
        var arguments = locationWithPassword == nil ? ["--repo", location] : []
        switch cache {
        case .folder(let path): arguments += ["--cache-dir", path]
        case .none: arguments.append("--no-cache")
        }
        if let certificates = tuning.certificates { arguments += ["--cacert", certificates] }
        if let limit = tuning.uploadLimit { arguments += ["--limit-upload", kibibytes(limit)] }
        if let limit = tuning.downloadLimit { arguments += ["--limit-download", kibibytes(limit)] }
        for (name, value) in tuning.options.sorted(by: { $0.key < $1.key }) {
            arguments += ["--option", "\(name)=\(value)"]
        }
        arguments += words
        if !operands.isEmpty { arguments += ["--"] + operands }
        var command = ToolCommand(program, arguments)
        command.environment = environment
        // One status line a second instead of up to sixty.
        command.environment["RESTIC_PROGRESS_FPS"] = "1"
        command.secrets = secrets
        if let locationWithPassword {
            command.secrets.append(.memoryFile(variable: "RESTIC_REPOSITORY_FILE", locationWithPassword))
        }
        command.niceness = niceness
        return command
    }

    /// restic counts in KiB per second, and takes 0 for no limit.
    private func kibibytes(_ limit: ByteCount) -> String { String(max(1, limit.bytes / 1024)) }

    /// Flags of commands that write packs.
    var packingFlags: [String] {
        var flags: [String] = []
        if let compression = tuning.compression { flags += ["--compression", compression] }
        if let size = tuning.packSizeInMebibytes { flags += ["--pack-size", String(size)] }
        return flags
    }
}
