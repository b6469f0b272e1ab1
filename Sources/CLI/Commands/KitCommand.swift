import ArgumentParser
import BackupEngine
import BackupModel
import Foundation

/// `holdfast kit …`
struct KitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kit",
        abstract: "Print how to restore with standard tools alone: a sheet to keep elsewhere.",
        usage: """
            holdfast kit [<point>] [--output <file>] [<options>]
            holdfast kit --check <file>
            """,
        discussion: """
            The sheet is a script for bash (or a page of HTML). It says where the copies
            are, what must be at hand, and the lines that bring each part back without
            Holdfast: from the primary and from every copy elsewhere, databases loaded
            and their rows compared. It holds no secret: it names where each is kept.
            The profile is at its end, for Holdfast itself on a new machine.

              holdfast kit > /media/stick/restore-app.sh
              holdfast kit --format html --output app.html
              holdfast kit --with-secrets --encrypt-to age1… --output app.age
              holdfast kit --with-secrets --shares 3 --threshold 2 --output app
              holdfast kit --check /media/stick/restore-app.sh     exits 5 when stale


            """ + optionsOfTheKitItself,
        subcommands: [KitMake.self, KitRehearse.self], defaultSubcommand: KitMake.self)

    /// Its arguments belong to the subcommand that is meant when none is named, and would not be listed here.
    private static var optionsOfTheKitItself: String {
        guard CommandLine.arguments.contains(where: ["help", "--help", "-h"].contains) else { return "" }
        let help = KitMake.helpMessage(columns: 80)
        return (help.range(of: "ARGUMENTS:").map { String(help[$0.lowerBound...]) } ?? help)
            .trimmingCharacters(in: .newlines)
    }
}

struct KitMake: OperatorCommand {
    enum Format: String, ExpressibleByArgument, CaseIterable { case text, html }

    static let configuration = CommandConfiguration(
        commandName: "make",
        abstract: "Make the sheet (the default of `holdfast kit`).",
        usage: "holdfast kit [<point>] [--output <file>] [<options>]",
        discussion: "Example: holdfast kit > /media/stick/restore-app.sh", shouldDisplay: false)

    @Argument(help: "latest, a run or snapshot id, or a time.")
    var point: String = "latest"

    @Flag(help: "Every repository of the profile; what it does unless --offsite or --from names one.")
    var all = false

    @Option(help: "text (a script) or html (a page that prints well).")
    var format: Format = .text

    @Option(help: ArgumentHelp("Write it there (mode 0600) instead of printing it.", valueName: "file"))
    var output: String?

    @Flag(help: "Replace the file of --output where there is one.")
    var force = false

    @Flag(help: "Leave out the profile.")
    var withoutProfile = false

    @Flag(help: "Put the key material into the sheet too; it is encrypted then, or split into shares.")
    var withSecrets = false

    @Option(
        help: ArgumentHelp(
            "Encrypt the sheet for this key: age1…, an ssh key, a file of them, or a key of gpg's ring (repeatable).",
            valueName: "recipient"))
    var encryptTo: [String] = []

    @Option(help: ArgumentHelp("Split it into so many shares, each a file beside --output.", valueName: "number"))
    var shares: Int?

    @Option(help: ArgumentHelp("How many of the shares open it.", valueName: "number"))
    var threshold: Int?

    @Flag(help: "Draw QR codes of the key material, or of the shares (needs qrencode).")
    var qr = false

    @Flag(help: "With --with-secrets: neither encrypt nor split it.")
    var printPlaintext = false

    @Option(
        help: ArgumentHelp(
            "Compare a sheet that was made earlier with how things are now; 5 when it is stale.", valueName: "file"))
    var check: String?

    @OptionGroup var place: OffsiteOptions

    @OptionGroup var global: GlobalOptions

    func validate() throws {
        if all, place.isWanted { throw ValidationError("--all and --offsite exclude each other") }
        if check != nil, output != nil || withSecrets || !encryptTo.isEmpty || shares != nil {
            throw ValidationError("--check makes no sheet")
        }
        if !encryptTo.isEmpty, shares != nil { throw ValidationError("--encrypt-to and --shares exclude each other") }
        if (shares == nil) != (threshold == nil) { throw ValidationError("--shares and --threshold go together") }
        if let shares, let threshold {
            guard (2...99).contains(shares), (2...shares).contains(threshold) else {
                throw ValidationError("--threshold is from 2 to the number of --shares, which is 99 at most")
            }
            guard output != nil else { throw ValidationError("--shares makes several files: name them with --output") }
        }
        if printPlaintext, !withSecrets { throw ValidationError("--print-plaintext goes with --with-secrets") }
        if printPlaintext, shares != nil || !encryptTo.isEmpty {
            throw ValidationError("--print-plaintext neither encrypts nor splits")
        }
        if qr, !withSecrets, shares == nil {
            throw ValidationError("--qr draws key material: it goes with --with-secrets or --shares")
        }
        if force, output == nil { throw ValidationError("--force goes with --output") }
        if global.json, withSecrets || shares != nil || !encryptTo.isEmpty, output == nil {
            throw ValidationError("--json says what was written: name it with --output")
        }
    }

    func perform(_ console: Console) async throws -> ExitStatus {
        if withSecrets, encryptTo.isEmpty, shares == nil, !printPlaintext {
            throw Failure(
                "a sheet with secrets in it is not written in the clear",
                hint: "give --encrypt-to, or --shares with --threshold; or type --print-plaintext in full", kind: .usage
            )
        }
        let live = try place.live(global, console)
        let kit = try await KitPlaces(live, place).kit(point)
        for notice in kit.notices { console.warn(notice) }
        for absence in kit.absences {
            console.warn("\(absence.repository.name): no lines for it: \(absence.why.description)")
        }
        if let check { return try KitCheck(live, kit).check(check, console) }
        let maker = KitMaker(live, kit, global, console)
        if console.isJSON, output == nil {
            console.print(KitViews.document(kit, written: []))
            return .success
        }
        var wish = KitMaker.Wish()
        wish.isHTML = format == .html
        wish.hasProfile = !withoutProfile
        wish.hasSecrets = withSecrets
        wish.recipients = encryptTo
        wish.shares = shares.flatMap { count in threshold.map { (count, $0) } }
        wish.hasCodes = qr
        let written = try await maker.write(wish, to: output.map(IdentityOption.path), replacing: force)
        if console.isJSON { console.print(KitViews.document(kit, written: written)) }
        for path in written { console.say("wrote \(path)") }
        return .success
    }
}
