package import BackupModel

/// Where on an SFTP server a repository is, read as restic reads it.
/// - Source: https://restic.readthedocs.io/en/stable/030_preparing_a_new_repo.html#sftp, checked for 0.14.0 to 0.19.1.
package struct SFTPAddress: Sendable, Equatable {
    /// `user@host`, or a name that ssh's configuration knows.
    package var destination: String
    package var port: Int?
    /// Relative ones begin in the user's home.
    package var path: String

    /// `sftp:user@host:/path`, `sftp://user@host:port//path`; `nil` for anything else.
    package init?(_ location: String) {
        guard location.hasPrefix("sftp:") else { return nil }
        let rest = location.dropFirst("sftp:".count)
        if rest.hasPrefix("//") {
            let parts = rest.dropFirst(2).split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty else { return nil }
            let host = parts[0].split(separator: ":", maxSplits: 1)
            destination = String(host[0])
            port = host.count > 1 ? Int(host[1]) : nil
            path = String(parts[1])
        } else {
            guard let colon = rest.firstIndex(of: ":"), colon > rest.startIndex else { return nil }
            destination = String(rest[..<colon])
            path = String(rest[rest.index(after: colon)...])
        }
        guard !path.isEmpty, !destination.hasPrefix("-") else { return nil }
    }
}

/// OpenSSH's `sftp` with a batch of commands on its standard input.
/// - Source: https://man.openbsd.org/sftp, checked with OpenSSH 9.2; `-D` with arguments is from 8.9 on.
package struct SFTPBatch: Sendable, Equatable {
    package var address: SFTPAddress
    /// restic's `sftp.command`: what to start in place of ssh.
    package var connection: String?
    /// restic's `sftp.args`: further arguments of ssh.
    package var options: [String]
    /// Per second.
    package var limit: ByteCount?

    package init(
        _ address: SFTPAddress, connection: String? = nil, options: [String] = [], limit: ByteCount? = nil
    ) {
        self.limit = limit
        self.address = address
        self.connection = connection
        self.options = options
    }

    /// - Parameter lines: each of them may fail without ending the batch where a `-` stands before it.
    package func command(_ lines: [String]) -> ToolCommand {
        var arguments = ["-b", "-"]
        // In kilobits.
        if let limit { arguments += ["-l", String(max(1, limit.bytes * 8 / 1000))] }
        if let connection {
            arguments += ["-D", connection]
        } else {
            for option in ["BatchMode=yes", "ConnectTimeout=15", "ServerAliveInterval=15", "ServerAliveCountMax=4"] {
                arguments += ["-o", option]
            }
            if let port = address.port { arguments += ["-P", String(port)] }
            // What ssh calls -p is -P here.
            arguments += options.map { $0 == "-p" ? "-P" : $0 } + ["--", address.destination]
        }
        var command = ToolCommand("sftp", arguments)
        command.input = .bytes(Array((lines.joined(separator: "\n") + "\n").utf8))
        command.inheritedVariables = SecureShell.variables
        command.keptOutput = .mebibytes(4)
        command.acceptedExitCodes = Set(0...255)
        command.teardown = TeardownStep.terminateFirst
        return command
    }

    /// A path as one word. In quotes no character stands for others.
    package static func quoted(_ path: String) -> String {
        "\"" + path.map { "\\\"".contains($0) ? "\\\($0)" : String($0) }.joined() + "\""
    }

    // MARK: - Putting

    package struct Item: Sendable, Equatable {
        /// Absolute, here.
        package var file: String
        /// There.
        package var path: String
        package init(file: String, path: String) {
            self.file = file
            self.path = path
        }
    }

    /// As restic's own end: nothing that reads the repository takes one for a file of it.
    private static func draft(_ item: Item) -> String { item.path + "-tmp-0" }

    /// Puts each file under a name of its own and then gives it its real one, which fails where there is one already: `rename -l`
    /// never replaces. The first that cannot be put whole ends it, before it gets its name. What is there afterwards is listed, a
    /// draft too whose name was taken.
    /// - Parameter folders: to be made first, those above before those below.
    package func put(_ items: [Item], folders: [String]) -> ToolCommand {
        var lines = folders.map { "-mkdir \(SFTPBatch.quoted($0))" }
        for item in items {
            let (final, draft) = (SFTPBatch.quoted(item.path), SFTPBatch.quoted(SFTPBatch.draft(item)))
            lines += [
                // What a kill left bears the file's own mode, and perhaps may not be written to.
                "-rm \(draft)", "put -f \(SFTPBatch.quoted(item.file)) \(draft)", "-rename -l \(draft) \(final)",
                SFTPBatch.listing(SFTPBatch.draft(item)), SFTPBatch.listing(item.path), "-rm \(draft)",
            ]
        }
        return command(lines)
    }

    /// Removes what a put that failed has left.
    package func discardDrafts(of items: [Item]) -> ToolCommand {
        command(items.map { "-rm \(SFTPBatch.quoted(SFTPBatch.draft($0)))" })
    }

    private static func listing(_ path: String) -> String { "-ls -ln \(quoted(path))" }

    /// A file that is there after ``put(_:folders:)``.
    package struct Found: Sendable, Equatable {
        package var size: Int64
        /// It was there before, for its draft could not be given its name.
        package var wasThere: Bool
        package init(size: Int64, wasThere: Bool) {
            self.size = size
            self.wasThere = wasThere
        }
    }

    /// What ``put(_:folders:)`` found afterwards, by path.
    package static func found(_ output: String, _ items: [Item]) -> [String: Found] {
        let paths = items.flatMap { [$0.path, draft($0)] }
        let wanted = Dictionary(paths.map { ("sftp> " + listing($0), $0) }) { first, _ in first }
        var sizes: [String: Int64] = [:]
        var path: String?
        for line in output.split(whereSeparator: \.isNewline) {
            if line.hasPrefix("sftp> ") {
                path = wanted[String(line)]
            } else if let listed = path {
                let words = line.split(separator: " ", omittingEmptySubsequences: true)
                if words.count > 5 { sizes[listed] = Int64(words[4]) }
                path = nil
            }
        }
        var found: [String: Found] = [:]
        for item in items {
            guard let size = sizes[item.path] else { continue }
            found[item.path] = Found(size: size, wasThere: sizes[draft(item)] != nil)
        }
        return found
    }

    // MARK: - Looking

    /// Fetches one file.
    /// - Parameter file: absolute, here; nothing is there.
    package func fetch(_ path: String, to file: String) -> ToolCommand {
        command(["get \(SFTPBatch.quoted(path)) \(SFTPBatch.quoted(file))"])
    }

    package func list(_ path: String) -> ToolCommand { command(["-ls -1 \(SFTPBatch.quoted(path))"]) }

    /// The names that ``list(_:)`` printed.
    package static func names(_ output: String) -> Set<String> {
        Set(
            output.split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("sftp> ") }
                .map { line in String(line.split(separator: "/").last ?? line) })
    }

    // MARK: - Whole folders

    package struct Entry: Sendable, Equatable {
        package var size: Int64
        package var isFolder: Bool
        package init(size: Int64, isFolder: Bool) {
            self.size = size
            self.isFolder = isFolder
        }
    }

    /// Lists folders with sizes, one after the other.
    package func listAll(in folders: [String]) -> ToolCommand { command(folders.map(SFTPBatch.longListing)) }

    private static func longListing(_ folder: String) -> String { "-ls -lan \(quoted(folder))" }

    /// What is in each folder by name, as ``listAll(in:)`` printed it.
    package static func entries(_ output: String, in folders: [String]) -> [String: [String: Entry]] {
        let wanted = Dictionary(folders.map { ("sftp> " + longListing($0), $0) }) { first, _ in first }
        var entries: [String: [String: Entry]] = [:]
        var folder: String?
        for line in output.split(whereSeparator: \.isNewline) {
            if line.hasPrefix("sftp> ") {
                folder = wanted[String(line)]
                continue
            }
            // -rw-------    1 1000     1000          123 Nov 21 03:00 name
            let words = line.split(separator: " ", maxSplits: 8, omittingEmptySubsequences: true)
            guard let folder, words.count == 9, let size = Int64(words[4]),
                let name = words[8].split(separator: "/").last, name != ".", name != ".."
            else { continue }
            entries[folder, default: [:]][String(name)] = Entry(size: size, isFolder: words[0].hasPrefix("d"))
        }
        return entries
    }

    /// Fetches files; one that fails does not keep the others from coming.
    /// - Parameter items: ``Item/file`` is where nothing is.
    package func fetchAll(_ items: [Item]) -> ToolCommand {
        command(items.map { "-get \(SFTPBatch.quoted($0.path)) \(SFTPBatch.quoted($0.file))" })
    }

    /// Puts a file in the place of one that is there, at once.
    package func replace(_ item: Item) -> ToolCommand {
        let draft = SFTPBatch.quoted(SFTPBatch.draft(item))
        return command([
            "-rm \(draft)", "put -f \(SFTPBatch.quoted(item.file)) \(draft)",
            "rename \(draft) \(SFTPBatch.quoted(item.path))",
        ])
    }

    /// - Important: deletes files, and folders that are empty then.
    package func delete(_ paths: [String], folders: [String]) -> ToolCommand {
        command(paths.map { "-rm \(SFTPBatch.quoted($0))" } + folders.map { "-rmdir \(SFTPBatch.quoted($0))" })
    }
}
