import ArgumentParser
import BackupEngine
import BackupModel
import Foundation

/// `holdfast find`
struct Find: OperatorCommand {
    static let configuration = CommandConfiguration(
        abstract: "Find which restore points hold a file, and how it changed.",
        usage: "holdfast find <name> [--only <source> ...] [<options>]",
        discussion: """
            A name, the end of a path, or a pattern in which `*` and `?` stay within a
            folder. Each state of a file is told once, with the restore points that
            have it; newest first. What is encrypted for recipients of its own is seen
            as a whole only.

            Examples:
              holdfast find invoice-2026-03.pdf
              holdfast find 'config/*.ini' --newest 30
              holdfast cat RUN /srv/app/config/app.ini
            """)

    @Argument(help: "A name, the end of a path, or a pattern.")
    var name: String

    @Option(help: ArgumentHelp("Only these sources (repeatable, or separated by commas).", valueName: "source"))
    var only: [String] = []

    @Option(help: ArgumentHelp("Look at so many of the newest restore points only.", valueName: "n"))
    var newest: Int?

    @Flag(name: [.customShort("i"), .long], help: "Small and capital letters are the same.")
    var ignoreCase = false

    @OptionGroup var key: IdentityOption

    @OptionGroup var place: OffsiteOptions

    @OptionGroup var global: GlobalOptions

    func validate() throws {
        if name.isEmpty { throw ValidationError("what is to be found?") }
        if let newest, newest < 1 { throw ValidationError("--newest wants a number above 0") }
    }

    func perform(_ console: Console) async throws -> ExitStatus {
        let live = try place.live(global, console, identity: key.path)
        let engine = try await live.engine(place)
        let list = try await PointList(engine).load(loadingManifests: true)
        let result = try await FileSearch(
            engine, PathPattern(name, ignoresCase: ignoreCase),
            sources: try SourceNames.read(only, among: list, live.profile)
        ).run(in: list.restorePoints, limit: newest)
        if console.isJSON {
            console.print(document(result))
        } else {
            show(result, console)
        }
        return result.matches.isEmpty ? .failed : .success
    }

    private func show(_ result: FileSearch.Result, _ console: Console) {
        for match in result.matches {
            console.print("\(Console.harmlessName(match.path)) (\(match.source))")
            var table = Table([("MODIFIED", .left), ("SIZE", .right), ("IN", .left)])
            for version in match.versions {
                let newest = version.runs.first?.rawValue ?? ""
                let oldest = version.runs.last?.rawValue ?? ""
                table.add([
                    String(version.modified.prefix(19)).replacingOccurrences(of: "T", with: " "),
                    version.type == .file ? "\(ByteCount(version.size))" : version.type.rawValue,
                    version.runs.count == 1
                        ? newest : "\(Words.count(version.runs.count, "restore point")), \(oldest) to \(newest)",
                ])
            }
            for line in table.text.split(separator: "\n") { console.print("  " + line) }
        }
        let count = Words.count(result.searchedRuns, "restore point")
        if result.matches.isEmpty { console.say("nothing of that name in \(count)") }
        if !result.closed.isEmpty {
            console.say(
                "not looked into, for it is encrypted as a whole: "
                    + result.closed.map(\.rawValue).sorted().joined(separator: ", "))
        }
    }

    private func document(_ result: FileSearch.Result) -> JSONValue {
        .object([
            (
                "matches",
                .array(
                    result.matches.map { match in
                        .object([
                            ("source", .string(match.source.rawValue)), ("path", .string(match.path)),
                            (
                                "versions",
                                .array(
                                    match.versions.map { version in
                                        .object([
                                            ("modified", .string(version.modified)), ("bytes", .integer(version.size)),
                                            ("type", .string(version.type.rawValue)),
                                            ("runs", JSONValue(version.runs.map(\.rawValue))),
                                        ])
                                    })
                            ),
                        ])
                    })
            ),
            ("searched", JSONValue(result.searchedRuns)),
            ("closed", JSONValue(result.closed.map(\.rawValue).sorted())),
        ])
    }
}

/// Names of sources on a command line: an option that is repeated, or has commas.
enum SourceNames {
    /// - Returns: `nil` where none is named.
    /// - Parameter list: the restore points, of which one at least must know each name.
    static func read(_ texts: [String], among list: PointList.Contents, _ profile: Profile) throws(Failure)
        -> [SourceName]?
    {
        let names = try read(texts)
        let known = Set(profile.sources.map(\.name) + list.points.flatMap { $0.entries.map(\.part.source) })
        if let unknown = names?.first(where: { !known.contains($0) }) {
            throw Failure(
                "neither profile \(profile.name) nor its restore points have a source \(unknown)",
                hint: "there are: \(known.sorted().map(\.rawValue).joined(separator: ", "))", kind: .usage)
        }
        return names
    }

    private static func read(_ texts: [String]) throws(Failure) -> [SourceName]? {
        guard !texts.isEmpty else { return nil }
        let words = try SourceWords.read(texts, "--only")
        var names: [SourceName] = []
        for word in words {
            guard let name = SourceName(rawValue: word) else {
                throw Failure("`\(word)` is no source name", kind: .usage)
            }
            names.append(name)
        }
        return names
    }
}
