import Foundation
import TestSupport
import Testing

/// Looking into restore points: which have a file, what is in it, what changed.
@Suite("Looking into restore points", .enabled(if: !RealTools.restics.isEmpty))
struct LookingTests {
    /// Two restore points of a folder and a database; `one.txt` has changed between them, `deep/two.txt` has gone.
    private func world(_ repository: String) async throws -> (world: World, runs: [String]) {
        let world = try World("looking")
        let database = world.folder["app.db"]
        _ = try await world.program.startTool(["sqlite3", database, "create table t (x); insert into t values (1);"])
            .result()
        try world.program.writeProfile(
            """
            sources:
              documents: { files: "FOLDER/documents" }
              db: { sqlite: "FOLDER/app.db" }
            repositories:
              local: \(repository)
            """.replacingOccurrences(of: "FOLDER", with: world.folder.path))
        let bytes = Data([0, 1, 2, 255, 10, 13, 0])
        try bytes.write(to: URL(fileURLWithPath: world.documents + "/raw.bin"))
        let first = try await world.backUp().text("run")
        try world.folder.write("one and more\n", to: "documents/one.txt")
        try world.folder.write("three\n", to: "documents/three.txt")
        try FileManager.default.removeItem(atPath: world.documents + "/deep/two.txt")
        _ = try await world.program.startTool(["sqlite3", database, "insert into t values (2), (3);"]).result()
        let second = try await world.backUp().text("run")
        return (world, [first, second])
    }

    private static let repositories = [
        "{ restic: \"FOLDER/r\", password: env:RESTIC_PASSWORD }",
        "{ archive: \"FOLDER/r\", encrypt: openssl, password: env:RESTIC_PASSWORD }", "{ rsync: \"FOLDER/r\" }",
    ]

    @Test(.timeLimit(.minutes(3)), arguments: repositories)
    func `find says which restore points hold a file and how it changed, cat prints one, diff compares`(
        _ repository: String
    ) async throws {
        let (world, runs) = try await world(repository)
        let path = world.documents + "/one.txt"
        let found = try await world.program.run("find", "one.txt", "--json")
        #expect(found.code == 0, "\(found)")
        let match = try #require(try found.document().objects("matches").first)
        #expect(match.text("path") == path && match.text("source") == "documents", "\(match)")
        #expect(match.objects("versions").map { $0["runs"] as? [String] } == [[runs[1]], [runs[0]]], "\(match)")
        let text = try await world.program.run("find", "*.TXT", "-i")
        #expect(text.code == 0 && text.output.contains("deep/two.txt") && text.output.contains("three.txt"), "\(text)")
        #expect(try await world.program.run("find", "documents/*.txt").output.contains("two.txt") == false)
        let none = try await world.program.run("find", "nowhere.txt", "--newest", "1")
        #expect(none.code == 1 && none.output == "" && none.errors.contains("1 restore point"), "\(none)")

        for command in [["find", "x"], ["diff", "latest"], ["cat", "latest", path]] {
            let typo = try await world.program.run(command + ["--only", "documets"])
            #expect(typo.code == 64 && typo.errors.contains("there are: db, documents"), "\(typo)")
        }
        let old = try await world.program.run("cat", runs[0], path)
        let new = try await world.program.run("cat", "latest", path)
        #expect(old.code == 0 && old.output == "one\n" && new.output == "one and more\n", "\(old) \(new)")
        let raw = try await world.program.startTool(
            [
                "bash", "-c", "\"$1\" cat latest \"$2\" | cmp - \"$2\"", "bash", world.program.path,
                world.documents + "/raw.bin",
            ]
        ).result()
        #expect(raw.code == 0, "\(raw)")
        let database = try await world.program.run("cat", runs[0], "db")
        #expect(database.output.hasPrefix("SQLite format 3"), "\(database.code) \(database.errors)")
        let absent = try await world.program.run("cat", "latest", "/nowhere/x")
        #expect(absent.code != 0 && absent.errors.contains("holdfast find"), "\(absent)")
        let gone = try await world.program.run("cat", "latest", world.documents + "/deep/two.txt")
        #expect(gone.code != 0 && gone.output == "", "\(gone)")

        let diff = try await world.program.run("diff", runs[0], "latest", "--json")
        #expect(diff.code == 0, "\(diff)")
        let parts = try diff.document().objects("parts")
        let files = try #require(parts.first { $0.text("source") == "documents" }).objects("files")
        let changed = files.filter { $0.object("after").text("type") != "directory" }
        #expect(
            changed.map { $0.text("path").replacingOccurrences(of: world.documents, with: "") }
                == ["/deep/two.txt", "/one.txt", "/three.txt"], "\(files)")
        #expect(changed[0]["after"] is NSNull && changed[2]["before"] is NSNull, "\(files)")
        let rows = try #require(parts.first { $0.text("source") == "db" }).objects("rows")
        #expect(rows.map { $0.text("table") } == ["t"] && rows[0].number("after") == 3, "\(parts)")
        let same = try await world.program.run("diff", "latest", "latest")
        #expect(same.code == 0 && same.output.contains("documents: unchanged"), "\(same)")
    }

    @Test(.timeLimit(.minutes(2)))
    func `a reader that has enough is no failure, and restic is started once for all points`() async throws {
        let world = try World("looking-once")
        try world.writeDocumentsProfile()
        let large = String(repeating: "0123456789abcdef\n", count: 500_000)
        try world.folder.write(large, to: "documents/large.txt")
        for number in 0..<3 {
            try world.folder.write("\(number)\n", to: "documents/one.txt")
            try await world.backUp()
        }
        let head = try await world.program.startTool(
            [
                "bash", "-c", "set -o pipefail; \"$1\" cat latest \"$2\" | head -c 17", "bash", world.program.path,
                world.documents + "/large.txt",
            ]
        ).result()
        #expect(head.output == "0123456789abcdef\n" && head.code == 0, "\(head)")
        let found = try await world.program.run("find", "one.txt", "--json")
        #expect(try found.document().objects("matches").first?.objects("versions").count == 3, "\(found)")
    }

    @Test(arguments: repositories)
    func `names that a program would take for patterns are found as they are`(_ repository: String) async throws {
        let (world, _) = try await world(repository)
        for name in ["!bang", "[odd", "[ab]"] { try world.folder.write(name, to: "documents/" + name) }
        try await world.backUp()
        for name in ["!bang", "[odd", "[ab]"] {
            let found = try await world.program.run("find", name)
            #expect(found.code == 0 && found.output.contains(world.documents + "/" + name), "\(found)")
            let back = world.folder["back"]
            let restored = try await world.program.run(
                "restore", "latest", "--path", world.documents + "/" + name, "--to", back, "--yes")
            #expect(restored.code == 0, "\(restored)")
            let content = try String(
                contentsOfFile: back + "/documents" + world.documents + "/" + name, encoding: .utf8)
            #expect(content == name)
            try FileManager.default.removeItem(atPath: back)
        }
    }

    /// Both are names on Linux, and Swift takes them for one.
    @Test(arguments: repositories)
    func `two names that read alike stay two`(_ repository: String) async throws {
        let (world, _) = try await world(repository)
        let names = ["caf\u{e9}.txt", "cafe\u{301}.txt"]
        for (number, name) in names.enumerated() {
            try world.folder.write(String(repeating: "x", count: number + 1), to: "documents/" + name)
        }
        try #require(try FileManager.default.contentsOfDirectory(atPath: world.documents).count == 6)
        let first = try await world.backUp().text("run")
        try await world.backUp()
        let diff = try await world.program.run("diff", first, "latest", "--only", "documents")
        #expect(diff.code == 0 && !diff.output.contains("caf"), "\(diff)")
        let found = try await world.program.run("find", "caf*", "--json")
        #expect(try found.document().objects("matches").count == 2, "\(found)")
        for (number, name) in names.enumerated() {
            let back = world.folder["back-\(number)"]
            let restored = try await world.program.run(
                "restore", "latest", "--path", world.documents + "/" + name, "--to", back, "--yes")
            #expect(restored.code == 0, "\(restored)")
            let folder = back + "/documents" + world.documents
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 1)
            #expect(FileManager.default.contents(atPath: folder + "/" + name)?.count == number + 1)
            let cat = try await world.program.run("cat", "latest", world.documents + "/" + name)
            #expect(cat.code == 0 && cat.output.count == number + 1, "\(cat)")
        }
    }
}
