package import BackupModel
import Foundation

/// What a profile says about an archive repository.
package struct ArchiveSettings: Sendable, Equatable {
    package enum Compression: String, Sendable, Codable, CaseIterable {
        case zstd, gzip
        package var ending: String { self == .zstd ? "zst" : "gz" }
    }

    package enum Encryption: String, Sendable, Codable, CaseIterable {
        case age, gpg, openssl
        package var ending: String {
            switch self {
            case .age: "age"
            case .gpg: "gpg"
            case .openssl: "enc"
            }
        }
    }

    /// Absolute.
    package var folder: String
    /// What the files' names begin with; `nil`: the profile's name.
    package var name: String?
    /// The source whose tree has that name alone.
    package var main: SourceName?
    package var compression: Compression
    package var encryption: Encryption
    package var recipients: [String]
    package var recipientsFile: String?
    package var password: SecretReference?
    /// What age decrypts with.
    package var identity: SecretReference?
    /// An ssh key that signs manifests.
    package var signingKey: String?
    package var requiredMount: RequiredMount?
    package var mustBeOffSourceDevice: Bool

    /// Files are encrypted for public keys and not with the password.
    package var hasRecipients: Bool { !recipients.isEmpty || recipientsFile != nil }

    /// - Throws: ``RepositoryError/unsupported(_:)`` naming the key that is missing or cannot be used.
    package init(_ spec: RepositorySpec) throws(RepositoryError) {
        try self.init(spec, seenIn: nil, leader: nil)
    }

    /// - Parameters:
    ///   - view: the folder in which something on a server is seen.
    ///   - leader: the repository that it follows, whose keys open it where it names none itself.
    init(_ spec: RepositorySpec, seenIn view: String?, leader: ConfigValue?) throws(RepositoryError) {
        let entry = spec.entry
        let base = (entry.location.file as NSString).deletingLastPathComponent
        guard let location = entry["archive"]?.text.flatMap({ ResticLocation($0, relativeTo: base) }) else {
            throw .unsupported("repository \(spec.name) has no folder: write its path under `archive:`")
        }
        guard let folder = view ?? location.folder, folder != "/" else {
            throw .unsupported(
                "archives at \(location.text) cannot be looked at from here: fetch the folder of a run with its own program, and "
                    + "`holdfast restore --archive FILE DIR` opens it")
        }
        self.folder = folder
        name = entry["name"]?.text
        main = entry["main"]?.text.flatMap(SourceName.init(rawValue:))
        compression = entry["compress"]?.text.flatMap(Compression.init(rawValue:)) ?? .zstd
        encryption = entry["encrypt"]?.text.flatMap(Encryption.init(rawValue:)) ?? .age
        recipients = entry["recipients"]?.strings ?? []
        recipientsFile = entry["recipients-file"]?.text
        password = entry["password"]?.secret ?? leader?["password"]?.secret
        identity = entry["identity"]?.secret ?? leader?["identity"]?.secret
        signingKey = entry["sign"]?.text ?? leader?["sign"]?.text
        requiredMount = view == nil ? RequiredMount(entry["must-be-mounted"]) : nil
        mustBeOffSourceDevice = entry["other-device-than-sources"]?.boolean ?? false
        if let problem = ArchiveSettings.problem(of: entry) {
            throw .unsupported("repository \(spec.name): \(problem.message)")
        }
    }

    package static let descriptor = KindDescriptor(
        kind: "archive",
        summary:
            "Encrypted files that stand on their own, a folder of them for each run: tar, compressed and encrypted, "
            + "with a manifest. Standard tools open them.",
        shape: .string,
        siblingKeys: [
            KeyDescriptor("name", .name, "What the files' names begin with.", default: "the profile's name"),
            KeyDescriptor(
                "main", .name,
                "The source whose tree has that name alone; trees of others bear their source's name too."),
            KeyDescriptor(
                "compress", .choice(Compression.allCases.map(\.rawValue)), "What compresses.", default: "zstd"),
            KeyDescriptor(
                "encrypt", .choice(Encryption.allCases.map(\.rawValue)),
                "What encrypts: `age` and `gpg` to recipients or with the password, `openssl` with the password "
                    + "(`openssl enc -d -aes-256-cbc -pbkdf2` opens it).", default: "age"),
            KeyDescriptor(
                "recipients", .list(.string),
                "Public keys that files are encrypted to: age's or ssh's, or ids of gpg's keys.",
                refusesSecrets: true),
            KeyDescriptor("recipients-file", .path, "A file of them, one to a line.", refusesSecrets: true),
            KeyDescriptor(
                "password", .secret,
                "The passphrase for `openssl`, and for `age` and `gpg` without recipients. With it manifests are authenticated, so that "
                    + "nobody else can swap files and manifests together."),
            KeyDescriptor("identity", .secret, "The age key that opens the files; only reading needs it."),
            KeyDescriptor(
                "sign", .path, "An ssh key without a passphrase that signs manifests, where there is no password."),
            KeyDescriptor(
                "must-be-mounted", .either([.boolean, .path]),
                "Refuses to work unless a disk is mounted at or above the repository's folder, or at the path given."),
            KeyDescriptor(
                "other-device-than-sources", .boolean,
                "Refuses to work when the repository lies on the disk that it backs up.", default: "false"),
        ] + ArchiveTarget.keys,
        example: """
            archive: /srv/backups/archives
            compress: zstd
            encrypt: age
            recipients: [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p]
            """,
        check: { entry in problem(of: entry).map { [$0] } ?? [] })

    /// What the shapes of the keys do not say.
    private static func problem(of entry: ConfigValue) -> ConfigProblem? {
        if let value = entry["archive"], let text = value.text,
            ResticLocation(ArchiveTarget.address(text, endpoint: nil), relativeTo: "/")?.containsPassword == true
        {
            return ConfigProblem(
                at: value.location, keyPath: "archive",
                message: "an address must not hold a password; give what opens the place under `environment:`")
        }
        if let value = entry["archive"], let text = value.text,
            let mistake = ResticLocation.mistake(in: ArchiveTarget.address(text, endpoint: nil))
        {
            return ConfigProblem(at: value.location, keyPath: "archive", message: mistake)
        }
        let encryption = entry["encrypt"]?.text.flatMap(Encryption.init(rawValue:)) ?? .age
        let hasRecipients = entry["recipients"] != nil || entry["recipients-file"] != nil
        let place = (entry["encrypt"] ?? entry).location
        // What follows another has its files as they are.
        if entry["follows"] != nil { return nil }
        func problem(_ key: String, _ message: String) -> ConfigProblem {
            ConfigProblem(at: entry[key]?.location ?? place, keyPath: key, message: message)
        }
        if let list = entry["recipients"], list.strings.allSatisfy(\.isEmpty), entry["recipients-file"] == nil {
            return problem("recipients", "no recipient is named: files that nobody can open are no backup")
        }
        switch encryption {
        case .age where !hasRecipients && entry["password"] == nil:
            return problem("encrypt", "age needs `recipients:` (age-keygen makes a key) or a `password:`")
        case .gpg where !hasRecipients && entry["password"] == nil:
            return problem("encrypt", "gpg needs `recipients:` or a `password:`")
        case .openssl where entry["password"] == nil:
            return problem("encrypt", "openssl needs a `password:`")
        case .openssl where hasRecipients:
            return problem("recipients", "openssl has no recipients: leave them out, or encrypt with age or gpg")
        case .age, .gpg, .openssl: return nil
        }
    }
}
