import Foundation
import TestSupport
import Testing

/// The sheet that restores without Holdfast, carried out as it is printed, with nothing of Holdfast's in reach.
@Suite struct KitTests {
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
        let scene = try await KitScene(repository)
        let (world, folder) = (scene.world, scene.folder)
        try await world.backUp()
        let kit = try await scene.kit()
        #expect(!kit.contains("correct horse") && !kit.contains("AGE-SECRET-KEY"))
        let bare = try await scene.carryOut()
        #expect(bare.code != 0 && bare.errors.contains("an empty folder"), "\(bare)")
        try folder.write("", to: "full/file")
        let full = try await scene.carryOut("TARGET=\(folder["full"])", "PASSWORD_FILE=\(folder["password"])")
        #expect(full.code != 0 && full.errors.contains("is not an empty folder"), "\(full)")
        let target = folder["back"]
        let done = try await scene.carryOut(
            "TARGET=\(target)", "PASSWORD_FILE=\(folder["password"])", "IDENTITY_FILE=\(folder["identity"])")
        #expect(done.code == 0 && !done.said.contains("Fatal") && !done.said.contains("FAILED"), "\(done)")
        #expect(
            done.output.contains(repository.contains("restic") ? "3 files" : "digest")
                && done.output.contains("1 table, 3 rows"), "\(done)")
        try await scene.expectAll(in: target)
        try await world.program.runTool("gpgconf", "--kill", "all")
    }

    /// The one that stores streams under a flat name.
    @Test(.enabled(if: RealTools.restics.contains { $0.version == "0.18.0" }, "restic 0.18.0 is not here"))
    func `a good restore prints no error, whatever version made the backup`() async throws {
        let scene = try await KitScene(
            "{ restic: FOLDER/repository, password: file:FOLDER/password }",
            restic: RealTools.restics.first { $0.version == "0.18.0" })
        try await scene.world.backUp()
        _ = try await scene.kit()
        let done = try await scene.carryOut(
            "TARGET=\(scene.folder["back"])", "PASSWORD_FILE=\(scene.folder["password"])")
        #expect(done.code == 0 && done.errors == "", "\(done)")
        try await scene.expectAll(in: scene.folder["back"])

        // The sheet has become old: a later state is there, and is had when it is asked for.
        try scene.folder.write("later\n", to: "documents/later.txt")
        try await scene.world.backUp("documents")
        for (newest, files) in [("", 3), ("yes", 4)] {
            let target = scene.folder["newest-\(newest)"]
            let restored = try await scene.carryOut(
                "TARGET=\(target)", "PASSWORD_FILE=\(scene.folder["password"])", "NEWEST=\(newest)")
            #expect(restored.code == 0, "\(restored)")
            #expect(restored.output.contains("has 4 files, and had 3") == (files == 4), "\(restored)")
            let later = target + "/documents" + scene.world.documents + "/later.txt"
            #expect(FileManager.default.fileExists(atPath: later) == (files == 4))
        }
    }

    @Test func `rows that are others than the sheet's are no proof, also where that is no fault`() async throws {
        let world = try World("kit-newest")
        let database = world.folder["app.db"]
        let made = try await world.program.runTool("sqlite3", database, "create table t (x); insert into t values (1)")
        #expect(made.code == 0, "\(made)")
        // A name that is not UTF-8 stands in no listing, and is no reason to fail.
        let odd = try await world.program.runTool(
            "bash", "-c", "echo odd > \"$1\"/$'latin\\xe9.txt'", "bash", world.documents)
        #expect(odd.code == 0, "\(odd)")
        try world.writeProfile("  documents: { files: \"\(world.documents)\" }\n  db: { sqlite: \"\(database)\" }")
        try await world.backUp()
        let kit = try await world.program.run("kit")
        let sheet = try world.folder.write(kit.output, to: "kit.sh")
        let drill = try await world.program.run("drill", "--from-kit", sheet)
        #expect(drill.code == 0 && drill.output.contains("but 1 whose name is not UTF-8"), "\(drill)")
        _ = try await world.program.runTool("sqlite3", database, "insert into t values (2)")
        try await world.backUp()
        let password = try world.folder.write(
            try #require(world.program.environment["RESTIC_PASSWORD"]) + "\n", to: "password", mode: 0o600)
        let done = try await world.program.startTool([
            "env", "-i", "PATH=\(world.program.environment["PATH"] ?? "")", "HOME=\(world.folder["home"])",
            "TARGET=\(world.folder["back"])", "PASSWORD_FILE=\(password)", "NEWEST=yes", "bash", sheet,
        ]).result()
        #expect(done.code == 0 && done.output.contains("has 2 rows, and had 1"), "\(done)")
        #expect(!done.output.contains("app.db: 1 table"), "\(done)")
    }

    @Test func `each copy is in it, what is missing is named first, and one part that is lost keeps no other`()
        async throws
    {
        let scene = try await KitScene(
            "{ archive: FOLDER/repository, encrypt: openssl, password: file:FOLDER/password }\n"
                + "  nas: { archive: FOLDER/nas, follows: local }\n"
                + "  other: { archive: FOLDER/other, follows: local, feed: on-request }")
        let folder = scene.folder
        let none = try await scene.world.program.run("kit")
        #expect(none.code == 10, "\(none)")
        try await scene.world.backUp()
        // What was never fed is named, and no reason to make no sheet.
        let made = try await scene.world.program.run("kit")
        #expect(made.code == 0 && made.errors.contains("other: no lines for it"), "\(made)")
        try folder.write(made.output, to: "kit.sh")
        let keys = ["PASSWORD_FILE=\(folder["password"])"]

        try folder.write("", to: "few/none")
        for tool in ["bash", "sha256sum", "tar", "ls", "sqlite3", "zstd"] {
            try FileManager.default.createSymbolicLink(
                atPath: folder["few/\(tool)"], withDestinationPath: tool == "bash" ? "/bin/bash" : "/usr/bin/\(tool)")
        }
        let lacking = try await scene.carryOut(["TARGET=\(folder["t1"])", "PATH=\(folder["few"])"] + keys)
        #expect(lacking.code != 0 && lacking.errors.contains("missing: openssl;"), "\(lacking)")
        #expect(!FileManager.default.fileExists(atPath: folder["t1"]))
        let nobody = try await scene.carryOut(["TARGET=\(folder["t2"])", "FROM=cloud"] + keys)
        #expect(nobody.code != 0 && nobody.errors.contains("which has: local, nas"), "\(nobody)")

        // A copy that cannot be looked at gets lines of what was sent there.
        try FileManager.default.moveItem(atPath: folder["nas"], toPath: folder["away"])
        let unseen = try await scene.world.program.run("kit", "--json")
        #expect(unseen.code == 0 && unseen.errors.contains("its lines are of what was sent there"), "\(unseen)")
        let told = try unseen.document().objects("repositories").map { ($0.text("name"), $0["read"] as? Bool) }
        #expect(told.map(\.0) == ["local", "nas"] && told.map(\.1) == [true, false], "\(told)")
        try FileManager.default.moveItem(atPath: folder["away"], toPath: folder["nas"])

        // The server is gone; the copy has lost a part, and lies elsewhere by now.
        try FileManager.default.removeItem(atPath: folder["repository"])
        try FileManager.default.moveItem(atPath: folder["nas"], toPath: folder["moved"])
        let files = try FileManager.default.subpathsOfDirectory(atPath: folder["moved"])
        let lost = try #require(files.first { $0.contains("numbers") }, "\(files)")
        try folder.write("something else", to: "moved/" + lost)
        let done = try await scene.carryOut(
            ["TARGET=\(folder["back"])", "FROM=nas", "PLACE=\(folder["moved"])"] + keys)
        #expect(done.code == 1 && done.errors.contains("FAILED: numbers"), "\(done)")
        #expect(done.errors.contains("did not come back whole: numbers"), "\(done)")
        try await scene.expectAll(in: folder["back"], numbers: false)

        let document = try await scene.world.program.run("kit", "--json", "--from", "nas")
        #expect(document.code != 0, "\(document)")
    }

    @Test func `the page for three in the morning is true, followed from the top on a clean machine`() async throws {
        let scene = try await KitScene(
            "{ archive: FOLDER/repository, encrypt: openssl, compress: gzip, password: file:FOLDER/password }\n"
                + "  nas: { archive: FOLDER/nas, follows: local }")
        let (program, folder) = (scene.world.program, scene.folder)
        try await scene.world.backUp()
        try await scene.kit()
        let page = try String(contentsOfFile: RealTools.packageRoot + "/docs/3am.md", encoding: .utf8)
        func lines(_ chapter: String) throws -> String {
            let start = try #require(page.range(of: "\n## \(chapter).")?.upperBound)
            let text = page[start...].prefix(upTo: page[start...].range(of: "\n## ")?.lowerBound ?? page.endIndex)
            return text.matches(of: /```bash\n((?s).*?)```/).map { String($0.1) }.joined()
        }
        /// What is this machine's and not the page's.
        func follow(_ chapter: String, _ environment: [String]) async throws -> HoldfastProgram.Result {
            let target = folder["restored-\(chapter)"]
            let script = try lines(chapter).replacing("/srv/restored", with: target)
                .replacing("/root/password", with: folder["password"]).replacing("nano ", with: "test -s ")
                .replacing("app.yaml", with: "test.yaml")
            try folder.write("set -e\n" + script, to: "\(chapter).sh")
            let path = try #require(program.environment["PATH"])
            return try await program.startTool(
                ["env", "-i", "--chdir=\(folder["stick"])", "PATH=\(folder["ours"]):\(path)"] + environment
                    + ["bash", folder["\(chapter).sh"]]
            ).result()
        }
        try FileManager.default.createDirectory(atPath: folder["stick"], withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: folder["ours"], withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(atPath: folder["ours/holdfast"], withDestinationPath: program.path)
        try FileManager.default.copyItem(atPath: folder["kit.sh"], toPath: folder["stick/restore-app.sh"])
        let own = ["HOME", "HOLDFAST_STATE_DIR", "HOLDFAST_CACHE_DIR", "HOLDFAST_CONFIG_DIR"].compactMap { name in
            program.environment[name].map { "\(name)=\($0)" }
        }
        let there = try await follow("A", own)
        #expect(there.code == 0, "\(there)")
        try await scene.expectAll(in: folder["restored-A"])

        for lost in ["repository", "state", "cache", "config", "home"] {
            try FileManager.default.removeItem(atPath: folder[lost])
        }
        try folder.write("", to: "clean/.profile")
        let sheet = try await follow("B", ["HOME=\(folder["clean"])"])
        #expect(sheet.code == 0 && sheet.output.contains("all of it is in"), "\(sheet)")
        try await scene.expectAll(in: folder["restored-B"])
        // As root the state would be this machine's own.
        let ours = try await follow(
            "C",
            [
                "HOME=\(folder["clean"])", "HOLDFAST_STATE_DIR=\(folder["clean/state"])",
                "HOLDFAST_CACHE_DIR=\(folder["clean/cache"])",
            ])
        #expect(ours.code == 0, "\(ours)")
        try await scene.expectAll(in: folder["restored-C"])
    }

    @Test func `programs are told the same`() async throws {
        let scene = try await KitScene("{ rsync: FOLDER/repository }")
        try await scene.world.backUp()
        let document = try await scene.world.program.run("kit", "--json").document()
        #expect(document.lacks("profile", "host", "made", "written", "repositories", "absent").isEmpty)
        let repository = try #require(document.objects("repositories").first)
        #expect(
            repository.lacks("name", "kind", "location", "id", "read", "run", "time", "programs", "keys", "parts")
                .isEmpty)
        #expect(repository.objects("parts").count == 3 && repository.objects("keys").isEmpty)
        let lines = repository.objects("parts").flatMap { $0.texts("lines") }
        #expect(lines.contains { $0.hasPrefix("cp -a") }, "\(lines)")
        // And people who print it, with nothing in it that a browser takes for its own or fetches.
        let page = try await scene.world.program.run("kit", "--format", "html")
        #expect(page.code == 0 && page.output.contains("all &lt;numbers&gt; &amp; it"), "\(page)")
        for foreign in ["<numbers>", "<script", " src=", "http-equiv=\"refresh", "@import"] {
            #expect(!page.output.contains(foreign), "\(foreign)")
        }
        let script = try #require(page.output.firstMatch(of: /base64,([A-Za-z0-9+\/=]+)"/)?.1)
        try scene.folder.write(
            String(decoding: try #require(Data(base64Encoded: String(script))), as: UTF8.self), to: "kit.sh")
        let done = try await scene.carryOut("TARGET=\(scene.folder["back"])")
        #expect(done.code == 0, "\(done)")
        try await scene.expectAll(in: scene.folder["back"])
    }
}

/// A host with a folder, a database and a command's output, and a sheet that is carried out in an empty environment.
struct KitScene {
    let world: World
    var folder: ScratchFolder { world.folder }

    /// - Parameter repository: the entry of `local`; `FOLDER` stands for the test's folder.
    init(_ repository: String, restic: RealTools.Restic? = RealTools.restics.last) async throws {
        var program = try HoldfastProgram("kit", restic: restic)
        program.environment["GNUPGHOME"] = program.folder["g"]
        world = World(program: program)
        try world.folder.write("one\n", to: "documents/it's \"one\" $HOME.txt")
        try world.folder.write("two\n", to: "documents/deep/two.txt", mode: 0o640)
        try world.folder.write("correct horse\n", to: "password", mode: 0o600)
        try program.writeProfile(
            """
            sources:
              documents: { files: "\(world.documents)" }
              numbers: { command: { run: [seq, "1", "5000"], name: "all <numbers> & it's.txt" } }
              db: { sqlite: "\(world.folder["app.db"])" }
            repositories:
              local: \(repository.replacingOccurrences(of: "FOLDER", with: world.folder.path))
            """)
        let made = try await program.runTool(
            "sh", "-ec",
            """
            cd "$1"; mkdir -m 700 g; ln documents/deep/two.txt documents/hard; ln -s deep documents/link
            sqlite3 app.db 'CREATE TABLE t(a); INSERT INTO t VALUES (1), (2), (3)'
            age-keygen -o identity 2>/dev/null; age-keygen -y identity > recipients
            """, "sh", world.folder.path)
        #expect(made.code == 0, "\(made)")
    }

    /// Made, and kept as `kit.sh`.
    @discardableResult
    func kit(_ arguments: String...) async throws -> String {
        let kit = try await world.program.run(["kit"] + arguments)
        #expect(kit.code == 0 && kit.errors == "", "\(kit)")
        try folder.write(kit.output, to: "kit.sh")
        return kit.output
    }

    func carryOut(_ variables: String..., sheet: String = "kit.sh") async throws -> HoldfastProgram.Result {
        try await carryOut(variables, sheet: sheet)
    }

    /// With nothing of the host's but PATH.
    func carryOut(_ variables: [String], sheet: String = "kit.sh") async throws -> HoldfastProgram.Result {
        let path = try #require(world.program.environment["PATH"])
        try FileManager.default.createDirectory(atPath: folder["new-home"], withIntermediateDirectories: true)
        return try await world.program.startTool(
            ["env", "-i", "PATH=\(path)", "HOME=\(folder["new-home"])", "GNUPGHOME=\(folder["g"])"] + variables
                + ["/bin/bash", folder[sheet]]
        ).result()
    }

    func expectAll(in target: String, numbers: Bool = true) async throws {
        let found = try await world.program.runTool("find", target, "-name", "two.txt")
        let documents =
            (found.output.trimmingCharacters(in: .newlines) as NSString).deletingLastPathComponent as NSString
        #expect(
            try await world.program.runTool(
                "diff", "-r", "--no-dereference", "-x", ".holdfast-sha256sums", world.documents,
                documents.deletingLastPathComponent
            ).said == "")
        if numbers {
            #expect(
                try String(contentsOfFile: target + "/numbers/all <numbers> & it's.txt", encoding: .utf8)
                    == (1...5000).map { "\($0)\n" }.joined())
        }
        let rows = try await world.program.runTool("sqlite3", target + "/db/app.db", "SELECT sum(a) FROM t")
        #expect(rows.output == "6\n", "\(rows)")
    }
}
