import ArgumentParser
import BackupEngine
import BackupModel
import Foundation

struct KeyAdd: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Add a further password to a restic repository, such as one for the safe.",
        usage: "holdfast key add [<repository>] --password-file <file> [--label <word>] [<options>]",
        discussion: """
            The file holds the new password; where it does not exist, one is made and
            written to it (0600). It opens the repository beside the one in use, and stays
            when that is rotated. Print it, put it in the safe, and remove the file.

            Example: holdfast key add --password-file /root/safe.password --label safe
            """)

    @Argument(help: "The repository; the primary when left out.")
    var repository: String?

    @Option(
        name: [.customLong("password-file"), .customLong("new-password-file")],
        help: ArgumentHelp("Holds the new password, or gets one.", valueName: "file"))
    var file: String

    @Option(help: ArgumentHelp("What it is for; stands in the repository as the key's user.", valueName: "word"))
    var label = "break-glass"

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> ExitStatus {
        guard SourceName.isValid(label) else {
            throw Failure("`\(label)` cannot be a label", hint: "use letters, digits, `.`, `_` and `-`", kind: .usage)
        }
        let live = try Live(global, console)
        let engine = try PasswordChange(live, global).one(repository)
        let rotation = KeyRotation([engine], live.secrets) { await Failpoint.reach($0) }
        let report = try await rotation.add(label: label, passwordFile: KeyRotate.absolute(file))
        PasswordViews.tellNotices(report, console)
        guard !console.isJSON else {
            console.print(PasswordViews.document(report, waiting: false))
            return .success
        }
        for changed in report.repositories {
            console.print(
                "\(changed.repository): the password in \(report.file) opens it too (key \(changed.new.prefix(8)), \(label)); "
                    + "the one in use stays")
        }
        console.print("Put it where you will find it when this machine is gone, then remove the file.")
        return .success
    }
}
