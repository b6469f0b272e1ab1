package import BackupModel

/// What a profile says about a `files` source.
package struct FilesSettings: Sendable, Equatable {
    package enum SQLiteHandling: String, Sendable, CaseIterable {
        /// Databases in use are copied consistently, and the copies take their place in the snapshot.
        case consistent
        /// They are stored as they lie there, and the operator is told.
        case warn
        /// They are stored as they lie there.
        case raw
    }

    package var paths: [String]
    package var excludes: [String]
    package var excludesCacheDirectories: Bool
    package var excludesLargerThan: ByteCount?
    package var oneFileSystem: Bool
    /// Paths at which something must be mounted.
    package var mountPoints: [String]
    package var allowsEmpty: Bool
    package var sqlite: SQLiteHandling
    /// The paths are what something else found in a folder, single files and links, and no promise of the profile's: each is
    /// taken as what it is, and one that is gone or unreadable is one among many.
    var areFound = false

    /// Everything else as when a profile says nothing of it.
    init(paths: [String]) {
        self.paths = paths
        (excludes, mountPoints) = ([], [])
        (excludesCacheDirectories, oneFileSystem, allowsEmpty) = (false, false, false)
        sqlite = .consistent
    }

    init(found paths: [String]) {
        self.init(paths: paths)
        areFound = true
    }

    package init(_ value: ConfigValue) throws(SourceError) {
        let isShorthand = value.entries.isEmpty
        paths = (isShorthand ? value.strings : value["paths"]?.strings ?? []).map(withoutTrailingSlash)
        excludes = value["exclude"]?.strings ?? []
        excludesCacheDirectories = value["exclude-caches"]?.boolean ?? false
        excludesLargerThan = value["larger-than"]?.byteCount
        oneFileSystem = value["one-file-system"]?.boolean ?? false
        allowsEmpty = value["allow-empty"]?.boolean ?? false
        sqlite = value["sqlite"]?.text.flatMap(SQLiteHandling.init(rawValue:)) ?? .consistent
        mountPoints =
            switch value["mounted"]?.boolean {
            case true?: paths
            case false?: []
            case nil: value["mounted"]?.strings ?? []
            }
        guard !paths.isEmpty else {
            throw .unsupported("a files source without paths", hint: "name at least one folder or file under `paths:`")
        }
        if let path = (paths + mountPoints).first(where: { !$0.hasPrefix("/") || $0.contains("\0") }) {
            throw .unsupported("the path \(path) is not absolute", hint: "write it from the root: /…")
        }
    }

    package static let descriptor = KindDescriptor(
        kind: "files",
        summary: "Folders and files as they lie on disk, with live SQLite databases among them captured consistently.",
        shape: .either([.path, .list(.path), .object(keys)]),
        example: """
            files:
              paths: [/srv/app/uploads, /etc/app]
              exclude: ["*.tmp", "/srv/app/uploads/cache"]
              exclude-caches: true
              larger-than: 2G
              one-file-system: true
            """,
        check: { entry in
            guard let value = entry["files"], let paths = value.entries.isEmpty ? value : value["paths"] else {
                return []
            }
            return paths.elements.isEmpty
                ? [ConfigProblem(at: paths.location, keyPath: "files.paths", message: "names no path")] : []
        })

    static let excludeCachesKey = KeyDescriptor(
        "exclude-caches", .boolean, "Leaves out the content of folders that have a valid CACHEDIR.TAG.",
        default: "false")
    static let largerThanKey = KeyDescriptor("larger-than", .byteCount, "Leaves out files larger than this.")

    private static let keys = [
        KeyDescriptor(
            "paths", .list(.path), "Folders and files to capture. A path that is a symbolic link itself is refused.",
            required: true, refusesSecrets: true),
        KeyDescriptor(
            "exclude", .list(.string),
            "Patterns to leave out, in restic's language: `*.tmp` anywhere, `/srv/cache` there alone.",
            refusesSecrets: true),
        excludeCachesKey, largerThanKey,
        KeyDescriptor(
            "one-file-system", .boolean, "Does not enter other file systems that are mounted below the paths.",
            default: "false"),
        KeyDescriptor(
            "mounted", .either([.boolean, .path, .list(.path)]),
            "Something must be mounted at each of the paths (`true`), or at the paths named here; else nothing is captured.",
            default: "false"),
        KeyDescriptor(
            "allow-empty", .boolean, "A folder with nothing in it is fine; otherwise it stops the source.",
            default: "false"),
        KeyDescriptor(
            "sqlite", .choice(SQLiteHandling.allCases.map(\.rawValue)),
            "What happens to SQLite databases in use below the paths: copied consistently and stored at their own path, "
                + "stored raw with a warning, or stored raw.",
            default: "consistent"),
    ]
}
