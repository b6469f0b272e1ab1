import ArgumentParser
import BackupEngine
import BackupModel
import ProfileLoader

/// `holdfast recover`
struct Recover: OperatorCommand {
    static let configuration = CommandConfiguration(
        abstract: "Put right what a killed run left behind, without taking a backup.",
        usage: "holdfast recover [--all] [<options>]",
        discussion: """
            Every backup does this first by itself. Gives back what hooks took, removes
            working folders, records killed runs as interrupted, clears locks whose owner
            is provably dead.

            With --all, or when no profile is chosen and there are several, it does so for
            every profile, and looks into no repository: that is what to run when the
            machine comes up.

            Example: holdfast recover --all
            """)

    @Flag(help: "For all profiles, and without looking into their repositories.")
    var all = false

    @Option(help: ArgumentHelp("Give up on giving this back; errors name the id.", valueName: "id"))
    var forget: String?

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> ExitStatus {
        if let forget { return try RecoverAll(global, console).forget(forget) }
        if all || hasNoChosenProfile { return await RecoverAll(global, console).run() }
        let live = try Live(global, console)
        let record = await RecoverRun(try live.engine()).run()
        if !console.isJSON, record.notices.isEmpty, record.outcome == .succeeded {
            console.print("there was nothing to put right")
        }
        return RunReport.show(record, console)
    }

    private var hasNoChosenProfile: Bool {
        do throws(ProfileError) {
            _ = try Profiles(global).chosenPath()
            return false
        } catch {
            switch error {
            case .ambiguous, .none: return true
            case .invalid, .abstract, .notFound: return false
            }
        }
    }
}
