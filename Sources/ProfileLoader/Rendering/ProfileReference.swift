package import BackupModel

/// The text of `docs/profile-reference.md`: every key once, from the descriptions that the validator works by.
package enum ProfileReference {
    package static func markdown(
        sources: [KindDescriptor], repositories: [KindDescriptor], notifiers: [KindDescriptor] = []
    ) -> String {
        var lines = [
            "# Profile reference", "",
            "Generated from the descriptions that profiles are checked by; `make docs` writes it anew. Paths may be absolute,",
            "begin with `~/`, or be relative to the file they stand in. `${NAME}`, `${NAME:-default}`, `${NAME:+value}` and",
            "`${NAME:?message}` may stand in any value; `$$` is one `$`. A variable that is set to nothing counts as unset.",
            "",
            "## The profile", "",
        ]
        lines += table(ProfileKeys.common.filter { $0.name != "retention" && $0.name != "bandwidth" }, under: "")
        lines += table(ProfileKeys.common.filter { $0.name == "bandwidth" }, under: "", header: false)
        lines += ["", "## Retention", ""] + table(ProfileKeys.retention, under: "retention.")
        lines += section(
            "Sources",
            "Under `sources:`, each under a name of your choice. An entry has exactly one of the kinds below, and any of:",
            ProfileKeys.source, sources)
        lines += section(
            "Repositories",
            "Under `repositories:`, each under a name of your choice. An entry has exactly one kind, and any of:",
            ProfileKeys.repository, repositories)
        lines += [
            "", "## Hooks", "",
            "A list under `hooks:` of the profile, of a source or of a repository. An entry has one of `run`, `shell` and `use`",
            "with `on:`, or is a resource: `use` without `on:`, or `acquire` with `release`. See docs/hooks.md.", "",
        ]
        lines += table(ProfileKeys.hook, under: "")
        lines += section(
            "Notifiers", "A list under `notify:`. An entry has exactly one kind, and any of:", ProfileKeys.notifier,
            notifiers)
        return lines.joined(separator: "\n") + "\n"
    }

    private static func section(
        _ title: String, _ introduction: String, _ common: [KeyDescriptor], _ kinds: [KindDescriptor]
    ) -> [String] {
        var lines = ["", "## \(title)", "", introduction, ""] + table(common, under: "")
        for kind in kinds {
            lines += ["", "### `\(kind.kind)`", "", kind.summary, "", "```yaml"]
            lines += kind.example.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
            lines += ["```", "", "Its value: \(ShapeWords.wanted(kind.shape)).", ""]
            let keys = ShapeChecker.keys(in: kind.shape)
            if !keys.isEmpty { lines += table(keys, under: "\(kind.kind).") }
            if !kind.siblingKeys.isEmpty {
                lines += (keys.isEmpty ? [] : ["", "Beside it:", ""]) + table(kind.siblingKeys, under: "")
            }
        }
        return lines
    }

    private static func table(_ keys: [KeyDescriptor], under prefix: String, header: Bool = true) -> [String] {
        (header ? ["| key | value | default | meaning |", "|---|---|---|---|"] : [])
            + keys.flatMap { rows($0, under: prefix) }
    }

    private static func rows(_ key: KeyDescriptor, under prefix: String) -> [String] {
        var meaning = key.summary
        if key.isRequired { meaning += " Required." }
        if key.isIgnored { meaning += " *Loads; this version does not act on it, and every run says so.*" }
        let cells = [
            "`\(prefix)\(key.name)`", ShapeWords.wanted(key.shape),
            key.defaultText.map { $0.contains(" ") ? $0 : "`\($0)`" } ?? "–", meaning,
        ]
        let row =
            "| " + cells.map { $0.replacing("|", with: "\\|").replacing("\n", with: " ") }.joined(separator: " | ")
            + " |"
        return [row] + ShapeChecker.keys(in: key.shape).flatMap { rows($0, under: "\(prefix)\(key.name).") }
    }
}
