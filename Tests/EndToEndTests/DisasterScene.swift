import Foundation
import TestSupport
import Testing

/// A host whose folder `old` is lost, and a new one.
struct DisasterScene {
    var world: World
    var folder: ScratchFolder { world.folder }
    /// All that is gone when the disaster has struck.
    var old: String { folder["old"] }

    init(_ name: String) throws {
        var program = try HoldfastProgram(name)
        program.environment["HOME"] = program.folder["old/home"]
        program.environment["HOLDFAST_STATE_DIR"] = program.folder["old/state"]
        program.environment["HOLDFAST_CACHE_DIR"] = program.folder["old/cache"]
        program.environment["HOLDFAST_CONFIG_DIR"] = program.folder["old/config"]
        program.environment["RESTIC_PASSWORD"] = nil
        world = World(program: program)
        try program.folder.write("", to: "old/home/.profile")
    }

    func profile(_ name: String, replacing changes: [(String, String)] = []) throws {
        var text = try String(contentsOfFile: RealTools.packageRoot + "/profiles/\(name).yaml", encoding: .utf8)
        for (theirs, ours) in changes {
            try #require(text.contains(theirs), "\(theirs)")
            text = text.replacing(theirs, with: ours)
        }
        try folder.write(text, to: "old/config/\(name).yaml")
    }

    func shell(_ script: String) async throws {
        let result = try await world.program.startTool(["bash", "-ec", "cd \"$1\"; \(script)", "bash", folder.path])
            .result()
        #expect(result.code == 0, "\(result)")
    }

    /// Makes the sheet, keeps what is to be compared, and loses all else.
    /// - Parameter kept: paths below `old`, of which copies go to `as-it-was`.
    func strike(keeping kept: [String]) async throws {
        let kit = try await world.program.run("kit")
        #expect(kit.code == 0, "\(kit)")
        try folder.write(kit.output, to: "kept/kit.sh")
        for path in kept {
            try await shell("mkdir -p \"as-it-was/$(dirname '\(path)')\"; cp -a 'old/\(path)' 'as-it-was/\(path)'")
        }
        try FileManager.default.removeItem(atPath: old)
        try folder.write("", to: "new/home/.profile")
    }

    /// By the sheet alone.
    func bySheet(_ variables: [String: String]) async throws -> HoldfastProgram.Result {
        let path = try #require(world.program.environment["PATH"])
        return try await world.program.startTool(
            ["env", "-i", "PATH=\(path)", "HOME=\(folder["new/home"])", "TARGET=\(folder["sheet"])"]
                + variables.map { "\($0.key)=\($0.value)" } + ["bash", folder["kept/kit.sh"]]
        ).result()
    }

    /// By the program, with the profile that the sheet carries.
    func byProgram(
        _ name: String, _ arguments: [String], environment: [String: String] = [:]
    ) async throws -> HoldfastProgram.Result {
        try await shell("mkdir -p new/config; sed -n 's/^#| //p' kept/kit.sh > new/config/\(name).yaml")
        var program = world.program
        // Of what the old host's own variables said nothing is left.
        program.environment = program.environment.filter {
            ["PATH", "TMPDIR", "LANG", "TZ", "USER"].contains($0.key)
        }
        for (variable, place) in [
            ("HOME", "home"), ("HOLDFAST_STATE_DIR", "state"), ("HOLDFAST_CACHE_DIR", "cache"),
            ("HOLDFAST_CONFIG_DIR", "config"),
        ] { program.environment[variable] = folder["new/\(place)"] }
        return try await program.run(
            ["restore", "latest", "--to", folder["program"], "--yes"] + arguments, environment: environment)
    }

    /// Compares what was kept for it with what is below both folders.
    func expectSame(_ path: String, in source: String) async throws {
        for way in ["sheet", "program"] {
            // Archives have names below the last folder, and Holdfast puts them where they were.
            let whole = folder["\(way)/\(source)"] + "\(old)/\(path)"
            let short = folder["\(way)/\(source)/\((path as NSString).lastPathComponent)"]
            let restored = FileManager.default.fileExists(atPath: whole) ? whole : short
            let found = try await world.differences(folder["as-it-was/\(path)"], restored)
            #expect(found == "", "\(way): \(path)")
        }
    }

    func credentials(_ server: S3Server) throws -> String {
        let words = server.credential(.readOnly).environment.map { "\($0.key)=\($0.value)\n" }.joined()
        return try folder.write(words, to: "kept/reader.env", mode: 0o600)
    }
}
