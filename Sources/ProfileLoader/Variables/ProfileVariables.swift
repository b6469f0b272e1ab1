import BackupModel

/// What `${NAME}` can stand for: the process's environment, and below it the profile's environment files.
struct ProfileVariables: Sendable {
    var process: [String: String]
    private(set) var files: [String: EnvironmentFile.Variable] = [:]
    /// The files that were read, for messages.
    private(set) var paths: [String] = []

    init(process: [String: String]) { self.process = process }

    /// Later files win over earlier ones.
    mutating func add(_ file: EnvironmentFile, path: String) {
        paths.append(path)
        for variable in file.variables { files[variable.name] = variable }
    }

    struct Value {
        var text: String
        /// `$NAME (environment)`
        var origin: String
        var doubt: String?
    }

    /// `nil` when the variable is unset or empty.
    subscript(_ name: String) -> Value? {
        if let text = process[name], !text.isEmpty { return Value(text: text, origin: "$\(name) (environment)") }
        guard let variable = files[name], !variable.value.isEmpty else { return nil }
        return Value(
            text: variable.value, origin: "$\(name) (\(variable.location.file):\(variable.location.line))",
            doubt: variable.doubt)
    }

    /// The variables of the files, with the process's value where it has one: what a shell that sourced the files before
    /// the operator's own exports would see. Doubtful values are left out.
    var merged: [String: String] {
        var result: [String: String] = [:]
        for (name, variable) in files {
            if let text = process[name], !text.isEmpty {
                result[name] = text
            } else if variable.doubt == nil {
                result[name] = variable.value
            }
        }
        return result
    }

    /// Where a variable was looked for: `the environment and /opt/app/.env`.
    var places: String { listed(["the environment"] + paths) }

    /// True for a name that by custom holds a secret.
    static func looksSecret(_ name: String) -> Bool {
        let upper = name.uppercased()
        return ["PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN", "KEY"].contains { upper.hasSuffix($0) }
    }
}
