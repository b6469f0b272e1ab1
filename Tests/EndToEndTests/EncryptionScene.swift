import Foundation
import TestSupport
import Testing

/// Sources with something to hide, two identities, and a file of recipients that tests change.
struct EncryptionScene {
    /// In the contents of everything that is to be encrypted.
    static let canary = "PLAINTEXT-canary-5d1f"

    let world: World
    /// The public keys of the two identities.
    let (r1, r2): (String, String)
    var program: HoldfastProgram { world.program }
    var folder: ScratchFolder { world.folder }
    /// The entry that names them, where a test has no other.
    static let file = "encrypt: { recipients-file: FOLDER/recipients.txt }"

    /// - Parameter sources: with `FOLDER` for the folder of the test.
    init(restic: RealTools.Restic? = RealTools.restics.last, _ sources: String, more: String = "") async throws {
        world = try World("encrypt", restic: restic)
        try QuickRepository.lay(at: world.program.repository)
        try world.folder.write("KEY=\(Self.canary)\n", to: "app/hub.env", mode: 0o600)
        try world.folder.write("\(Self.canary) too\n", to: "app/deep/it's odd.txt")
        try FileManager.default.createSymbolicLink(
            atPath: world.folder["app/link"], withDestinationPath: "hub.env")
        let keys = try await world.program.runTool(
            "sh", "-c",
            "cd \"$1\" && for n in 1 2; do age-keygen -o id$n 2>/dev/null; chmod 600 id$n; age-keygen -y id$n >r$n; done",
            "sh", world.folder["."])
        #expect(keys.code == 0, "\(keys)")
        r1 = try World.line(world.folder["r1"])
        r2 = try World.line(world.folder["r2"])
        try use("r1")
        try write(sources, more)
    }

    func write(_ sources: String, _ more: String = "") throws {
        try world.writeProfile(
            sources.replacingOccurrences(of: "FOLDER", with: folder.path),
            more.replacingOccurrences(of: "FOLDER", with: folder.path))
    }

    /// Puts recipients where the profile looks for them.
    func use(_ names: String...) throws {
        let text = try names.map { try World.line(folder[$0]) + "\n" }.joined()
        try folder.write("# who may read it\n\n" + text, to: "recipients.txt")
    }

    func restore(_ to: String, _ more: String...) async throws -> HoldfastProgram.Result {
        try await program.run(["restore", "latest", "--to", folder[to], "--yes"] + more)
    }

    /// The files below the test's folder that have the canary in them, but for those that may.
    func leaks(besides allowed: String...) async throws -> [Substring] {
        let found = try await program.runTool("grep", "-rlaF", Self.canary, folder.path)
        return found.output.split(separator: "\n").filter { path in
            !(["app/", "data.db", "config/"] + allowed).contains { path.hasPrefix(folder[$0]) }
        }
    }

    func snapshots() throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: program.repository + "/snapshots").count
    }
}

extension World {
    /// The last line of a file.
    static func line(_ path: String) throws -> String {
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        return String(try #require(lines.last))
    }
}
