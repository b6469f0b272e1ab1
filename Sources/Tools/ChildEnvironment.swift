import BackupModel

/// The small environment that every child starts from. What is not listed here does not reach a child unless its command
/// asks for it.
struct ChildEnvironment: Sendable {
    private static let passedOn = ["PATH", "HOME", "USER", "LOGNAME", "TZ", "TMPDIR"]
    /// Messages in English and text in UTF-8, whatever the operator's own language.
    private static let fixed = ["LANG": "C.UTF-8"]

    private let ours: [String: String]

    init(ours: [String: String]) { self.ours = ours }

    /// `NAME=value` entries, secrets of the environment kind included.
    func entries(for command: ToolCommand) -> [[UInt8]] {
        var variables = ChildEnvironment.fixed
        for name in ChildEnvironment.passedOn + command.inheritedVariables { variables[name] = ours[name] }
        if let user = command.user {
            variables.merge(["HOME": user.home, "USER": user.name, "LOGNAME": user.name]) { $1 }
        }
        variables.merge(command.environment) { $1 }
        var values = variables.mapValues { Array($0.utf8) }
        for case .environment(let variable, let secret) in command.secrets {
            values[variable] = secret.reveal(for: .childProcess)
        }
        return values.sorted { $0.key < $1.key }.map { Array("\($0.key)=".utf8) + $0.value }
    }
}
