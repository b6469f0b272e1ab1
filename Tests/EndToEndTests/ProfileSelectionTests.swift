import Foundation
import TestSupport
import Testing

/// Which profile a command works on, and what `profile …` tells about it.
@Suite("Choosing a profile", .enabled(if: !RealTools.restics.isEmpty))
struct ProfileSelectionTests {
    private func world() throws -> World {
        let world = try World("choose")
        for name in ["alpha", "timetiles"] {
            try world.program.writeProfile(
                """
                sources: { documents: { files: "\(world.documents)" } }
                repositories: { local: { restic: "\(world.folder[name])", password: env:RESTIC_PASSWORD } }
                """, named: name)
        }
        return world
    }

    @Test(.timeLimit(.minutes(5)))
    func `the option, the environment or the name it was started by choose, and otherwise it asks`() async throws {
        var world = try world()
        let unsaid = try await world.program.run("backup", "--dry-run")
        #expect(unsaid.code != 0 && unsaid.errors.contains("alpha") && unsaid.errors.contains("timetiles"), "\(unsaid)")
        let byOption = try await world.program.run("backup", "--dry-run", "-p", "alpha")
        #expect(byOption.output.contains("profile alpha"), "\(byOption)")
        let byPath = try await world.program.run("backup", "--dry-run", "-p", world.folder["config/alpha.yaml"])
        #expect(byPath.output.contains("profile alpha"), "\(byPath)")
        let byVariable = try await world.program.run(
            "backup", "--dry-run", environment: ["HOLDFAST_PROFILE": "timetiles"])
        #expect(byVariable.output.contains("profile timetiles"), "\(byVariable)")

        let link = world.folder["bin/timetiles"]
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: world.program.path)
        var program = world.program
        program.path = link
        world = World(program: program)
        let byName = try await world.program.run("backup")
        #expect(byName.code == 0 && byName.errors.contains("profile timetiles"), "\(byName)")
        #expect(FileManager.default.fileExists(atPath: world.folder["timetiles/config"]))
    }

    @Test(.timeLimit(.minutes(5)))
    func `profiles are listed, checked and shown without their secrets`() async throws {
        let world = try world()
        try world.folder.write("profile: broken\nsourcs: {}\n", to: "config/broken.yaml")
        let list = try await world.program.run("profile", "list", "--json").document()
        #expect(list.objects("profiles").map { $0.text("name") } == ["alpha", "broken", "timetiles"])
        #expect(list.objects("profiles").map { $0.texts("problems").isEmpty } == [true, false, true])
        #expect(try await world.program.run("profile", "check", "-p", "alpha").code == 0)
        let named = try await world.program.run("profile", "check", "alpha")
        #expect(named.code == 0 && named.output.contains("alpha.yaml: ok"), "\(named)")
        #expect(try await world.program.run("profile", "check", world.folder["config/broken.yaml"]).code == 78)
        let shown = try await world.program.run("profile", "show", "-p", "alpha")
        #expect(shown.code == 0 && shown.output.contains("env:RESTIC_PASSWORD"), "\(shown)")
        #expect(!shown.output.contains("correct horse"))
        #expect(shown.output.contains("alpha.yaml:"), "each value's place: \(shown)")
        let document = try await world.program.run("profile", "show", "-p", "alpha", "--json").document()
        #expect(document.text("profile") == "alpha" || !document.isEmpty)
    }

    @Test(.timeLimit(.minutes(5)), .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/python3")))
    func `a new profile finds what is there, passes the check and takes a backup`() async throws {
        let world = try World("new")
        try await makeDatabase(world.folder["documents/app.db"], world)
        let new = try await world.program.run(
            "profile", "new", world.documents, "--name", "fresh", "--repository", world.program.repository)
        #expect(new.code == 0 && new.output.contains(world.documents), "\(new)")
        try world.folder.write(new.output, to: "config/fresh.yaml")
        let check = try await world.program.run("profile", "check")
        #expect(check.code == 0, "\(check)\n\(new.output)")
        let backup = try await world.program.run("backup")
        #expect(backup.code == 0, "\(backup)\n\(new.output)")
        let restore = try await world.program.run("restore", "latest", "--to", world.folder["r"], "--yes")
        #expect(restore.code == 0, "\(restore)")
    }

    private func makeDatabase(_ path: String, _ world: World) async throws {
        let made = try await world.program.runTool("sqlite3", path, "CREATE TABLE t (x); INSERT INTO t VALUES (1);")
        try #require(made.code == 0, "\(made)")
    }

    @Test(.timeLimit(.minutes(5)), .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/python3")))
    func `the schema is one that a validator accepts, and it accepts every ready profile`() async throws {
        let program = try HoldfastProgram("schema")
        let schema = try await program.run("profile", "schema")
        #expect(schema.code == 0)
        try program.folder.write(schema.output, to: "schema.json")
        let validated = try await program.runTool(
            "/usr/bin/python3", "-c",
            """
            import glob, json, re, sys, yaml, jsonschema
            # YAML 1.2, as the loader and editors read it: `on` is a word.
            class Core(yaml.SafeLoader):
                yaml_implicit_resolvers = {
                    first: [(tag, form) for tag, form in known if not tag.endswith(":bool")]
                    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()}
            Core.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf"))
            schema = json.load(open(sys.argv[1]))
            kind = jsonschema.validators.validator_for(schema)
            kind.check_schema(schema)
            validator = kind(schema)
            files = sorted(glob.glob(sys.argv[2] + "/profiles/**/*.yaml", recursive=True))
            for file in files:
                for error in validator.iter_errors(yaml.load(open(file), Loader=Core)):
                    print(file, list(error.path), error.message)
            assert len(files) > 0
            wrong = {"profile": "x", "sources": {"a": {"fils": "/b"}}, "retention": {"daily": "many"}}
            assert not validator.is_valid(wrong)
            """, program.folder["schema.json"], RealTools.packageRoot)
        #expect(validated.code == 0 && validated.output == "", "\(validated)")
    }
}
