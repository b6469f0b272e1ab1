import BackupModel

extension ProfileKeys {
    private static let program = ValueShape.either([.string, .list(.string)])

    /// One entry under `hooks:`, of the profile, of a source or of a repository.
    static let hook: [KeyDescriptor] = [
        KeyDescriptor(
            "when", .anything, "Switches the entry off when it is empty, `false`, `0` or `no`.", default: "true"),
        KeyDescriptor("description", .string, "Free text for people."),
        KeyDescriptor("name", .name, "What messages call it.", default: "the name of its program"),
        KeyDescriptor(
            "on", .list(.choice(HookEvent.all.map(\.description))),
            "The events at which it runs. An entry without is a resource: taken before, and given back whatever happens."
        ),
        KeyDescriptor(
            "run", .list(.string),
            "A program and its arguments; no shell is involved. A relative path begins at the profile's folder, where it also "
                + "runs.", refusesSecrets: true),
        KeyDescriptor("shell", .string, "A text for `/bin/sh -c`, in place of `run:`.", refusesSecrets: true),
        KeyDescriptor(
            "use", .name,
            "A plugin, in place of `run:`: a program of this name in one of the folders for hooks (see docs/hooks.md)."),
        KeyDescriptor(
            "with", .dictionary(.anything),
            "What it is told: under `with` in its document, and as `HOLDFAST_WITH_NAME` in its environment.",
            refusesSecrets: true),
        KeyDescriptor(
            "environment", .dictionary(.either([.secret, .string])),
            "Variables for its environment; a secret by reference, as in `env:NAME` or `file:PATH`."),
        KeyDescriptor(
            "acquire", program,
            "Of a resource without `use:`: what takes it, a list as under `run:` or a text as under `shell:`. What it prints as "
                + "`{\"state\": …}` its release is told.", refusesSecrets: true),
        KeyDescriptor("release", program, "What gives it back.", refusesSecrets: true),
        KeyDescriptor(
            "inspect", program,
            "Says as `{\"state\": …}` how things stand before the acquire, and changes nothing.", refusesSecrets: true),
        KeyDescriptor(
            "around", .list(.string),
            "Of a resource of the profile: `run`, the whole backup; `sources`, the capture of all of them; or the names of the "
                + "sources that need it.", default: "run"),
        KeyDescriptor(
            "for", .list(.choice(ResourceSpec.Purpose.allCases.map(\.rawValue))),
            "Of a resource: `backup`, taken while the source is captured; `restore`, taken while what was restored into place "
                + "takes its place. A repository's is taken for both.", default: "[backup]"),
        KeyDescriptor(
            "time-limit", .duration, "It is stopped after this long, with all that it started.", default: "10m"),
        KeyDescriptor(
            "on-failure", .choice(HookFailureRule.allCases.map(\.rawValue)),
            "Whether the work fails with it, or goes on and notes it.",
            default: "abort before the work and for an acquire, warn afterwards"),
    ]
}
