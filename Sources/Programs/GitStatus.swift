/// What git says of a work tree. Names are bytes, counted from the root of the work tree.
package struct GitStatus: Sendable, Equatable {
    package struct Change: Sendable, Equatable {
        package var path: [UInt8]
        /// It is not in the work tree any more.
        package var isDeleted: Bool
        package init(path: [UInt8], isDeleted: Bool) {
            self.path = path
            self.isDeleted = isDeleted
        }
    }

    /// `nil` before the first commit.
    package var commit: String?
    /// `nil` where a commit is checked out and no branch.
    package var branch: String?
    package var upstream: String?
    /// Commits that the upstream lacks, and that are not here; known where the upstream has been fetched.
    package var ahead: Int?
    package var behind: Int?
    /// Tracked files that differ from the last commit, in the index or in the work tree.
    package var changes: [Change] = []
    package var untracked: [[UInt8]] = []
    package var ignored: [[UInt8]] = []
    /// Repositories inside that no submodule names: git goes no further.
    package var nested: [[UInt8]] = []

    package init() {}

    /// An answer that is not understood.
    package struct Unreadable: Error, CustomStringConvertible {
        package var entry: String
        package var description: String { "an entry that is none: \(entry)" }
    }

    /// - Parameter output: of ``Git/status(of:withIgnored:)``.
    /// - Source: https://git-scm.com/docs/git-status#_porcelain_format_version_2 (2.39.5)
    package init(parsing output: [UInt8]) throws(Unreadable) {
        var entries = output.split(separator: 0)[...]
        while let entry = entries.popFirst() {
            switch (entry.first, entry.dropFirst().first) {
            case (UInt8(ascii: "#"), _): takeHeader(String(decoding: entry, as: UTF8.self))
            case (UInt8(ascii: "?"), UInt8(ascii: " ")): add(Array(entry.dropFirst(2)), to: \.untracked)
            case (UInt8(ascii: "!"), UInt8(ascii: " ")): add(Array(entry.dropFirst(2)), to: \.ignored)
            case (UInt8(ascii: "1"), _): try takeChange(entry, fields: 8)
            case (UInt8(ascii: "u"), _): try takeChange(entry, fields: 10)
            case (UInt8(ascii: "2"), _):
                try takeChange(entry, fields: 9)
                // The name that it had before.
                _ = entries.popFirst()
            default: throw Unreadable(entry: String(decoding: entry.prefix(100), as: UTF8.self))
            }
        }
    }

    private mutating func takeHeader(_ text: String) {
        let words = text.split(separator: " ").dropFirst().map(String.init)
        guard words.count >= 2 else { return }
        switch words[0] {
        case "branch.oid": commit = words[1] == "(initial)" ? nil : words[1]
        case "branch.head": branch = words[1] == "(detached)" ? nil : words[1]
        case "branch.upstream": upstream = words[1]
        case "branch.ab" where words.count == 3:
            ahead = Int(words[1])
            behind = Int(words[2]).map { -$0 }
        default: break
        }
    }

    private mutating func takeChange(_ entry: [UInt8].SubSequence, fields: Int) throws(Unreadable) {
        let words = entry.split(separator: UInt8(ascii: " "), maxSplits: fields, omittingEmptySubsequences: false)
        guard words.count == fields + 1, words[1].count == 2, let path = words.last, !path.isEmpty else {
            throw Unreadable(entry: String(decoding: entry.prefix(100), as: UTF8.self))
        }
        // A submodule is a repository of its own.
        guard words[2].first != UInt8(ascii: "S") else { return }
        let isDeleted = words[1].elementsEqual("D.".utf8) || words[1].last == UInt8(ascii: "D")
        changes.append(Change(path: Array(path), isDeleted: isDeleted))
    }

    private mutating func add(_ path: [UInt8], to list: WritableKeyPath<GitStatus, [[UInt8]]>) {
        if path.last == UInt8(ascii: "/") {
            nested.append(Array(path.dropLast()))
        } else {
            self[keyPath: list].append(path)
        }
    }
}

/// What the index of a work tree says that its status does not.
package struct GitIndex: Sendable, Equatable {
    package var submodules: [[UInt8]] = []
    /// Files whose changes git was told to overlook: `assume-unchanged`, `skip-worktree`.
    package var overlooked: [[UInt8]] = []

    /// - Parameter output: of ``Git/index(of:)``: `H 100644 6178… 0`, a tabulator, and the name.
    /// - Source: https://git-scm.com/docs/git-ls-files#_output and `-v` there (2.39.5)
    package init(parsing output: [UInt8]) throws(GitStatus.Unreadable) {
        for entry in output.split(separator: 0) {
            guard let tab = entry.firstIndex(of: UInt8(ascii: "\t")), let mark = entry.first else {
                throw GitStatus.Unreadable(entry: String(decoding: entry.prefix(100), as: UTF8.self))
            }
            let path = Array(entry[(tab + 1)...])
            if entry.dropFirst(2).starts(with: "160000".utf8) {
                submodules.append(path)
            } else if mark == UInt8(ascii: "S") || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(mark) {
                overlooked.append(path)
            }
        }
    }
}
