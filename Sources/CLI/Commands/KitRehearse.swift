import ArgumentParser
import BackupEngine
import BackupModel
import Foundation

/// `holdfast kit rehearse`
struct KitRehearse: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "rehearse",
        abstract: "Carry out a sheet's own lines in an empty environment, and compare what comes back.",
        usage: "holdfast kit rehearse [<file>] [--from <repository>] [<options>]",
        discussion: """
            Databases are loaded with --databases, into the server that PGHOST (and PGPORT,
            PGUSER …) or MYSQL_FILE name: one for this alone, for what is loaded stays
            there. Without it they stay files, and that is said. Exits 5 when something
            did not come back as it was.

            Example: holdfast kit rehearse /media/stick/restore-app.sh --offsite
            """, shouldDisplay: false)

    @Argument(help: "A sheet that was made earlier; one that is made now when none is named.")
    var file: String?

    @Flag(help: "Load databases into the server that PGHOST or MYSQL_FILE name: one for this alone.")
    var databases = false

    @OptionGroup var identity: IdentityOption

    @OptionGroup var place: OffsiteOptions

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> ExitStatus {
        let live = try place.live(global, console, identity: identity.path)
        let rehearsal = KitRehearsals(live, place, global, console)
        let sheet = try file.map(KitRehearsals.sheet)
        try sheet?.requireWhole()
        let result = try await rehearsal.run(
            sheet: sheet, identity: identity.path, variables: databases ? KitRehearsals.servers : [:])
        if console.isJSON {
            console.print(KitRehearsals.document(result))
        } else {
            KitRehearsals.show(result, console)
        }
        return result.isProven ? .success : .overdue
    }
}

/// Rehearses a sheet; what `drill --from-kit` calls too.
struct KitRehearsals {
    private let live: Live
    private let place: OffsiteOptions
    private let global: GlobalOptions
    private let console: Console

    init(_ live: Live, _ place: OffsiteOptions, _ global: GlobalOptions, _ console: Console) {
        self.live = live
        self.place = place
        self.global = global
        self.console = console
    }

    /// A sheet that was made earlier.
    struct Sheet {
        let path: String
        let script: String

        /// - Throws: ``Failure`` where it is not as it was made.
        func requireWhole() throws {
            guard try KitScript.isWhole(script) else {
                throw Failure(
                    "the sheet \(path) was changed after it was made, or cut short",
                    hint: "make a new one: holdfast kit", kind: .damaged)
            }
        }
    }

    /// - Parameter file: as it was named.
    /// - Throws: ``Failure`` where there is none that can be read.
    static func sheet(_ file: String) throws -> Sheet {
        let path = IdentityOption.path(file)
        guard let script = KitCheck.script(in: try KitCheck.read(path)) else {
            throw Failure(
                "\(path) is no sheet that can be read", hint: "decrypt it first, or name none and one is made",
                kind: .usage)
        }
        return Sheet(path: path, script: script)
    }

    /// What our own environment says of a server to load databases into.
    static var servers: [String: String] {
        let names = [
            "PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGPASSFILE", "PGSERVICE", "MYSQL_FILE", "MYSQL_HOST",
            "GLOBALS",
        ]
        return ProcessInfo.processInfo.environment.filter { names.contains($0.key) }
    }

    /// - Parameters:
    ///   - sheet: whole; `nil` makes one.
    ///   - identity: the file of an age key, for archives and for sources.
    ///   - variables: of servers that databases are loaded into, such as PGHOST. Never those of a server in use: what is loaded
    ///     stays there under the names that it had.
    func run(
        sheet: Sheet?, identity: String?, variables servers: [String: String]
    ) async throws -> KitRehearsal.Result {
        var variables = servers
        // gpg's ring is a key like others.
        variables["GNUPGHOME"] = ProcessInfo.processInfo.environment["GNUPGHOME"]
        if let identity {
            variables["IDENTITY_FILE"] = identity
            variables["SOURCE_IDENTITY_FILE"] = identity
        }
        let places = KitPlaces(live, place)
        let kit = try await places.kit("latest")
        for notice in kit.notices { console.warn(notice) }
        guard var section = kit.sections.first else { throw Failure("there is nothing to rehearse", kind: .unproven) }
        let engine = try await places.engine(at: section)
        let script: String
        if let sheet {
            script = sheet.script
            section.parts = try await parts(in: script, section, engine)
        } else {
            script = try KitMaker(live, kit, global, console).script()
        }
        return try await KitRehearsal(engine, runner: live.runner, secrets: live.secrets, variables: variables)
            .run(KitRehearsal.Sheet(script: script, section: section))
    }

    /// The parts that an earlier sheet restores.
    private func parts(in script: String, _ section: Kit.Section, _ engine: Engine) async throws -> [Kit.Part] {
        let wanted = (KitFacts(in: script)?.snapshots ?? []).compactMap { line -> SnapshotID? in
            let words = line.split(separator: " ")
            return words.count == 3 && words[1] == section.name.rawValue ? SnapshotID(rawValue: String(words[2])) : nil
        }
        guard !wanted.isEmpty else {
            throw Failure(
                "the sheet has no lines for repository \(section.name)", hint: "make a new one: holdfast kit",
                kind: .unproven)
        }
        let points = try await PointList(engine).load(loadingManifests: true).points
        var parts: [Kit.Part] = []
        for id in wanted.sorted() {
            guard let part = points.lazy.flatMap(\.entries).map(\.part).first(where: { $0.snapshot == id }) else {
                throw Failure(
                    "snapshot \(id), which the sheet restores, is not in \(section.name) any more",
                    hint: "make a new one: holdfast kit", kind: .unproven)
            }
            parts.append(
                Kit.Part(
                    part: part, restore: try await engine.primary.byHand(part),
                    use: part.isTree ? nil : try engine.restorer(part).byHand(part)))
        }
        return parts
    }

    static func show(_ result: KitRehearsal.Result, _ console: Console) {
        for proof in result.parts {
            let words = proof.failure.map { "NOT PROVEN: \($0.description)" } ?? proof.proofs.joined(separator: ", ")
            console.print(Console.harmlessName("\(proof.part.title): \(words.isEmpty ? "came back" : words)"))
        }
        for line in result.said where line.hasPrefix("proven: ") { console.print(Console.harmlessName(line)) }
        for line in result.unproven { console.print(Console.harmlessName("not proven: \(line)")) }
        if let failure = result.failure { console.report(failure) }
        let took = Format.duration(result.duration)
        console.print(
            result.isProven
                ? "the sheet brought \(Words.count(result.parts.count, "part")) of \(result.section) back in \(took)"
                : "the sheet did not prove itself (\(took))")
    }

    static func document(_ result: KitRehearsal.Result) -> JSONValue {
        .object([
            ("repository", .string(result.section.rawValue)), ("proven", JSONValue(result.isProven)),
            ("seconds", JSONValue(result.duration)), ("failure", JSONValue(result.failure?.description)),
            ("unproven", JSONValue(result.unproven)), ("said", JSONValue(result.said)),
            (
                "parts",
                .array(
                    result.parts.map {
                        .object([
                            ("source", .string($0.part.source.rawValue)), ("part", .string($0.part.part.rawValue)),
                            ("snapshot", .string($0.part.snapshot.rawValue)), ("proofs", JSONValue($0.proofs)),
                            ("unproven", JSONValue($0.unproven)), ("failure", JSONValue($0.failure?.description)),
                        ])
                    })
            ),
        ])
    }
}
