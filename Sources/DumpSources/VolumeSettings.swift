package import BackupModel
package import Programs

/// What a profile says about a `volume` source.
package struct VolumeSettings: Sendable, Equatable {
    package var name: String
    /// `nil` takes the one that has the volume.
    package var engine: ContainerEngine?
    /// Patterns as a `files` source has them; one that begins with `/` is counted from the volume's own root.
    package var excludes: [String]
    package var excludesCacheDirectories: Bool
    package var excludesLargerThan: ByteCount?
    package var allowsEmpty: Bool
    package var sqlite: FilesSettings.SQLiteHandling

    package init(_ value: ConfigValue) throws(SourceError) {
        name = (value.entries.isEmpty ? value.text : value["name"]?.text) ?? ""
        engine = value["engine"]?.text.flatMap(ContainerEngine.init(rawValue:))
        excludes = value["exclude"]?.strings ?? []
        excludesCacheDirectories = value["exclude-caches"]?.boolean ?? false
        excludesLargerThan = value["larger-than"]?.byteCount
        allowsEmpty = value["allow-empty"]?.boolean ?? false
        sqlite = value["sqlite"]?.text.flatMap(FilesSettings.SQLiteHandling.init(rawValue:)) ?? .consistent
        guard VolumeSettings.isName(name) else {
            throw .unsupported("the volume name `\(name)`", hint: "`docker volume ls` or `podman volume ls` lists them")
        }
    }

    func files(at path: String) -> FilesSettings {
        var files = FilesSettings(paths: [path])
        files.excludes = excludes.map { $0.hasPrefix("/") ? path + $0 : $0 }
        files.excludesCacheDirectories = excludesCacheDirectories
        files.excludesLargerThan = excludesLargerThan
        files.allowsEmpty = allowsEmpty
        files.sqlite = sqlite
        return files
    }

    /// - Source: the pattern in moby's `volume/local` and podman's `define.NameRegex`
    private static func isName(_ text: String) -> Bool {
        func isPlain(_ byte: UInt8) -> Bool {
            (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
        }
        guard let first = text.utf8.first, isPlain(first) else { return false }
        return text.utf8.allSatisfy { isPlain($0) || $0 == 45 || $0 == 46 || $0 == 95 }
    }

    package static let descriptor = KindDescriptor(
        kind: "volume",
        summary: "A volume of docker or podman by its name, read where it lies, with live SQLite databases in it "
            + "captured consistently.",
        shape: .either([.string, .object(keys)]),
        example: """
            volume:
              name: app_uploads
              exclude: ["*.tmp", /cache]
            """,
        check: { entry in
            guard let value = entry["volume"], let name = value.entries.isEmpty ? value : value["name"],
                let text = name.text, !isName(text)
            else { return [] }
            return [
                ConfigProblem(
                    at: name.location, keyPath: "volume.name",
                    message: "is no volume's name: `\(text)`; for a folder use a `files` source")
            ]
        })

    private static let keys = [
        KeyDescriptor("name", .string, "The volume's name.", required: true, refusesSecrets: true),
        ThroughSettings.engineKey,
        KeyDescriptor(
            "exclude", .list(.string),
            "Patterns to leave out, as for `files`; one that begins with `/` is counted from the root of the volume.",
            refusesSecrets: true),
        FilesSettings.excludeCachesKey, FilesSettings.largerThanKey,
        KeyDescriptor(
            "allow-empty", .boolean, "A volume with nothing in it is fine; otherwise it stops the source.",
            default: "false"),
        KeyDescriptor(
            "sqlite", .choice(FilesSettings.SQLiteHandling.allCases.map(\.rawValue)),
            "What happens to SQLite databases in use in the volume, as for `files`.", default: "consistent"),
    ]
}
