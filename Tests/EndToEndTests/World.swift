import Foundation
import TestSupport
import Testing

/// A host in small: the program, a folder with something in it, and profiles that say so.
struct World {
    let program: HoldfastProgram
    /// The repository is left for the first backup to make.
    let isNew: Bool
    var folder: ScratchFolder { program.folder }
    var documents: String { folder["documents"] }

    /// The same host with another way to run the program.
    init(program: HoldfastProgram, isNew: Bool = false) {
        self.program = program
        self.isNew = isNew
    }

    init(
        _ label: String = "e2e", restic: RealTools.Restic? = RealTools.restics.last, isNew: Bool = false
    ) throws {
        self.isNew = isNew
        program = try HoldfastProgram(label, restic: restic)
        try folder.write("one\n", to: "documents/one.txt")
        try folder.write("two\n", to: "documents/deep/two.txt", mode: 0o640)
    }

    /// The repository of every profile that a test writes.
    var repositories: String {
        """
        repositories:
          local: { restic: "\(program.repository)", password: env:RESTIC_PASSWORD }
        """
    }

    /// Lays the repository of ``repositories`` down ready, unless this world is new or something is there. A restic that
    /// made it itself would take half a second of CPU at each start.
    func layRepository() throws {
        let isThere = [program.repository, program.state].contains(where: FileManager.default.fileExists(atPath:))
        if !isNew, !isThere { try QuickRepository.lay(at: program.repository) }
    }

    /// A profile with one folder.
    func writeDocumentsProfile(_ more: String = "") throws {
        try writeProfile("  documents: { files: \"\(documents)\" }", more)
    }

    /// The repository is laid down ready with it, see ``layRepository()``.
    /// - Parameters:
    ///   - sources: the entries of `sources:`, indented by two.
    ///   - more: further top-level keys.
    func writeProfile(_ sources: String, _ more: String = "") throws {
        try layRepository()
        try program.writeProfile("sources:\n\(sources)\n\(repositories)\n\(more)")
    }

    /// A backup that must succeed.
    /// - Returns: the run's record, as its last JSON line has it.
    @discardableResult
    func backUp(_ arguments: String..., location: Testing.SourceLocation = #_sourceLocation) async throws -> [String:
        Any]
    {
        let result = try await program.run(["backup"] + arguments + ["--json"])
        #expect(result.code == 0, "\(result)", sourceLocation: location)
        return try result.record()
    }

    /// The ids of the restore points, newest first.
    func points() async throws -> [String] {
        let list = try await program.run("backup", "list", "--json")
        #expect(list.code == 0, "\(list)")
        return try list.document().objects("points").compactMap { $0["run"] as? String }
    }

    /// Compares two trees by name, type, mode, time, size and link target, and files by content.
    func differences(_ left: String, _ right: String) async throws -> String {
        try await program.runTool(
            "bash", "-c",
            """
            list() { (cd "$1" && find . -printf '%P %y %m %s %T@ %l\\n' | sed 's/^\\(.* d [0-7]*\\) [0-9]* /\\1 - /' | sort); }
            diff <(list "$1") <(list "$2"); diff -r --no-dereference "$1" "$2"
            """, "bash", left, right
        ).output
    }
}

extension HoldfastProgram.Result {
    /// The record of the run, from the last of its JSON lines that has one.
    func record() throws -> [String: Any] {
        guard
            let record = try lines().last(where: { $0["record"] != nil && $0["event"] as? String == "ended" })?[
                "record"]
        else { throw JSONText.Unexpected("no record in \(self)") }
        return try #require(record as? [String: Any])
    }

    /// Both outputs.
    var said: String { output + errors }

    /// The message of the one error line, without colour.
    var errorLines: [Substring] { errors.split(separator: "\n").filter { $0.hasPrefix("error: ") } }
}

extension [String: Any] {
    func objects(_ key: String) -> [[String: Any]] { self[key] as? [[String: Any]] ?? [] }
    func object(_ key: String) -> [String: Any] { self[key] as? [String: Any] ?? [:] }
    func text(_ key: String) -> String { self[key] as? String ?? "" }
    func texts(_ key: String) -> [String] { self[key] as? [String] ?? [] }
    func number(_ key: String) -> Int { self[key] as? Int ?? -1 }

    /// What is missing of the keys that are promised.
    func lacks(_ keys: String...) -> [String] { keys.filter { self[$0] == nil } }
}
