package import BackupModel

/// What a profile says about an `sqlite` source.
package struct SQLiteSettings: Sendable, Equatable {
    package enum Method: String, Sendable, CaseIterable { case auto, vacuum, backup }
    package enum FactMode: String, Sendable, CaseIterable { case exact, off }

    package var paths: [String]
    /// How long a database that somebody holds exclusively is waited for.
    package var busyTimeout: Duration
    package var method: Method
    package var facts: FactMode
    package var factsLimit: Duration

    package init(_ value: ConfigValue) throws(SourceError) {
        paths = value.entries.isEmpty ? value.strings : value["path"]?.strings ?? []
        busyTimeout = value["busy-timeout"]?.duration ?? .seconds(30)
        method = value["method"]?.text.flatMap(Method.init(rawValue:)) ?? .auto
        facts = value["facts"]?.text.flatMap(FactMode.init(rawValue:)) ?? .exact
        factsLimit = value["facts-limit"]?.duration ?? .seconds(60)
        guard !paths.isEmpty else {
            throw .unsupported("an sqlite source without a path", hint: "name the database file under `path:`")
        }
        if let path = paths.first(where: { !$0.hasPrefix("/") || $0.hasSuffix("/") || $0.contains("\0") }) {
            throw .unsupported("\(path) is not the absolute path of a file", hint: "write it from the root: /…")
        }
    }

    package static let descriptor = KindDescriptor(
        kind: "sqlite",
        summary: "A live SQLite database, copied consistently under a writer and checked before it is stored.",
        shape: .either([.path, .object(keys)]),
        example: """
            sqlite:
              path: /srv/app/app.db
              busy-timeout: 30s
            """,
        check: { entry in
            guard let value = entry["sqlite"], let paths = value.entries.isEmpty ? value : value["path"] else {
                return []
            }
            var seen: Set<String> = []
            return paths.elements.compactMap { element in
                guard let name = element.text.map(baseName), !seen.insert(name).inserted else { return nil }
                return ConfigProblem(
                    at: element.location, keyPath: "sqlite.path",
                    message: "two databases of one source are called `\(name)`; give the second a source of its own")
            }
        })

    private static let keys = [
        KeyDescriptor(
            "path", .list(.path),
            "The database file, or several. The -wal and -shm beside it belong to it by themselves.",
            required: true, refusesSecrets: true),
        KeyDescriptor(
            "busy-timeout", .duration, "How long to wait while somebody holds the database exclusively.", default: "30s"
        ),
        KeyDescriptor(
            "method", .choice(Method.allCases.map(\.rawValue)),
            "How it is copied: `vacuum` (VACUUM INTO) or `backup` (page by page inside a read transaction). `auto` is "
                + "`backup`, whose copies deduplicate best.",
            default: "auto"),
        KeyDescriptor(
            "facts", .choice(FactMode.allCases.map(\.rawValue)), "Whether rows are counted in the copy.",
            default: "exact"),
        KeyDescriptor(
            "facts-limit", .duration, "How long counting may take; tables left over are recorded as not counted.",
            default: "60s"),
    ]
}
