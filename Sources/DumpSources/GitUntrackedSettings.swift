package import BackupModel

/// What a profile says about a `git-untracked` source.
package struct GitUntrackedSettings: Sendable, Equatable {
    /// A work tree, or a folder of one: then what is outside of it is left out.
    package var path: String
    package var includesIgnored: Bool
    /// Patterns as a `files` source has them; one that begins with `/` is counted from the path.
    package var excludes: [String]

    package init(_ value: ConfigValue) throws(SourceError) {
        path = withoutTrailingSlash((value.entries.isEmpty ? value.text : value["path"]?.text) ?? "")
        includesIgnored = value["ignored"]?.boolean ?? false
        excludes = value["exclude"]?.strings ?? []
        guard path.hasPrefix("/"), !path.contains("\0") else {
            throw .unsupported("the path `\(path)` of a work tree", hint: "write it from the root: /…")
        }
    }

    package static let descriptor = KindDescriptor(
        kind: "git-untracked",
        summary:
            "What a git work tree has and no commit keeps: untracked files and changed ones, with commit, branch and "
            + "remote beside them.",
        shape: .either([.path, .object(keys)]),
        example: """
            git-untracked:
              path: /srv/app
              exclude: [/build, "*.o"]
            """)

    private static let keys = [
        KeyDescriptor(
            "path", .path, "The work tree, or a folder of it: then only what is in that folder is captured.",
            required: true, refusesSecrets: true),
        KeyDescriptor("ignored", .boolean, "Files that git ignores are captured too.", default: "false"),
        KeyDescriptor(
            "exclude", .list(.string),
            "Patterns to leave out, as for `files`; one that begins with `/` is counted from the path.",
            refusesSecrets: true),
    ]
}
