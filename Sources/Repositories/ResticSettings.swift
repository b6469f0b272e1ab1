package import BackupModel
import Foundation
package import Programs

/// What a profile says about a restic repository. Keys may stand beside `restic:` or, but for the password's, in it.
package struct ResticSettings: Sendable, Equatable {
    package var location: ResticLocation
    package var program: String
    package var password: SecretReference
    /// Where a password is written that is missing when the repository is created.
    package var newPasswordFile: String?
    /// A REST server's user and password, in place of variables: restic has those for one server at a time, and not before
    /// 0.16.1.
    package var restCredential: RestCredential?
    package var secretVariables: [String: SecretReference]
    package var plainVariables: [String: String]
    package var tuning: Restic.Tuning
    package var requiredMount: RequiredMount?
    /// A replica of another repository's files, which restic must not write to.
    package var isMirror: Bool
    /// The repository must not lie on the disk that files are backed up from.
    package var mustBeOffSourceDevice: Bool

    /// - Parameter process: our own environment.
    /// - Throws: ``RepositoryError/unsupported(_:)`` naming the key that is missing or cannot be used.
    package init(
        _ spec: RepositorySpec, process: [String: String] = ProcessInfo.processInfo.environment
    ) throws(RepositoryError) {
        let entry = spec.entry
        let own = spec.settings
        let value = { (key: String) in own[key] ?? entry[key] }
        let base = (entry.location.file as NSString).deletingLastPathComponent
        guard let text = own.text ?? own["location"]?.text, var location = ResticLocation(text, relativeTo: base) else {
            throw .unsupported("repository \(spec.name) has no location: write a folder or an address under `restic:`")
        }
        if let endpoint = ResticSettings.endpoint(spec, process) { location = location.served(by: endpoint) }
        guard !location.containsPassword else {
            throw .unsupported(
                "the address of repository \(spec.name) holds a password; give it under `environment:` as "
                    + "RESTIC_REST_USERNAME and RESTIC_REST_PASSWORD")
        }
        guard let password = entry["password"]?.secret else {
            throw .unsupported("repository \(spec.name) has no password: write `password: file:/path` or `env:NAME`")
        }
        self.location = location.appending(spec.generation)
        self.password = password
        newPasswordFile =
            switch (entry["generate"]?.content, password) {
            case (.boolean(true), .file(let path)): path
            case (.string(let path), _): ResticLocation(path, relativeTo: base)?.folder
            default: nil
            }
        program = value("program")?.text ?? "restic"
        secretVariables = [:]
        plainVariables = [:]
        for variable in entry["environment"]?.entries ?? [] {
            if let reference = variable.value.secret {
                secretVariables[variable.key] = reference
            } else if let text = variable.value.text {
                plainVariables[variable.key] = text
            }
        }
        for name in spec.replacedVariables {
            plainVariables[name] = nil
            secretVariables[name] = .environment(name)
        }
        restCredential = nil
        if case .remote(let address) = location, address.hasPrefix("rest:"),
            let password = secretVariables.removeValue(forKey: "RESTIC_REST_PASSWORD")
        {
            let user = secretVariables.removeValue(forKey: "RESTIC_REST_USERNAME")
            let name = plainVariables.removeValue(forKey: "RESTIC_REST_USERNAME")
            guard user != nil || name != nil else {
                throw .unsupported("repository \(spec.name) has a RESTIC_REST_PASSWORD and no RESTIC_REST_USERNAME")
            }
            restCredential = RestCredential(user: user, userText: name ?? "", password: password)
        }
        tuning = Restic.Tuning()
        for option in value("options")?.entries ?? [] { tuning.options[option.key] = option.value.text }
        tuning.certificates = value("ca-certificates")?.text
        tuning.compression = value("compression")?.text
        tuning.packSizeInMebibytes = value("pack-size")?.byteCount.map { $0.bytes >> 20 }
        tuning.readConcurrency = value("read-concurrency")?.integer
        // Less than half goes over the line, measured over six weeks of weekly prunes.
        if spec.feedsMirror { tuning.unusedLimit = "unlimited" }
        requiredMount = RequiredMount(entry["must-be-mounted"])
        isMirror = spec.follow?.method == .mirror
        mustBeOffSourceDevice = entry["other-device-than-sources"]?.boolean ?? false
    }
}

extension ResticSettings {
    package struct RestCredential: Sendable, Equatable {
        /// `nil`: it is no secret, and ``userText``.
        package var user: SecretReference?
        package var userText: String
        package var password: SecretReference
    }

    /// The server that AWS's tools would take for AWS's own address: named under `environment:`, in the profile's
    /// environment files, or in our own environment.
    private static func endpoint(_ spec: RepositorySpec, _ process: [String: String]) -> String? {
        for name in ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"] {
            var wanted = name
            let own = spec.entry["environment"]?[name]
            if case .environment(let other)? = own?.secret {
                wanted = other
            } else if let text = own?.text {
                return text.isEmpty ? nil : text
            }
            for value in [spec.environment[wanted], process[wanted]] {
                if let value, !value.isEmpty { return value }
            }
        }
        return nil
    }

    package static let descriptor = KindDescriptor(
        kind: "restic",
        summary: "A restic repository: a folder of this machine, or any backend that restic speaks to.",
        shape: .either([.string, .object([locationKey] + tuningKeys)]),
        siblingKeys: placeKeys + tuningKeys,
        example: """
            restic: /srv/backups/repository
            password: file:/etc/holdfast/repository.password
            generate: true
            """,
        check: check)

    private static let locationKey = KeyDescriptor(
        "location", .string,
        "A folder (absolute, `~/…`, or relative to the profile's folder), or an address such as `rest:https://host/name`, "
            + "`s3:https://host/bucket`, `sftp:host:/path`.",
        required: true, refusesSecrets: true)

    private static let placeKeys = [
        KeyDescriptor(
            "password", .secret,
            "Where the repository's password comes from. Without it nothing can be restored: keep a "
                + "copy off this machine.", required: true),
        KeyDescriptor(
            "generate", .either([.boolean, .path]),
            "Writes a random password (mode 0600) when the repository is created and there is none: `true` for the file "
                + "under `password: file:…`; a path to use that file where the variable of `password: env:NAME` is empty.",
            default: "false"),
        KeyDescriptor(
            "environment", .dictionary(.either([.secret, .string])),
            "Variables for the backend, such as AWS_ACCESS_KEY_ID. Nothing else of that kind is passed on to restic."),
        KeyDescriptor(
            "ca-certificates", .path,
            "A file of certificates (PEM) that the server is checked against: for a certificate authority of your own."),
        KeyDescriptor(
            "must-be-mounted", .either([.boolean, .path]),
            "Refuses to work unless a disk is mounted at or above the repository's folder, or at the path given."),
        KeyDescriptor(
            "other-device-than-sources", .boolean,
            "Refuses to work when the repository lies on the disk that it backs up.", default: "false"),
    ]

    private static let tuningKeys = [
        KeyDescriptor("program", .path, "The restic to use instead of the one in the search path."),
        KeyDescriptor(
            "options", .dictionary(.string), "Extended options of restic's backends, as for its `-o`.",
            refusesSecrets: true),
        KeyDescriptor(
            "compression", .choice(["auto", "off", "fastest", "better", "max"]),
            "How hard to compress; `fastest` and `better` need restic 0.19.", default: "auto"),
        KeyDescriptor(
            "pack-size", .byteCount, "Size of the repository's files, from 4MiB to 128MiB.", default: "16MiB"),
        KeyDescriptor(
            "read-concurrency", .integer(1...64), "Files read side by side; from restic 0.15.", default: "2"),
    ]

    private static let check: @Sendable (ConfigValue) -> [ConfigProblem] = { entry in
        var problems: [ConfigProblem] = []
        let own = entry["restic"]
        if let value = own?["location"] ?? own, let text = value.text {
            let location = ResticLocation(text, relativeTo: "/")
            if location == nil {
                problems.append(
                    ConfigProblem(at: value.location, keyPath: "restic", message: "the repository's location is empty"))
            }
            if let mistake = ResticLocation.mistake(in: text) {
                problems.append(ConfigProblem(at: value.location, keyPath: "restic", message: mistake))
            }
            if location?.containsPassword == true {
                problems.append(
                    ConfigProblem(
                        at: value.location, keyPath: "restic",
                        message: "an address must not hold a password; give RESTIC_REST_USERNAME and "
                            + "RESTIC_REST_PASSWORD under `environment:`"))
            }
        }
        if let generate = entry["generate"] {
            let message: String? =
                switch (generate.content, entry["password"]?.secret) {
                case (.boolean(true), .file), (.string, .environment), (.boolean(false), _): nil
                case (.string, _): "a file for a new password goes with `password: env:NAME`"
                default:
                    "a password can only be generated into a file: write `password: file:/path`, or the file's path here"
                }
            if let message {
                problems.append(ConfigProblem(at: generate.location, keyPath: "generate", message: message))
            }
        }
        for size in [own?["pack-size"], entry["pack-size"]].compactMap(\.self) {
            if let bytes = size.byteCount, !(ByteCount.mebibytes(4)...ByteCount.mebibytes(128)).contains(bytes) {
                problems.append(
                    ConfigProblem(
                        at: size.location, keyPath: "pack-size", message: "a pack is from 4MiB to 128MiB large"))
            }
        }
        for variable in entry["environment"]?.entries ?? [] where variable.value.secret == nil {
            let name = variable.key.uppercased()
            if ["SECRET", "PASSWORD", "TOKEN", "ACCOUNT_KEY"].contains(where: name.contains) {
                problems.append(
                    ConfigProblem(
                        at: variable.value.location, keyPath: "environment.\(variable.key)",
                        message: "a secret must not stand in a profile; write `env:NAME` or `file:/path`"))
            }
        }
        return problems
    }
}
