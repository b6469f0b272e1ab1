package import BackupModel

/// Why there is no profile to work with.
package enum ProfileError: OperatorError {
    /// Everything wrong with it, in the order of the files.
    case invalid(path: String, [ConfigProblem])
    /// A base was asked to run.
    case abstract(ProfileName, path: String)
    case notFound(String, searched: [String], nearest: String?, available: [String])
    case none(searched: [String])
    case ambiguous(available: [String])

    package var kind: FailureKind {
        switch self {
        case .invalid, .abstract, .none: .badProfile
        case .notFound, .ambiguous: .usage
        }
    }

    package var description: String {
        switch self {
        case .invalid(let path, let problems):
            "the profile \(shown(path, limit: 400)) has \(problems.count == 1 ? "a problem" : "\(problems.count) problems"):\n"
                + problems.map { "  \($0)" }.joined(separator: "\n")
        case .abstract(let name, let path):
            "the profile \(name) (\(path)) is abstract: a base for others, which never runs by itself"
        case .notFound(let name, let searched, let nearest, _):
            "there is no profile `\(shown(name))`" + (nearest.map { " (did you mean `\($0)`?)" } ?? "")
                + (searched.isEmpty ? "" : "; looked in \(listed(searched))")
        case .none(let searched): "there is no profile yet; looked in \(listed(searched))"
        case .ambiguous(let available): "there are several profiles: \(listed(available.map { shown($0) }))"
        }
    }

    package var hint: String? {
        switch self {
        case .invalid: "correct the file; `holdfast profile schema` gives editors completion and checks"
        case .abstract: "run a profile that names it under `extends:`"
        case .notFound(_, _, _, let available):
            available.isEmpty
                ? "`holdfast profile new` looks at this host and writes one"
                : "profiles: \(listed(available.map { shown($0) }))"
        case .none: "`holdfast profile new` looks at this host and writes one; --config-dir names another folder"
        case .ambiguous: "say which with -p NAME, or set HOLDFAST_PROFILE"
        }
    }
}
