import ArgumentParser
import BackupModel
import DumpSources
import Foundation
import HostSystem
import ProfileLoader
import Repositories

/// `holdfast profile …`
struct ProfileCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "profile", abstract: "Write, check and look at profiles.",
        subcommands: [
            ProfileList.self, ProfileCheck.self, ProfileShow.self, ProfileNew.self, ProfileSchemaCommand.self,
            ProfileReferenceCommand.self,
        ])
}

struct ProfileList: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the profiles of this host.",
        usage: "holdfast profile list [<options>]", discussion: "Example: holdfast profile list")

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> ExitStatus {
        let profiles = Profiles(global)
        let catalog = profiles.catalog()
        if console.isJSON {
            console.print(
                .object([
                    ("searched", JSONValue(catalog.searched)),
                    (
                        "profiles",
                        .array(
                            catalog.entries.map { entry in
                                .object([
                                    ("name", .string(entry.title)), ("path", .string(entry.path)),
                                    ("abstract", JSONValue(entry.isAbstract)),
                                    ("shadowedBy", JSONValue(entry.shadowedBy)),
                                    ("problems", JSONValue(entry.problems.map(\.description))),
                                ])
                            })
                    ),
                ]))
            return .success
        }
        for problem in catalog.unreadable { console.warn(problem.description) }
        guard !catalog.entries.isEmpty else { throw ProfileError.none(searched: catalog.searched) }
        var table = Table([("PROFILE", .left), ("STATE", .left), ("FILE", .left)])
        for entry in catalog.entries {
            let state =
                if !entry.problems.isEmpty {
                    Words.count(entry.problems.count, "problem")
                } else if entry.shadowedBy != nil {
                    "shadowed"
                } else {
                    entry.isAbstract ? "abstract" : "ok"
                }
            table.add([entry.title, state, entry.path])
        }
        console.print(table.text)
        return .success
    }
}

struct ProfileCheck: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Say everything that is wrong with a profile, at once.",
        usage: "holdfast profile check [<file or name> ...] [<options>]",
        discussion: "Example: holdfast profile check ./timetiles.yaml")

    @Argument(help: "Files or names of profiles; the chosen profile when none is named.")
    var files: [String] = []

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> ExitStatus {
        let profiles = Profiles(global)
        let paths = files.isEmpty ? [try profiles.chosenPath()] : files.map { ProfileCheck.path($0, profiles) }
        var documents: [JSONValue] = []
        var status = ExitStatus.success
        for path in paths {
            let problems = profiles.loader.problems(in: path)
            if !problems.isEmpty { status = .badProfile }
            let notes = problems.isEmpty ? profiles.loader.notes(in: path) : []
            documents.append(
                .object([
                    ("path", .string(path)), ("ok", JSONValue(problems.isEmpty)),
                    ("problems", .array(problems.map(ProfileCheck.document))),
                    ("notes", .array(notes.map(ProfileCheck.document))),
                ]))
            guard !console.isJSON else { continue }
            for problem in problems { console.print(Console.harmless(problem.description)) }
            for note in notes {
                console.print(Console.harmless("\(note.location): note: \(note.keyPath): \(note.message)"))
            }
            if problems.isEmpty { console.print("\(Console.harmless(path)): ok") }
        }
        if console.isJSON { console.print(.object([("files", .array(documents))])) }
        return status
    }

    /// A word that is no file here may be the name of a profile.
    private static func path(_ word: String, _ profiles: Profiles) -> String {
        guard !word.contains("/"), !FileManager.default.fileExists(atPath: word) else { return word }
        return profiles.catalog().entries.first { $0.name?.rawValue == word }?.path ?? word
    }

    private static func document(_ problem: ConfigProblem) -> JSONValue {
        .object([
            ("file", .string(problem.location.file)), ("line", JSONValue(problem.location.line)),
            ("column", JSONValue(problem.location.column)), ("key", .string(problem.keyPath)),
            ("message", .string(problem.message)), ("suggestion", JSONValue(problem.suggestion)),
        ])
    }
}

struct ProfileShow: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Print the profile as it takes effect, secrets redacted, with where each value came from.",
        usage: "holdfast profile show [<options>]",
        discussion: "Example: holdfast profile show -p timetiles")

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> ExitStatus {
        let effective = try Profiles(global).loaded().effective
        let text = console.isJSON ? effective.json : effective.yaml
        console.print(text.hasSuffix("\n") ? String(text.dropLast()) : text)
        return .success
    }
}

struct ProfileNew: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "new",
        abstract: "Look at this host and print a checked profile to begin with.",
        usage: "holdfast profile new [<folder> ...] [--name <name>] [--repository <folder>]",
        discussion: """
            Finds compose files, SQLite databases (by their first bytes), Postgres
            clusters, and servers of MySQL and MariaDB by their sockets.

            Example:
              mkdir -p ~/.config/holdfast/profiles
              holdfast profile new /srv/app --name app --repository /mnt/backup/app \\
                > ~/.config/holdfast/profiles/app.yaml
            """)

    @Argument(help: "Folders to look at; the home folder when none is named.")
    var folders: [String] = []

    @Option(help: "The profile's name.")
    var name: String = "main"

    @Option(help: ArgumentHelp("Where the repository is to be.", valueName: "folder"))
    var repository: String?

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> ExitStatus {
        let roots = folders.isEmpty ? [HomeFolder.path()] : folders.map(absolute)
        guard let name = ProfileName(rawValue: name) else {
            throw Failure(
                "`\(name)` cannot be a profile's name", hint: "use letters, digits, `.`, `_` and `-`", kind: .usage)
        }
        let findings = HostSurvey(roots: roots).run()
        let folders = StateFolders.resolve()
        let draft = ProfileDraft(
            name: name.rawValue, findings: findings,
            repository: repository.map(absolute) ?? "\(folders.state)/repositories/\(name)",
            passwordFile: "\(folders.state)/passwords/\(name)", stateFolder: folders.state)
        try check(draft.text, named: name)
        console.print(draft.text.hasSuffix("\n") ? String(draft.text.dropLast()) : draft.text)
        return .success
    }

    /// What we hand out must load.
    private func check(_ text: String, named name: ProfileName) throws {
        let folder = NSTemporaryDirectory() + "/holdfast-new-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        // A leftover of a few hundred bytes in the temporary folder harms nobody.
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = "\(folder)/\(name).yaml"
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        let problems = Profiles(global).loader.problems(in: path)
        guard problems.isEmpty else {
            throw ProfileError.invalid(path: "the drafted profile", problems)
        }
    }

    private func absolute(_ path: String) -> String {
        let full = path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
        return (full as NSString).standardizingPath
    }
}

struct ProfileSchemaCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema", abstract: "Print the JSON Schema of profiles, for editors.",
        usage: "holdfast profile schema",
        discussion: "Example: holdfast profile schema > profile.schema.json")

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> ExitStatus {
        let loader = Profiles(global).loader
        console.print(
            ProfileSchema.json(
                sources: loader.sources, repositories: loader.repositories, notifiers: loader.notifiers))
        return .success
    }
}

struct ProfileReferenceCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "reference", abstract: "Print the reference of all keys in Markdown.", shouldDisplay: false)

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> ExitStatus {
        let loader = Profiles(global).loader
        console.print(
            ProfileReference.markdown(
                sources: loader.sources, repositories: loader.repositories, notifiers: loader.notifiers))
        return .success
    }
}
