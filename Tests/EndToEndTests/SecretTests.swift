import Foundation
import Synchronization
import TestSupport
import Testing

/// Canaries: passwords whose every spelling is looked for in all that a whole run leaves and shows.
@Suite(
    "Secrets", .enabled(if: !RealTools.restics.isEmpty && PrivatePostgres.programs != nil && geteuid() == 0),
    .serialized)
struct SecretTests {
    /// Characters that URL-, base64-, JSON- and shell-escaping change; no two canaries share a piece.
    static let repository = #"Rep "o/\ %41+&=ü?#1"#
    static let postgres = #"Pg'x:y@z/%20\"ö;2"#
    static let source = #"Src<a>&b c=d$(e)"é3"#
    static let file = "Fil/e+Q==w%zz&?x4"

    static let canaries = ["repository": repository, "postgres": postgres, "source": source, "file": file]

    @Test(.timeLimit(.minutes(5)), arguments: RealTools.oldestAndNewest)
    func `no spelling of any secret is found in arguments, logs, history, state, scratch or messages`(
        restic: RealTools.Restic
    ) async throws {
        let world = try World("canary", restic: restic, isNew: true)
        let postgres = try PrivatePostgres.shared.get()
        let name = "canary_\(UUID().uuidString.prefix(8).lowercased())"
        try postgres.sql(
            """
            DO $do$ BEGIN CREATE ROLE guarded LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $do$;
            """)
        try postgres.sql("ALTER ROLE guarded PASSWORD \(Self.quoted(Self.postgres))")
        try postgres.makeDatabase(
            name, "CREATE TABLE t AS SELECT generate_series(1, 50000) n; GRANT SELECT ON t TO guarded;")
        try prepare(world, database: name, socket: postgres.socketFolder)
        let environment = [
            "RESTIC_PASSWORD": Self.repository, "PG_CANARY": Self.postgres, "SOURCE_CANARY": Self.source,
        ]
        var said: [String] = []
        let watch = ProcessWatch(below: world.folder.path, needles: Self.needles)
        for arguments in [
            ["backup", "-v"], ["backup", "--json"], ["backup", "--dry-run"], ["backup", "list", "--json"],
            ["show", "--json"],
            ["history", "--json"], ["why"], ["doctor"], ["profile", "show"], ["repository", "list"],
            ["backup", "verify", "--data", "100%"], ["restore", "latest", "--to", world.folder["r"], "--yes", "-v"],
        ] {
            let result = try await world.program.run(arguments, environment: environment)
            #expect(result.code == 0, "\(result)")
            said.append(result.said)
        }
        // Wrong ones, and a command that gives its own away.
        let wrong = environment.merging(["PG_CANARY": Self.postgres + "x"]) { _, new in new }
        let refused = try await world.program.run("backup", "db", environment: wrong)
        #expect(refused.code != 0 && refused.errors.contains("password"), "\(refused)")
        try world.folder.write("", to: "fail")
        let talkative = try await world.program.run("backup", environment: environment)
        #expect(talkative.code == 1 && talkative.errors.contains("logging in with"), "\(talkative)")
        said += [refused.said, talkative.said]
        let wrongRepository = environment.merging(["RESTIC_PASSWORD": Self.repository + "x"]) { _, new in new }
        said.append(try await world.program.run("backup", environment: wrongRepository).said)

        let seen = watch.end()
        #expect(seen.processes > 20, "the watch must have seen the children")
        #expect(seen.leaks == [])
        #expect(seen.declared == ["file, raw", "source, raw"], "and to have found what may be there: \(seen.declared)")
        #expect(Self.found(in: Data(Self.canaries.values.joined().utf8)).count >= Self.canaries.count)
        for text in said { #expect(Self.found(in: Data(text.utf8)) == []) }
        try await searchFiles(world)
    }

    private func prepare(_ world: World, database: String, socket: String) throws {
        try world.folder.write("FILE_CANARY=\"\(Self.file)\"\n", to: "canary.env")
        // It needs both, fails without them, and prints them where it may not when it is asked to.
        try world.folder.write(
            """
            #!/bin/sh
            [ -n "$TOKEN" ] && [ -n "$OTHER" ] || exit 9
            echo "dump of ${#TOKEN} and ${#OTHER}"
            echo "logging in with $TOKEN and $OTHER" >&2
            [ ! -e '\(world.folder["fail"])' ] || exit 4
            sleep 0.3
            """, to: "produce", mode: 0o755)
        try world.program.writeProfile(
            """
            environment-files: ["\(world.folder["canary.env"])"]
            sources:
              documents: { files: "\(world.documents)" }
              dump:
                command:
                  run: ["\(world.folder["produce"])"]
                  environment: { TOKEN: "env:SOURCE_CANARY", OTHER: "env:FILE_CANARY" }
              db:
                postgres: { database: \(database), user: guarded, host: "\(socket)", password: "env:PG_CANARY", globals: false }
            \(world.repositories)
            """)
    }

    private static func quoted(_ text: String) -> String { "'" + text.replacingOccurrences(of: "'", with: "''") + "'" }

    /// What was restored holds none of them either: the producer printed their lengths.
    private func searchFiles(_ world: World) async throws {
        let own = ["canary.env", "io/"]
        let files = try #require(FileManager.default.enumerator(atPath: world.folder.path))
        var searched = 0
        for case let path as String in files where !own.contains(where: path.hasPrefix) {
            guard let data = FileManager.default.contents(atPath: world.folder.path + "/" + path) else { continue }
            searched += 1
            #expect(Self.found(in: data) == [], "\(path)")
        }
        #expect(searched > 20)
    }

    /// Every spelling of every canary, and of pieces of it where an escaping keeps only those together.
    static let needles: [String: [UInt8]] = {
        var needles: [String: [UInt8]] = [:]
        for (name, canary) in canaries {
            let json = String(decoding: (try? JSONEncoder().encode([canary])) ?? Data(), as: UTF8.self).dropFirst(2)
                .dropLast(2)
            let spellings = [
                "raw": canary, "json": String(json),
                "json, slashes plain": json.replacingOccurrences(of: "\\/", with: "/"),
                "url": canary.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed) ?? canary,
                "url, strict": canary.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? canary,
                "form": (canary.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? canary)
                    .replacingOccurrences(of: "%20", with: "+"),
                "base64": String(Data(canary.utf8).base64EncodedString().prefix(16)),
                "pgpass": canary.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(
                    of: ":", with: "\\:"),
                "shell": canary.replacingOccurrences(of: "'", with: "'\\''"),
                "hex": String(canary.utf8.map { String(format: "%02x", $0) }.joined().prefix(24)),
            ]
            for (spelling, text) in spellings { needles["\(name), \(spelling)"] = Array(text.utf8) }
        }
        return needles
    }()

    static func found(in data: Data) -> [String] {
        needles.filter { data.range(of: Data($0.value)) != nil }.map(\.key).sorted()
    }
}

/// Reads the arguments and environments of all processes that belong to a test, as fast as one thread can.
final class ProcessWatch: Sendable {
    struct Seen {
        var processes = 0
        /// What was found where it may not be.
        var leaks: Set<String> = []
        /// What was found in the producer's environment, where the profile wants it.
        var declared: Set<String> = []
    }

    private let state = Mutex((seen: Seen(), isOver: false))
    private let ended = DispatchSemaphore(value: 0)

    /// - Parameter folder: a process belongs to the test when its environment or arguments name it.
    init(below folder: String, needles: [String: [UInt8]]) {
        Thread.detachNewThread { [self] in
            var known: Set<String> = []
            while !state.withLock({ $0.isOver }) { look(folder, needles, &known) }
            ended.signal()
        }
    }

    func end() -> Seen {
        state.withLock { $0.isOver = true }
        ended.wait()
        return state.withLock { $0.seen }
    }

    private func look(_ folder: String, _ needles: [String: [UInt8]], _ known: inout Set<String>) {
        for pid in (try? FileManager.default.contentsOfDirectory(atPath: "/proc"))?.compactMap(Int32.init) ?? [] {
            let arguments = Data(bytes("/proc/\(pid)/cmdline"))
            let environment = Data(bytes("/proc/\(pid)/environ"))
            // A process becomes its program in place, so that number and arguments together are one sight.
            guard !arguments.isEmpty, known.insert("\(pid) \(arguments.hashValue)").inserted else { continue }
            let place = Data(folder.utf8)
            guard arguments.range(of: place) != nil || environment.range(of: place) != nil else { continue }
            let words = arguments.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
            let program = (words.first.map { ($0 as NSString).lastPathComponent }) ?? ""
            state.withLock { $0.seen.processes += 1 }
            for (name, needle) in needles {
                if arguments.range(of: Data(needle)) != nil { leak("\(name) in arguments of \(words.prefix(3))") }
                guard environment.range(of: Data(needle)) != nil else { continue }
                if words.contains(where: { $0.hasSuffix("/produce") }) || program == "sleep" {
                    state.withLock { if name.hasSuffix(", raw") { $0.seen.declared.insert(name) } }
                } else if program != "holdfast" && program != "env" {
                    // The program itself is given them by the test.
                    leak("\(name) in the environment of \(words.prefix(3))")
                }
            }
        }
    }

    private func leak(_ what: String) { state.withLock { _ = $0.seen.leaks.insert(what) } }

    private func bytes(_ path: String) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = read(descriptor, &bytes, bytes.count)
        return Array(bytes.prefix(max(0, count)))
    }
}
