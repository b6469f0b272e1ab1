import ArgumentParser
import BackupEngine
import BackupModel
import Foundation

/// `holdfast key …`
struct KeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key",
        abstract: "Passwords of repositories, whom sources and archives are encrypted for, and changing that.",
        subcommands: [KeyList.self, KeyAdd.self, KeyRotate.self])
}

struct KeyList: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract:
            "List the passwords of a restic repository, and recipients: the profile's, those pinned, what others open.",
        usage: "holdfast key list [<name> ...] [--offsite] [<options>]",
        discussion: """
            Of a password its key is listed: who made it, when, and which one is in use.
            Exits with 65 when the profile's recipients are not those that are pinned.

            Examples:
              holdfast key list
              holdfast key list secrets
            """)

    @Argument(help: "Only these sources and repositories.")
    var names: [String] = []

    @OptionGroup var place: OffsiteOptions

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> ExitStatus {
        let live = try place.live(global, console)
        let engine = try await live.engine(place)
        let passwords = PasswordChange(live, global)
        try live.requireKnown(names)
        let repositories = names.filter(passwords.isMeant)
        let others = names.filter { !repositories.contains($0) }
        let contents = try await KeyReview(engine).load(names.isEmpty ? nil : others)
        let engines = names.isEmpty ? [engine] : try repositories.map { try passwords.one($0) }
        var listed: [(Engine, RepositoryPin?, [RepositoryKey])] = []
        for engine in engines {
            _ = try await OpenRepository(engine, repository: engine.primary).open(.never)
            guard let keys = try await OwnKey(engine).list() else { continue }
            let spec = engine.primary.spec
            listed.append((engine, try engine.pins.pin(profile: live.profile.name, repository: spec.pinName), keys))
        }
        if let follow = engine.primary.spec.follow, follow.method == .mirror {
            console.say(
                "note: \(engine.primary.spec.name) is a mirror: it has the keys that \(follow.leader) had at its last feed, and those "
                    + "from before, for nobody removes any there")
        }
        if console.isJSON {
            let keys = JSONValue.array(listed.map { PasswordViews.document($0.2, of: $0.0, $0.1) })
            console.print(KeyViews.document(contents, passwords: keys))
        } else {
            for (engine, pin, keys) in listed {
                console.print(Console.harmless(PasswordViews.lines(keys, of: engine, pin).joined(separator: "\n")))
            }
            if listed.isEmpty || !contents.subjects.isEmpty { KeyViews.show(contents, console) }
        }
        return contents.subjects.allSatisfy(\.isAsPinned) ? .success : .damaged
    }
}

struct KeyRotate: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate",
        abstract: "Give a restic repository a new password, or accept the recipients that the profile names now.",
        usage: """
            holdfast key rotate <repository> [--new-password-file <file>] [--yes] [<options>]
            holdfast key rotate <repository> --finish
            holdfast key rotate [<name> ...] [--dry-run] [--yes] [<options>]
            """,
        discussion: """
            The name of a restic repository: it gets a new password. That is made, added,
            and proven to open the repository; then it takes the old one's place in the
            password's file (the old one is kept beside it as FILE.previous), and the old
            key is removed. Stopped at any moment, the same command goes on. Where the
            password comes from elsewhere (`env:`, `command:`, `credential:`), it is written
            to --new-password-file; you put it in its place, then give --finish.
            Repositories of the profile that share the password get the new one together.

            Otherwise recipients:
            Backups from now on are for the new recipients. What is stored stays as it is:
            repositories are only added to, so old restore points open with the old keys
            until retention removes them. Each is listed, with the day that will be.

            Is an old key in wrong hands? Then change the secrets that it opens (passwords,
            tokens) at once, and remove the restore points that are listed.

            Examples:
              holdfast key rotate local
              holdfast key rotate secrets
            """)

    @Argument(help: "The sources and repositories; all whose recipients changed when left out.")
    var names: [String] = []

    @Flag(help: "Show what would change and stop.")
    var dryRun = false

    @Flag(name: [.customShort("y"), .long], help: "Do not ask.")
    var yes = false

    @Option(
        help: ArgumentHelp("Holds a repository's new password, or gets one.", valueName: "file"))
    var newPasswordFile: String?

    @Flag(help: "Remove a repository's old key, now that the profile has the new password.")
    var finish = false

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> ExitStatus {
        let live = try Live(global, console)
        let passwords = PasswordChange(live, global)
        if finish || newPasswordFile != nil || names.contains(where: passwords.isMeant) {
            guard names.count == 1 else {
                throw Failure("name one repository, and nothing else", hint: "as in key rotate local", kind: .usage)
            }
            return try await rotatePassword(passwords, console)
        }
        try live.requireKnown(names)
        let review = KeyReview(try live.engine())
        let contents = try await review.load(names.isEmpty ? nil : names)
        // Whoever is asked must know what they agree to, and nobody agrees to what cannot be known.
        let changed = try contents.subjects.filter { try $0.pin?.recipients != $0.current.get() }
        if !console.isJSON { KeyViews.show(contents, console) }
        var rotated: [RecipientSubject] = []
        if !changed.isEmpty, !dryRun {
            guard try yes || confirmed(changed) else {
                console.print("nothing was changed")
                return .failed
            }
            for subject in changed where try await review.accept(subject) { rotated.append(subject.subject) }
        }
        if console.isJSON {
            console.print(KeyViews.document(contents, rotated: rotated))
            return .success
        }
        for subject in rotated {
            console.print("\(subject): the new recipients are pinned; the next backup is for them")
        }
        if changed.isEmpty { console.print("nothing changed: the recipients are those that are pinned") }
        KeyViews.advise(contents, console)
        return .success
    }

    private func rotatePassword(_ passwords: PasswordChange, _ console: Console) async throws -> ExitStatus {
        let engines = try passwords.group(of: names[0])
        for notice in try passwords.notices(engines) { console.say("note: \(Console.harmless(notice))") }
        let shown = engines.map(\.primary.spec.name.rawValue).joined(separator: ", ")
        if dryRun {
            console.print(finish ? "the old key of \(shown) would be removed" : "\(shown) would get a new password")
            return .success
        }
        if !finish, !yes {
            guard Question.canBeAsked else {
                throw Failure("nobody is there to ask", hint: "give --yes when no terminal is attached", kind: .usage)
            }
            guard Question.agrees("Give \(shown) a new password?") else {
                console.print("nothing was changed")
                return .failed
            }
        }
        let rotation = KeyRotation(engines, passwords.live.secrets) { await Failpoint.reach($0) }
        let report =
            finish
            ? try await rotation.finish()
            : try await rotation.rotate(newPasswordFile: newPasswordFile.map(KeyRotate.absolute))
        PasswordViews.tellNotices(report, console)
        if console.isJSON {
            console.print(PasswordViews.document(report, waiting: report.isWaiting))
        } else {
            PasswordViews.tell(report, mirrors: passwords.mirrors, console)
        }
        return .success
    }

    static func absolute(_ path: String) -> String {
        let full = (path as NSString).expandingTildeInPath
        return full.hasPrefix("/") ? full : FileManager.default.currentDirectoryPath + "/" + full
    }

    private func confirmed(_ changed: [KeyReview.Subject]) throws -> Bool {
        let names = changed.map(\.subject.description).joined(separator: ", ")
        return try Question.confirmed("Encrypt \(names) for the new recipients from now on?")
    }
}
