import Foundation
import TestSupport
import Testing

/// A profile with a source of each way of capturing, on a repository of its own, and what must hold there after a run was
/// stopped. The repository is laid down ready: what is tested is stopping, many times.
final class InterruptionScene: Sendable {
    let program: HoldfastProgram
    let restic: RealTools.Restic
    private let database: BusySQLite?
    private let kept: ScratchFolder?

    /// What a run stored, as it was then.
    struct State: Equatable {
        var note: Data
        var stream: Data
    }

    /// - Parameters:
    ///   - isNew: the repository is not there yet.
    ///   - isLive: the database has a writer that commits all the time, and the command prints slowly.
    ///   - command: what the command source runs, instead of a script that prints the file that changes.
    ///   - kept: lives as long as the scene.
    ///   - extra: more sources.
    init(
        _ restic: RealTools.Restic, isNew: Bool = false, isLive: Bool = false, command: String? = nil,
        keeping kept: ScratchFolder? = nil, extra: String = "", follower: Bool = false
    ) async throws {
        self.restic = restic
        self.kept = kept
        program = try HoldfastProgram("interruption", restic: restic)
        let folder = program.folder
        if !isNew { try QuickRepository.lay(at: program.repository) }
        if follower { try QuickRepository.copy.lay(at: folder["config/nas"]) }
        try folder.write(String(repeating: "the same\n", count: 4000), to: "docs/same.txt")
        try folder.write("#!/bin/sh\n" + "exec cat \"$1\"\n", to: "print", mode: 0o755)
        let slow = "for i in 1 2 3 4 5 6 7 8; do cat \"$1\" || exit 1; sleep 0.05; done"
        try folder.write("#!/bin/sh\n\(slow)\n", to: "print-slowly", mode: 0o755)
        if isLive {
            database = try BusySQLite(at: folder["app.db"], bytes: 200_000, pause: .milliseconds(2))
        } else {
            database = nil
            try BusySQLite(at: folder["app.db"], bytes: 50_000).stop()
        }
        let run = command ?? "\(folder[isLive ? "print-slowly" : "print"]), \(folder["stream.txt"])"
        try program.writeProfile(
            """
            sources:
              docs: { files: [\(folder["docs"])] }
              db: { sqlite: \(folder["app.db"]) }
              stream: { command: [\(run)] }
            \(extra)
            repositories:
              local: { restic: \(program.repository), password: env:RESTIC_PASSWORD }
            \(follower ? "  copy: { restic: nas, password: env:RESTIC_PASSWORD, follows: local }" : "")
            retention: { last: 3, max-removal: 1 }
            parallel: 3
            """)
        try change(to: 0)
    }

    /// Changes what the sources hold.
    func change(to generation: Int) throws {
        try program.folder.write("generation \(generation)\n", to: "docs/note.txt")
        var random = SeededGenerator(seed: UInt64(generation))
        let lines = (0..<2000).map { _ in String(random.next(), radix: 16) + "\n" }
        try program.folder.write(lines.joined(), to: "stream.txt")
    }

    var isLive: Bool { database != nil }

    /// What the sources hold now.
    func present() throws -> State {
        let stream = try contents(program.folder["stream.txt"])
        let copies = isLive ? 8 : 1
        return State(
            note: try contents(program.folder["docs/note.txt"]), stream: Data((0..<copies).flatMap { _ in stream }))
    }

    // MARK: - Doing

    /// A backup that must succeed.
    /// - Returns: its run.
    @discardableResult
    func backUp() async throws -> String {
        let result = try await program.run("backup")
        try #require(result.code == 0, "\(result)")
        let runs = try await points()
        return try #require(runs.first)
    }

    func backUp(stoppedAt place: String, by signal: Stop) async throws -> HoldfastProgram.Result {
        try await program.run("backup", environment: ["HOLDFAST_FAILPOINT": "\(place):\(signal.rawValue)"])
    }

    // MARK: - Looking

    /// Runs that are restore points, newest first. Every one of them must be whole.
    /// - Parameter havingDocuments: leaves out points of which retention has taken the folder's part.
    func points(havingDocuments: Bool = false) async throws -> [String] {
        let result = try await program.run("backup", "list", "--json", "--limit", "200")
        try #require(result.code == 0, "\(result)")
        let points = try #require(try result.document()["points"] as? [[String: Any]])
        for point in points {
            let gaps = point["gaps"] as? [Any]
            let entries = point["entries"] as? [[String: Any]] ?? []
            let own = entries.filter { $0["run"] as? String == point["run"] as? String }
            let sources = own.compactMap { ($0["part"] as? [String: Any])?["source"] as? String }
            // A run of all the others leaves the part of an older run for the database server.
            let isWhole = Set(["docs", "db", "stream"]).isSubset(of: sources) || Set(sources) == ["pg"]
            #expect(gaps?.isEmpty == true && isWhole, "a half restore point: \(point)")
        }
        return points.filter { point in
            let entries = point["entries"] as? [[String: Any]] ?? []
            let own = entries.filter { $0["run"] as? String == point["run"] as? String }
            return !havingDocuments || own.contains { ($0["part"] as? [String: Any])?["source"] as? String == "docs" }
        }.compactMap { $0["run"] as? String }
    }

    /// Outcome by run, as history tells it.
    func outcomes() async throws -> [(run: String, operation: String, outcome: String)] {
        let result = try await program.run("history", "--json", "--limit", "500")
        try #require(result.code == 0, "\(result)")
        let runs = try #require(try result.document()["runs"] as? [[String: Any]])
        return runs.map { run in
            (
                run["run"] as? String ?? "", run["operation"] as? String ?? "",
                run["outcome"] as? String ?? "unfinished"
            )
        }
    }

    func why() async throws -> String { try await program.run("why", "--operation", "backup").output }

    /// Restores a point into a new folder and compares it with what it was taken of.
    func check(_ point: String, holds state: State) async throws {
        let target = program.folder["restored-\(UUID().uuidString.prefix(8))"]
        let result = try await program.run("restore", point, "--to", target, "--yes")
        #expect(result.code == 0, "\(result)")
        let note = target + "/docs" + program.folder["docs/note.txt"]
        try #require(FileManager.default.fileExists(atPath: note), "\(point): \(result)")
        try expectRestored(in: target, state)
        try FileManager.default.removeItem(atPath: target)
    }

    func expectRestored(in target: String, _ state: State) throws {
        let docs = target + "/docs" + program.folder["docs"]
        #expect(try contents(docs + "/note.txt") == state.note)
        #expect(try contents(docs + "/same.txt") == contents(program.folder["docs/same.txt"]))
        #expect(try contents(target + "/stream/stream.dump") == state.stream)
        let size = try contents(target + "/db/app.db").count
        #expect(size > 50_000)
    }

    /// What a stopped run may not leave: children, locks, plaintext, entries in the journal.
    func expectNothingLeft() async throws {
        // An orphan that got its signal takes a moment to go.
        var children = try Processes.mentioning(program.folder["home"])
        for _ in 0..<300 where !children.isEmpty {
            try await Task.sleep(for: .milliseconds(50))
            children = try Processes.mentioning(program.folder["home"])
        }
        #expect(children.isEmpty, "still alive: \(children)")
        // restic writes a lock under another name first, `ID-tmp-NUMBER`; what a kill leaves of that is no lock, and no restic
        // looks at it.
        let locks = try names("repository/locks").filter { $0.count == 64 }
        for lock in locks {
            let owner = try await runTool(
                restic.path, ["--repo", program.repository, "--no-cache", "--no-lock", "cat", "lock", lock])
            Issue.record("left: lock \(lock.prefix(8)), \(owner.text), after \(try await why())")
        }
        for folder in ["state/scratch", "tmp", "state/journal/test"] {
            let left = try names(folder)
            if !left.isEmpty { Issue.record("left in \(folder): \(left), after \(try await why())") }
        }
    }

    /// Waits until no child is left of a program that was killed.
    func waitForChildren() async throws {
        for _ in 0..<300 where try !Processes.mentioning(program.folder["home"]).isEmpty {
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    func names(_ folder: String) throws -> [String] {
        let path = program.folder[folder]
        guard FileManager.default.fileExists(atPath: path) else { return [] }
        return try FileManager.default.contentsOfDirectory(atPath: path)
    }

    /// The repository's own opinion, down to every byte.
    func expectSoundRepository() async throws {
        let check = try await runTool(
            restic.path, ["--repo", program.repository, "--no-cache", "check", "--read-data"])
        #expect(check.code == 0, "\(check.text)")
    }

    func runTool(_ path: String, _ arguments: [String]) async throws -> (code: Int32, text: String) {
        var other = program
        other.path = path
        let result = try await other.run(arguments)
        return (result.code, result.output + result.errors)
    }

    private func contents(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }
}

/// How a run is stopped.
enum Stop: String, CaseIterable, Sendable {
    case kill
    case int
    case term
    case hup

    var number: Int32 {
        switch self {
        case .kill: SIGKILL
        case .int: SIGINT
        case .term: SIGTERM
        case .hup: SIGHUP
        }
    }

    /// What the program says of being stopped so; minus the number where it could say nothing.
    var exitCode: Int32 {
        switch self {
        case .kill: -SIGKILL
        case .int: 130
        case .term, .hup: 143
        }
    }
}

enum Processes {
    /// Processes with `text` in their environment, as `number name`. Zombies have none.
    static func mentioning(_ text: String) throws -> [String] {
        let wanted = Data(text.utf8)
        return try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { name in
            guard let number = Int32(name), number != getpid(),
                let environment = try? read("/proc/\(name)/environ"), environment.range(of: wanted) != nil
            else { return nil }
            let command = (try? read("/proc/\(name)/cmdline")).map { String(decoding: $0, as: UTF8.self) } ?? ""
            return "\(number) \(command.replacingOccurrences(of: "\0", with: " ").prefix(120))"
        }
    }

    /// Files in `/proc` have no size. One that goes while it is looked at has nothing to say.
    private static func read(_ path: String) throws -> Data {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw CocoaError(.fileReadNoSuchFile) }
        defer { close(file) }
        var result = Data()
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = Foundation.read(file, &buffer, buffer.count)
            guard count >= 0 else { throw CocoaError(.fileReadUnknown) }
            guard count > 0 else { return result }
            result += buffer.prefix(count)
        }
    }

    static func isAlive(_ pid: Int32) -> Bool {
        guard let stat = try? read("/proc/\(pid)/stat") else { return false }
        let fields = String(decoding: stat, as: UTF8.self).components(separatedBy: ") ").last ?? "Z"
        return !fields.hasPrefix("Z") && !fields.hasPrefix("X")
    }
}
