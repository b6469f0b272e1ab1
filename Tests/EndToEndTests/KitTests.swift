import Foundation
import TestSupport
import Testing

/// The sheet that restores without Holdfast, carried out as it is printed, with nothing of Holdfast's in reach.
@Suite struct KitTests {
    /// - Parameters:
    ///   - repository: the entry of `local`; `FOLDER` stands for the test's folder.
    private func world(_ repository: String) throws -> World {
        var program = try HoldfastProgram("kit")
        program.environment["GNUPGHOME"] = program.folder["g"]
        let world = World(program: program)
        try world.folder.write("one\n", to: "documents/it's \"one\" $HOME.txt")
        try world.folder.write("two\n", to: "documents/deep/two.txt", mode: 0o640)
        try world.folder.write("correct horse\n", to: "password")
        try program.writeProfile(
            """
            sources:
              documents: { files: "\(world.documents)" }
              numbers: { command: { run: [seq, "1", "5000"], name: "all numbers.txt" } }
              db: { sqlite: "\(world.folder["app.db"])" }
            repositories:
              local: \(repository.replacingOccurrences(of: "FOLDER", with: world.folder.path))
            """)
        return world
    }

    private func prepare(_ world: World) async throws {
        let made = try await world.program.runTool(
            "sh", "-ec",
            """
            cd "$1"; mkdir -m 700 g
            sqlite3 app.db 'CREATE TABLE t(a); INSERT INTO t VALUES (1), (2), (3)'
            age-keygen -o identity 2>/dev/null; age-keygen -y identity > recipients
            """, "sh", world.folder.path)
        #expect(made.code == 0, "\(made)")
    }

    @Test(
        .timeLimit(.minutes(3)),
        arguments: [
            "{ restic: FOLDER/repository, password: file:FOLDER/password }",
            "{ archive: FOLDER/repository, encrypt: openssl, compress: gzip, password: file:FOLDER/password }",
            "{ archive: FOLDER/repository, encrypt: gpg, password: file:FOLDER/password }",
            "{ rsync: FOLDER/repository }",
            "{ archive: FOLDER/repository, encrypt: age, recipients-file: FOLDER/recipients, identity: file:FOLDER/identity }",
        ])
    func `its lines bring everything back in an empty environment`(repository: String) async throws {
        let world = try world(repository)
        try await prepare(world)
        try await world.backUp()
        let kit = try await world.program.run("kit")
        #expect(kit.code == 0 && kit.errors == "", "\(kit)")
        #expect(!kit.output.contains("correct horse") && !kit.output.contains("AGE-SECRET-KEY"))
        try world.folder.write(kit.output, to: "kit.sh")
        let path = try #require(world.program.environment["PATH"])
        let target = world.folder["back"]
        func run(_ variables: String...) async throws -> HoldfastProgram.Result {
            try await world.program.startTool(
                ["env", "-i", "PATH=\(path)", "HOME=\(world.folder["home"])", "GNUPGHOME=\(world.folder["g"])"]
                    + variables + ["bash", world.folder["kit.sh"]]
            ).result()
        }
        let bare = try await run()
        #expect(bare.code != 0 && bare.errors.contains("an empty folder"), "\(bare)")
        let done = try await run(
            "TARGET=\(target)", "PASSWORD_FILE=\(world.folder["password"])", "IDENTITY_FILE=\(world.folder["identity"])"
        )
        #expect(done.code == 0, "\(done)")
        let found = try await world.program.runTool("find", target, "-name", "two.txt")
        let documents =
            (found.output.trimmingCharacters(in: .newlines) as NSString).deletingLastPathComponent as NSString
        #expect(
            try await world.program.runTool(
                "diff", "-r", "-x", ".holdfast-sha256sums", world.documents,
                documents.deletingLastPathComponent
            ).said == "")
        #expect(
            try String(contentsOfFile: target + "/numbers/all numbers.txt", encoding: .utf8)
                == (1...5000).map { "\($0)\n" }.joined())
        let rows = try await world.program.runTool("sqlite3", target + "/db/app.db", "SELECT sum(a) FROM t")
        #expect(rows.output == "6\n", "\(rows)")
        try await world.program.runTool("gpgconf", "--kill", "all")
    }

    @Test func `it says where else there are copies, what is missing, and tells programs the same`() async throws {
        let world = try world(
            "{ restic: FOLDER/repository, password: env:RESTIC_PASSWORD }\n"
                + "  nas: { restic: FOLDER/nas, password: env:RESTIC_PASSWORD, follows: local }")
        try await prepare(world)
        let none = try await world.program.run("kit")
        #expect(none.code == 10, "\(none)")
        try await world.backUp()
        let kit = try await world.program.run("kit")
        #expect(kit.output.contains("kept in env:RESTIC_PASSWORD") && kit.output.contains("holdfast kit --from nas"))
        let document = try await world.program.run("kit", "--json").document()
        #expect(document.lacks("profile", "host", "made", "run", "repository", "programs", "keys", "parts").isEmpty)
        #expect(document.objects("parts").count == 3 && document.objects("keys").count == 1)
        let other = try await world.program.run("kit", "--from", "nas")
        #expect(other.code == 0 && other.output.contains("FROM:-'\(world.folder["nas"])'"), "\(other)")
    }
}
