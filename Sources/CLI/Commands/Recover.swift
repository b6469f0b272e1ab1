import ArgumentParser
import BackupEngine
import BackupModel

/// `holdfast recover`
struct Recover: OperatorCommand {
    static let configuration = CommandConfiguration(
        abstract: "Put right what a killed run left behind, without taking a backup.",
        usage: "holdfast recover [<options>]",
        discussion: """
            Every backup does this first by itself. Removes working folders, records
            killed runs as interrupted, clears locks whose owner is provably dead.

            Example: holdfast recover
            """)

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> ExitStatus {
        let live = try Live(global, console)
        let record = await RecoverRun(try live.engine()).run()
        if !console.isJSON, record.notices.isEmpty, record.outcome == .succeeded {
            console.print("there was nothing to put right")
        }
        return RunReport.show(record, console)
    }
}
