package import BackupModel

/// zstd, as a filter.
/// - Source: https://github.com/facebook/zstd/blob/v1.5.4/programs/zstd.1.md; checked with zstd 1.5.4.
package enum Zstandard {
    /// On all cores, at the level that is zstd's own default.
    package static func compress() -> ToolCommand { filter(["-T0", "-3", "--quiet", "--stdout"]) }
    package static func decompress() -> ToolCommand { filter(["--decompress", "--quiet", "--stdout"]) }

    private static func filter(_ arguments: [String]) -> ToolCommand {
        var command = ToolCommand("zstd", arguments)
        command.teardown = TeardownStep.terminateFirst
        return command
    }
}
