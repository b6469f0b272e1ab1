import BackupModel
import Foundation
import Programs

/// A work tree as git described it a moment ago.
struct GitWorkTree: Sendable {
    /// As git says it, links resolved.
    var root: String
    var remote: String?
    var status: GitStatus
    var index: GitIndex

    /// As many names as fit into a manifest.
    static let mostNames = 50

    /// - Throws: what the folder is instead of a work tree, or why git does not say.
    init(at folder: String, withIgnored: Bool, _ services: Services) async throws(SourceError) {
        do {
            guard try FileStatus(folder, followingLinks: true).kind == .folder else {
                throw SourceError.unsupported(
                    "\(folder) is no folder", hint: "name the work tree, or a folder of it; for a file use `files`")
            }
        } catch let error as SystemError {
            throw error.reading(folder, hint: "check the path, and whether its disk is mounted")
        } catch let error as SourceError {
            throw error
        } catch { throw .unreadable(folder, reason: "\(error)") }
        guard services.runner.locate(Git.program) != nil else {
            throw .tool(.notFound(program: Git.program, searched: ["the search path"]))
        }
        let asking = Asking(folder: folder, services: services)
        let place = try await asking.text(Git.place(folder)).split(whereSeparator: \.isNewline)
        guard place.last == "true" else {
            throw .unsupported(
                place.first == "true"
                    ? "\(folder) is a bare repository: it has no work tree" : "\(folder) is no work tree",
                hint: "name the folder that the files are checked out to; for the repository itself use `files`")
        }
        var root = try await asking.text(Git.root(of: folder))
        if root.hasSuffix("\n") { root.removeLast() }
        guard root.hasPrefix("/") else {
            throw .toolFailed(tool: Git.program, how: "exit code 0", detail: "it names no work tree: \(root)")
        }
        self.root = root
        do {
            status = try GitStatus(parsing: try await asking.bytes(Git.status(of: folder, withIgnored: withIgnored)))
            index = try GitIndex(parsing: try await asking.bytes(Git.index(of: folder)))
        } catch let error as SourceError {
            throw error
        } catch {
            throw .toolFailed(tool: Git.program, how: "exit code 0", detail: "its answer cannot be read: \(error)")
        }
        let remotes = Git.parseRemotes(try await asking.bytes(Git.remotes(of: folder)))
        let upstream = status.upstream ?? ""
        let chosen =
            remotes.filter { upstream.hasPrefix($0.name + "/") }.max { $0.name.utf8.count < $1.name.utf8.count }
            ?? remotes.first { $0.name == "origin" } ?? remotes.first
        remote = chosen.map { Git.withoutCredentials($0.address) }
    }

    private struct Asking {
        var folder: String
        var services: Services

        func text(_ command: ToolCommand) async throws(SourceError) -> String {
            String(decoding: try await bytes(command), as: UTF8.self)
        }

        func bytes(_ command: ToolCommand) async throws(SourceError) -> [UInt8] {
            let result = try await services.run(command)
            if let failure = result.failure {
                guard result.stopped == nil else { throw failure }
                let detail = tellingEnd(of: result.errors.text)
                switch Git.Trouble(diagnostics: result.errors.text) {
                case .noRepository:
                    throw .unsupported(
                        "\(folder) is in no git work tree",
                        hint: "check the path; for a folder without version control use a `files` source")
                case .othersRepository:
                    throw .notPermitted(
                        "the git work tree \(folder)", detail: detail,
                        hint:
                            "it belongs to another user, whose settings git would act on: back it up as that user, or "
                            + "say that they are trusted: git config --global --add safe.directory \(folder)")
                case .other: throw failure
                }
            }
            guard result.output.isComplete else {
                throw .unsupported(
                    "the work tree \(folder) has more names (\(result.output.totalBytes)) than git can be asked for at once",
                    hint: "name a folder of it, or capture it with a `files` source")
            }
            return result.output.head + result.output.tail
        }
    }

    // MARK: - What is captured

    struct Selection: Sendable {
        /// Absolute.
        var paths: [String] = []
        /// Relative to the root: not UTF-8.
        var unnameable: [[UInt8]] = []
        /// Git named it, and it is not there any more.
        var gone: [[UInt8]] = []
        var unusedExcludes: [String] = []
        /// Only the repository's own program can tell what they leave out.
        var unjudgedExcludes: [String] = []

        func without(_ kept: KeptPlaces) -> Selection {
            var rest = self
            rest.paths.removeAll(where: kept.contains)
            return rest
        }
    }

    func selection(excluding excludes: [String], at folder: String) -> Selection {
        var selection = Selection()
        let prefix = Array((root == "/" ? "/" : root + "/").utf8)
        let texts = excludes.map { $0.hasPrefix("/") ? ResticPattern.literal(resolved(folder)) + $0 : $0 }
        // One negated pattern can take back what any other leaves out.
        let judged = texts.contains { $0.hasPrefix("!") } ? [] : texts.compactMap(ExcludePattern.init)
        selection.unjudgedExcludes = texts.filter { text in !judged.contains { $0.text == text } }
        var used: Set<String> = []
        let candidates =
            status.untracked + status.ignored + status.changes.filter { !$0.isDeleted }.map(\.path)
        var seen: Set<[UInt8]> = []
        for (path, isOverlooked) in candidates.map({ ($0, false) }) + index.overlooked.map({ ($0, true) })
        where seen.insert(path).inserted {
            guard let kind = FileStatus.seen(prefix + path)?.kind else {
                if !isOverlooked { selection.gone.append(path) }
                continue
            }
            guard kind == .file || kind == .link else { continue }
            let components = (prefix + path).split(separator: 47).map { String(decoding: $0, as: UTF8.self) }
            let matching = judged.filter { pattern in
                components.indices.contains { pattern.matches(Array(components[...$0])) }
            }
            used.formUnion(matching.map(\.text))
            guard matching.isEmpty else { continue }
            if let name = String(validating: prefix + path, as: UTF8.self) {
                selection.paths.append(name)
            } else {
                selection.unnameable.append(path)
            }
        }
        selection.unusedExcludes = zip(excludes, texts).filter { exclude, text in
            // What is there and only git leaves out already is no slip of the pen.
            judged.contains { $0.text == text } && !used.contains(text)
                && !(exclude.hasPrefix("/") && FileStatus.seen(folder + exclude) != nil)
        }.map(\.0)
        return selection
    }

    /// What the profile calls a folder may lead through links; git's names do not.
    private func resolved(_ folder: String) -> String {
        do { return try System.resolve(folder) } catch { return folder }
    }

    // MARK: - What is said of it

    private var modified: [String] { status.changes.filter { !$0.isDeleted }.map { display($0.path) } }
    private var deleted: [String] { status.changes.filter(\.isDeleted).map { display($0.path) } }
    /// Repositories that have work trees of their own in this one.
    private var repositories: [String] { (index.submodules + status.nested).map(display).sorted() }

    /// `2 modified, 1 deleted, 3 untracked`, or `nothing that a commit lacks`.
    var state: String {
        let counts = [
            (modified.count, "modified"), (deleted.count, "deleted"), (status.untracked.count, "untracked"),
            (status.ignored.count, "ignored"),
        ]
        let words = counts.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
        return words.isEmpty ? "nothing that a commit lacks" : words.joined(separator: ", ")
    }

    var notices: [String] {
        var notices: [String] = []
        if !repositories.isEmpty {
            notices.append(
                "repositories of their own inside are left out, and need sources of their own: "
                    + GitWorkTree.some(repositories))
        }
        if !index.overlooked.isEmpty {
            notices.append(
                "of \(Words.count(index.overlooked.count, "tracked file")) git is told to overlook changes "
                    + "(assume-unchanged, skip-worktree); those that are there are stored as they are")
        }
        if !deleted.isEmpty {
            notices.append("tracked files that were deleted are in the commit alone: " + GitWorkTree.some(deleted))
        }
        return notices
    }

    /// For the manifest.
    var notes: [String: String] {
        var notes = restoreNotes
        notes["state"] = state
        notes["dirty"] = status.changes.isEmpty && status.untracked.isEmpty ? "no" : "yes"
        notes["untracked"] = "\(status.untracked.count)"
        notes["modified"] = "\(modified.count)"
        notes["deleted"] = "\(deleted.count)"
        if !index.overlooked.isEmpty { notes["overlooked"] = "\(index.overlooked.count)" }
        if !modified.isEmpty { notes["modified-files"] = GitWorkTree.some(modified) }
        if !deleted.isEmpty { notes["deleted-files"] = GitWorkTree.some(deleted) }
        notes["upstream"] = status.upstream
        notes["ahead"] = status.ahead.map { "\($0)" }
        notes["behind"] = status.behind.map { "\($0)" }
        return notes
    }

    var restoreNotes: [String: String] {
        var notes = ["work-tree": root]
        notes["remote"] = remote
        notes["branch"] = status.branch ?? "(detached)"
        notes["commit"] = status.commit ?? "(none yet)"
        if !repositories.isEmpty { notes["nested-repositories"] = GitWorkTree.some(repositories) }
        return notes
    }

    /// What whoever restored the files does next.
    static func advice(_ notes: [String: String]) -> String {
        let commit = notes["commit"].map { $0.hasPrefix("(") ? "a repository without commits" : "commit \($0)" }
        let branch = notes["branch"].map { $0.hasPrefix("(") ? ", detached" : ", branch \($0)" }
        let remote = notes["remote"].map { " of \($0)" }
        return "the files belong into a checkout of \(commit ?? "an unknown commit")\(branch ?? "")\(remote ?? "")"
    }

    private struct Page: Encodable {
        var workTree: String
        var remote: String?
        var branch: String?
        var commit: String?
        var upstream: String?
        var ahead: Int?
        var behind: Int?
        var state: String
        var modified: [String]
        var deleted: [String]
        var untracked: Int
        var ignored: Int
        /// Files whose changes git is told to overlook.
        var overlooked: [String]
        var nestedRepositories: [String]
    }

    /// Everything, no name left out; the same for as long as nothing changes.
    func page() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let page = Page(
            workTree: root, remote: remote, branch: status.branch, commit: status.commit, upstream: status.upstream,
            ahead: status.ahead, behind: status.behind, state: state, modified: modified, deleted: deleted,
            untracked: status.untracked.count, ignored: status.ignored.count,
            overlooked: index.overlooked.map(display), nestedRepositories: repositories)
        return try encoder.encode(page) + [10]
    }

    private static func some(_ names: [String]) -> String {
        names.prefix(mostNames).joined(separator: ", ")
            + (names.count > mostNames ? ", and \(names.count - mostNames) more (\(names.count) in all)" : "")
    }
}

/// A name on one line: control characters escaped, what is not UTF-8 repaired.
func display(_ path: [UInt8]) -> String {
    String(decoding: path, as: UTF8.self).unicodeScalars.map { scalar in
        scalar.properties.generalCategory == .control ? scalar.escaped(asASCII: true) : String(scalar)
    }.joined()
}
