package import BackupModel

/// git, asked what a work tree has and no commit keeps. Only questions: nothing is written, no lock is taken and no daemon is
/// left behind. Of git's own variables none reaches it (`GIT_DIR` would point it elsewhere), and it judges by itself whether it
/// may be used in a folder of somebody else's.
///
/// - Source: https://git-scm.com/docs/git-status, https://git-scm.com/docs/git-ls-files (git 2.39.5)
package enum Git {
    package static let program = "git"

    package static let version = ToolCommand(program, ["--version"])

    /// Prints two lines: whether the repository is bare, and whether the folder is in a work tree.
    package static func place(_ folder: String) -> ToolCommand {
        command(["rev-parse", "--is-bare-repository", "--is-inside-work-tree"], in: folder)
    }

    /// The root of the work tree that the folder is in.
    package static func root(of folder: String) -> ToolCommand {
        command(["rev-parse", "--show-toplevel"], in: folder)
    }

    /// Commit, branch, and what differs from them at the folder and below. Each file by its own name, not by its folder's.
    package static func status(of folder: String, withIgnored: Bool) -> ToolCommand {
        command(
            [
                "status", "--porcelain=v2", "--branch", "--ahead-behind", "-z", "--untracked-files=all",
                "--ignored=" + (withIgnored ? "traditional" : "no"), "--no-renames", "--ignore-submodules=all", "--",
                ".",
            ], in: folder)
    }

    /// Every tracked file at the folder and below, with its mode, and with the mark of those that git overlooks.
    package static func index(of folder: String) -> ToolCommand {
        command(["ls-files", "-z", "-v", "--stage", "--full-name", "--", "."], in: folder)
    }

    /// Where the remotes are. Exit code 1: there is none.
    /// - Source: https://git-scm.com/docs/git-config ("the section or key is invalid", as it says of a key that is not there)
    package static func remotes(of folder: String) -> ToolCommand {
        var command = command(["config", "-z", "--get-regexp", "^remote\\..*\\.url$"], in: folder)
        command.acceptedExitCodes = [0, 1]
        return command
    }

    /// The commit that is checked out; exit code 128 where there is none yet.
    package static func head(of folder: String) -> ToolCommand {
        command(["rev-parse", "--verify", "--quiet", "HEAD^{commit}"], in: folder)
    }

    /// Tracked files of the whole work tree that differ from the commit; nothing where none does.
    package static func changes(of folder: String) -> ToolCommand {
        command(
            ["status", "--porcelain", "-z", "--untracked-files=no", "--no-renames", "--ignore-submodules=all"],
            in: folder)
    }

    private static func command(_ words: [String], in folder: String) -> ToolCommand {
        var command = ToolCommand(
            program,
            // A program of the repository's choice would be asked, and might stay.
            ["--no-optional-locks", "-c", "core.fsmonitor=false", "-c", "status.relativePaths=false"] + words)
        command.workingDirectory = folder
        // Where excludes of the user's own and `safe.directory` may stand.
        command.inheritedVariables = ["XDG_CONFIG_HOME"]
        command.teardown = TeardownStep.terminateFirst
        command.whenOrphaned = .signal(.terminate)
        command.keptOutput = .mebibytes(64)
        return command
    }

    /// `2.39.5` out of `git version 2.39.5 (Apple Git-154)`.
    package static func parseVersion(_ text: String) -> String? {
        text.split(whereSeparator: \.isWhitespace).dropFirst(2).first.map(String.init)
    }

    /// Why git did not answer, by the texts of git 2.39.5; it ends with 128 for all of them.
    package enum Trouble: Sendable, Equatable {
        case noRepository
        case othersRepository
        case other

        package init(diagnostics: String) {
            self =
                if diagnostics.contains("dubious ownership") || diagnostics.contains("unsafe repository") {
                    .othersRepository
                } else if diagnostics.contains("not a git repository") { .noRepository } else { .other }
        }
    }

    /// The address of a remote without what opens it: no password, over HTTP no user and no query either, for there any of
    /// them may be a token.
    package static func withoutCredentials(_ address: String) -> String {
        // `ext::` and the like: a program with arguments of any kind.
        if let range = address.utf8.firstRange(of: "::"), !address[..<range].contains("/"),
            !address[..<range].contains("[")
        {
            let rest = address[range...].dropFirst(2)
            return String(address[..<range]) + "::" + (rest.contains("://") ? withoutCredentials(String(rest)) : "…")
        }
        guard let range = address.utf8.firstRange(of: "://") else { return address }
        let scheme = String(address[..<range])
        let rest = address[range...].dropFirst(3)
        let end = rest.firstIndex(of: "/") ?? rest.endIndex
        var (host, path) = (rest[..<end], rest[end...])
        let isSecureShell = scheme.lowercased().hasSuffix("ssh")
        var user = ""
        if let at = host.lastIndex(of: "@") {
            if isSecureShell { user = host[..<at].prefix { $0 != ":" } + "@" }
            host = host[host.index(after: at)...]
        }
        if !isSecureShell, scheme != "file" { path = path.prefix { $0 != "?" && $0 != "#" } }
        return "\(scheme)://\(user)\(host)\(path)"
    }

    /// Names and addresses out of what ``remotes(of:)`` prints.
    package static func parseRemotes(_ output: [UInt8]) -> [(name: String, address: String)] {
        output.split(separator: 0).compactMap { entry in
            let text = String(decoding: entry, as: UTF8.self)
            guard let end = text.firstIndex(where: { $0.isNewline }) else { return nil }
            let key = text[..<end].dropFirst("remote.".count).dropLast(".url".count)
            return (String(key), String(text[text.index(after: end)...]))
        }
    }
}

extension String.UTF8View {
    /// Where the first occurrence of `text` begins.
    fileprivate func firstRange(of text: String) -> String.Index? {
        indices.first { self[$0...].starts(with: text.utf8) }
    }
}
