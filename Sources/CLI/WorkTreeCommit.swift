import BackupModel
import Foundation
import Programs

/// The commit that the working folder stands at, where it is a git work tree.
struct WorkTreeCommit {
    /// Whole.
    let id: String
    /// Tracked files differ from it.
    let isDirty: Bool

    /// `nil` where there is no git, no work tree of ours or no commit yet: it is a help, and nothing depends on it.
    static func find(_ runner: any ToolRunner) async -> WorkTreeCommit? {
        let folder = FileManager.default.currentDirectoryPath
        guard runner.locate(Git.program) != nil, let head = await ask(Git.head(of: folder), runner) else { return nil }
        let id = head.trimmingCharacters(in: .whitespacesAndNewlines)
        guard id.count >= 40, id.allSatisfy(\.isHexDigit) else { return nil }
        let changes = await ask(Git.changes(of: folder), runner)
        return WorkTreeCommit(id: id, isDirty: changes != "")
    }

    private static func ask(_ command: ToolCommand, _ runner: any ToolRunner) async -> String? {
        var command = command
        command.limits = ToolCommand.Limits(total: .seconds(20), stall: nil)
        // It is a help, and nothing depends on it.
        guard let result = try? await runner.run(command), result.didItsWork else { return nil }
        return result.output.text
    }

    /// A tag for snapshots.
    var tag: String { "commit-\(id.prefix(12))" }
    var words: String { "\(id.prefix(12))" + (isDirty ? ", with changes that are not committed" : "") }
}
