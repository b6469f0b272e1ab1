import Foundation
import TestSupport
import Testing

/// Words that make no sense are told as such at once, with those that would.
@Suite("Mistyped words", .enabled(if: !RealTools.restics.isEmpty))
struct MistypedWordsTests {
    @Test(.timeLimit(.minutes(3)))
    func `name what there is, ask nothing and record nothing`() async throws {
        let world = try World("mistyped")
        try world.writeDocumentsProfile()
        try await world.backUp()
        let (program, documents) = (world.program, world.documents)
        let told: [([String], Int32, [String])] = [
            (
                ["key", "rotate", "locla"], 64,
                ["no repository and no source locla", "did you mean `local`?", "documents"]
            ),
            (["key", "list", "nowhere"], 64, ["its repositories: local; its sources: documents"]),
            (["key", "add", "locla", "--password-file", "/x"], 64, ["did you mean `local`? it has: local"]),
            (["repository", "unlock", "--repository", "locla"], 64, ["did you mean `local`? it has: local"]),
            (["backup", "list", "--from", "local"], 64, ["follows no other", "leave out --from"]),
            (["backup", "list", "--from", "nas"], 64, ["has no follower nas", "there is none"]),
            (["restore", "latest", "--only", ""], 64, ["--only is empty", "as in --only db"]),
            (["restore", "latest", "--only", " , "], 64, ["--only is empty (` , `)"]),
            (["find", "x", "--only", ""], 64, ["--only is empty"]),
            (["drill", ""], 64, ["the name of a source is empty"]),
            (["restore", "latest", "--into", "new"], 64, ["is not SOURCE=NAME", "with --only db the name alone"]),
            (
                ["restore", "latest", "--only", "documents", "--into", "new"], 64,
                ["source documents has no database dump"]
            ),
            (["drill", "--from-kit", "/nowhere/sheet.sh"], 64, ["the sheet /nowhere/sheet.sh cannot be read"]),
            (["drill", "--from-kit", documents], 64, ["the sheet \(documents) cannot be read"]),
            (["drill", "--from-kit", documents + "/one.txt"], 64, ["is no sheet that can be read"]),
            (["kit", "rehearse", "/nowhere/sheet.sh"], 64, ["the sheet /nowhere/sheet.sh cannot be read"]),
            (["drill", "--point", "1999"], 1, ["there is no restore point 1999"]),
            (
                ["restore", "latest", "--path", documents + "/three.txt"], 1,
                ["has nothing at \(documents)/three.txt", "holdfast find 'three.txt' -p test"]
            ),
            (
                ["restore", "latest", "--path", documents + "/three.txt", "--to", world.folder["restored"]], 1,
                ["has nothing at \(documents)/three.txt"]
            ),
        ]
        for (words, code, texts) in told {
            let result = try await program.run(words)
            #expect(result.code == code && result.output.isEmpty, "\(result)")
            for text in texts { #expect(result.errors.contains(text), "\(text): \(result)") }
        }
        let history = try await program.run("history", "--json").document().objects("runs")
        #expect(history.map { $0.text("operation") } == ["backup"], "\(history)")
    }

    @Test(.timeLimit(.minutes(3)), .enabled(if: PrivatePostgres.programs != nil, "PostgreSQL is not installed"))
    func `a database goes into a new one by its name alone, and needs a folder only for what is none`() async throws {
        let postgres = try PrivatePostgres.shared.get()
        let name = try postgres.makeDatabase(
            "into_" + UUID().uuidString.prefix(8).lowercased(), "CREATE TABLE t AS SELECT generate_series(1, 70) AS x")
        let world = try World("into")
        let server = "host: \"\(postgres.socketFolder)\", user: \(postgres.superuser)"
        try world.writeProfile(
            """
              documents: { files: "\(world.documents)" }
              bare: { postgres: { database: \(name), \(server), globals: false } }
              full: { postgres: { database: \(name), \(server) } }
            """)
        try await world.backUp()
        let wanting = try await world.program.run("restore", "latest", "--only", "full", "--into", name + "_f", "--yes")
        #expect(wanting.code == 64 && wanting.errors.contains("/postgres/globals.sql is none: it needs a folder"))
        #expect(!wanting.errors.contains("or choose"), "\(wanting)")
        let all = try await world.program.run("restore", "latest", "--into", "bare=\(name)_a", "--yes")
        #expect(all.code == 64 && all.errors.contains("(and 2 more)"), "\(all)")
        #expect(all.errors.contains("or choose the databases' sources: --only bare"), "\(all)")
        let alone = try await world.program.run("restore", "latest", "--only", "bare", "--into", name + "_n", "--yes")
        #expect(alone.code == 0 && alone.output.contains("proven: 1 table, 70 rows"), "\(alone)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: world.folder["tmp"]).isEmpty)
    }

    @Test(.timeLimit(.minutes(3)))
    func `what is printed to be pasted names the profile`() async throws {
        let world = try World("pasted")
        try world.writeDocumentsProfile()
        let path = world.folder["config/test.yaml"]
        let backup = try await world.program.run("backup", "-p", path)
        #expect(backup.output.contains("--to DIR -p \(path)`"), "\(backup)")
        let named = try await world.program.run("backup", "--config-dir", world.folder["config"])
        #expect(named.output.contains("--to DIR -p test --config-dir \(world.folder["config"])`"), "\(named)")
        let restored = try await world.program.run("restore", "latest", "--yes")
        #expect(restored.output.contains("`holdfast restore --undo -p test` puts it back"), "\(restored)")
    }
}
