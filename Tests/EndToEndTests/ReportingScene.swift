import Foundation
import TestSupport
import Testing

/// A host in small whose repository costs no time, for tests of what is told of runs.
struct ReportingScene {
    let world: World
    var program: HoldfastProgram { world.program }
    var textfile: String { world.folder["textfiles/holdfast-test.prom"] }
    static let secret = "Hush-9/tok en%"

    init(_ label: String) throws {
        world = try World(label)
        try FileManager.default.createDirectory(
            atPath: world.folder["textfiles"], withIntermediateDirectories: true)
    }

    /// - Parameter more: further top-level keys.
    func writeProfile(named name: String = "test", _ more: String) throws {
        try world.folder.write(
            """
            #!/bin/sh
            echo data
            [ ! -e '\(world.folder["fail"])' ] || seq 60 >&2
            printf 'token is %s \\033[31mred\\n' "$TOKEN" >&2
            [ ! -e '\(world.folder["fail"])' ] || exit 4
            """, to: "produce", mode: 0o755)
        try program.writeProfile(
            """
            sources:
              documents: { files: "\(world.documents)" }
              dump: { command: { run: ["\(world.folder["produce"])"], environment: { TOKEN: "env:TOKEN" } } }
            repositories:
              local: { rsync: "\(world.folder["plain-\(name)"])" }
            \(more)
            """, named: name)
    }

    func run(_ arguments: String..., environment: [String: String] = [:]) async throws -> HoldfastProgram.Result {
        try await program.run(
            arguments, environment: ["TOKEN": ReportingScene.secret].merging(environment) { $1 })
    }

    func content(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

    func mode(_ path: String) throws -> Int {
        try #require(FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
    }

    /// Prometheus's own opinion of a text.
    func checkMetrics(_ text: String, location: Testing.SourceLocation = #_sourceLocation) async throws {
        let file = try world.folder.write(text, to: "check.prom")
        let result = try await program.runTool("sh", "-c", "promtool check metrics < \"$1\"", "sh", file)
        #expect(result.code == 0 && result.said == "", "\(result)", sourceLocation: location)
    }
}

extension RealTools {
    static let hasPromtool = access("/usr/bin/promtool", X_OK) == 0
}
