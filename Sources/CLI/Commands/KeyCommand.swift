import ArgumentParser
import BackupEngine
import BackupModel
import Foundation

/// `holdfast key …`
struct KeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key", abstract: "Whom sources and archives are encrypted for, and changing that.",
        subcommands: [KeyList.self, KeyRotate.self])
}

struct KeyList: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List recipients: those of the profile, those pinned, and what other keys still open.",
        usage: "holdfast key list [<name> ...] [--offsite] [<options>]",
        discussion: """
            Exits with 65 when the profile's recipients are not those that are pinned.

            Example: holdfast key list secrets
            """)

    @Argument(help: "Only these sources and repositories.")
    var names: [String] = []

    @OptionGroup var place: OffsiteOptions

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> ExitStatus {
        let live = try place.live(global, console)
        let contents = try await KeyReview(try await live.engine(place)).load(names.isEmpty ? nil : names)
        if console.isJSON {
            console.print(KeyViews.document(contents))
        } else {
            KeyViews.show(contents, console)
        }
        return contents.subjects.allSatisfy(\.isAsPinned) ? .success : .damaged
    }
}

struct KeyRotate: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate",
        abstract: "Accept the recipients that the profile names now, and say what the old keys still open.",
        usage: "holdfast key rotate [<name> ...] [--dry-run] [--yes] [<options>]",
        discussion: """
            Backups from now on are for the new recipients. What is stored stays as it is:
            repositories are only added to, so old restore points open with the old keys
            until retention removes them. Each is listed, with the day that will be.

            Is an old key in wrong hands? Then change the secrets that it opens (passwords,
            tokens) at once, and remove the restore points that are listed.

            Example: holdfast key rotate secrets
            """)

    @Argument(help: "The sources and repositories; all whose recipients changed when left out.")
    var names: [String] = []

    @Flag(help: "Show what would change and stop.")
    var dryRun = false

    @Flag(name: [.customShort("y"), .long], help: "Do not ask.")
    var yes = false

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> ExitStatus {
        let live = try Live(global, console)
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

    private func confirmed(_ changed: [KeyReview.Subject]) throws -> Bool {
        guard isatty(STDIN_FILENO) == 1 else {
            throw Failure("nobody is there to ask", hint: "give --yes when no terminal is attached", kind: .usage)
        }
        let names = changed.map(\.subject.description).joined(separator: ", ")
        Console.write(Array("Encrypt \(names) for the new recipients from now on? [y/N] ".utf8), to: STDERR_FILENO)
        return ["y", "yes"].contains(readLine()?.lowercased() ?? "")
    }
}
