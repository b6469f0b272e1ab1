package import BackupModel

/// gzip, as a filter.
/// - Source: https://www.gnu.org/software/gzip/manual/gzip.html#Invoking-gzip; checked with gzip 1.12.
package enum Gzip {
    /// Without a name or time in the header: equal data becomes an equal file.
    package static func compress() -> ToolCommand { filter(["--no-name", "--stdout"]) }
    package static func decompress() -> ToolCommand { filter(["--decompress", "--stdout"]) }

    private static func filter(_ arguments: [String]) -> ToolCommand {
        var command = ToolCommand("gzip", arguments)
        command.teardown = TeardownStep.terminateFirst
        return command
    }
}
