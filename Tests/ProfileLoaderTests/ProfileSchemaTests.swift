import BackupModel
import Foundation
import ProfileLoader
import TestSupport
import Testing

/// The schema before a validator that knows nothing of us: Python's `jsonschema`.
struct ProfileSchemaTests {
    private static let schema = ProfileSchema.json(
        sources: RealProfilesTests.sources, repositories: RealProfilesTests.repositories,
        notifiers: RealProfilesTests.notifiers)

    private static func python(
        _ arguments: [String], by name: String = validator ?? "python3"
    ) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [name] + arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }

    /// A Python of another origin may come first on the search path; the distribution's modules are for its own.
    private static let validator = ["python3", "/usr/bin/python3"].first { name in
        ((try? python(["-c", "import jsonschema, yaml"], by: name).status) ?? 1) == 0
    }

    static let hasValidator = validator != nil

    private static let script = """
        import json, sys, yaml, jsonschema
        schema = json.load(open(sys.argv[1]))
        jsonschema.Draft202012Validator.check_schema(schema)
        validator = jsonschema.Draft202012Validator(schema)
        # YAML 1.2, as the loader and editors read it: `on` is a word.
        class Core(yaml.SafeLoader):
            yaml_implicit_resolvers = {
                first: [(tag, form) for tag, form in known if not tag.endswith(":bool")]
                for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()}
        Core.add_implicit_resolver(
            "tag:yaml.org,2002:bool", __import__("re").compile("^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
        for path in sys.argv[2:]:
            errors = sorted(validator.iter_errors(yaml.load(open(path), Loader=Core)), key=str)
            print(path.rsplit("/", 1)[1], "well" if not errors else errors[0].json_path)
        """

    /// File name to `well` or the path of the first error.
    private func validate(_ paths: [String]) throws -> [String: String] {
        let scratch = try ScratchFolder("schema")
        let schema = try scratch.write(Self.schema, to: "schema.json")
        let (status, output) = try Self.python([try scratch.write(Self.script, to: "validate.py"), schema] + paths)
        #expect(status == 0, "\(output)")
        return Dictionary(
            uniqueKeysWithValues: output.split(separator: "\n").compactMap { line in
                let words = line.split(separator: " ", maxSplits: 1)
                return words.count == 2 ? (String(words[0]), String(words[1])) : nil
            })
    }

    @Test(.enabled(if: hasValidator, "python3-jsonschema and python3-yaml are not installed"))
    func `it is a schema, and accepts every shipped profile`() throws {
        let results = try validate(RealProfilesTests.files.map { "\(RealProfilesTests.folder)/\($0).yaml" })
        #expect(results == Dictionary(uniqueKeysWithValues: RealProfilesTests.files.map { ($0 + ".yaml", "well") }))
    }

    @Test(.enabled(if: hasValidator, "python3-jsonschema and python3-yaml are not installed"))
    func `it refuses what the loader refuses`() throws {
        let scratch = try ScratchFolder("wrong")
        let whole = "sources: { a: { files: /x } }\nrepositories: { r: { restic: /r, password: 'env:P' } }\n"
        let wrong = [
            "unknown": whole + "nise: 1\n", "type": whole + "nice: lots\n", "range": whole + "nice: 20\n",
            "empty": "profile: a\n",
            "kindless": whole.replacingOccurrences(of: "files: /x", with: "description: y"),
            "two-kinds": whole.replacingOccurrences(of: "files: /x", with: "files: /x, postgres: y"),
            "secret": whole.replacingOccurrences(of: "env:P", with: "hunter2"),
            "no-password": whole.replacingOccurrences(of: ", password: 'env:P'", with: ""),
            "name": whole.replacingOccurrences(of: "a: {", with: "'a,b': {"),
            "inside": whole.replacingOccurrences(of: "files: /x", with: "files: { path: /x }"),
            "duration": whole + "lock-wait: 5\n",
            // Readers of YAML 1.1 take a bare `on` for a boolean.
            "notify-on": whole + "notify: [{ command: [a], 'on': [sometimes] }]\n",
            "notify-key": whole + "notify: { command: [a], maual: true }\n",
            "notify-command": whole + "notify: [{ command: { run: a } }]\n",
            "required": whole.replacingOccurrences(of: "files: /x", with: "files: { exclude: x }"),
        ]
        var paths: [String] = []
        for (name, text) in wrong {
            paths.append(try scratch.write(text, to: name + ".yaml"))
            #expect(!RealProfilesTests.loader().problems(in: paths[paths.count - 1]).isEmpty, "\(name)")
        }
        let right = [
            "plain": whole,
            "removal": "extends: base.yaml\nnice: ~\nsources: { a: ~, b: { files: null, sqlite: /x } }\n",
            "base": "abstract: true\nnice: 1\n",
            "child": "extends: base.yaml\nsources: { a: { files: { exclude: x } } }\n",
            "notify": whole
                + "notify: [{ slack: file:/x, 'on': [overdue] }, { command: a, 'on': failed, manual: true, time-limit: 5s }]\n",
            "notify-alone": whole + "notify: { command: [a, b], name: phone, when: '${X}' }\n",
            "variables": whole + "nice: '${N}'\nlock-wait: ${W:-5s}\nretention: { daily: '${D}' }\n",
        ]
        for (name, text) in right { paths.append(try scratch.write(text, to: name + ".yaml")) }
        let results = try validate(paths)
        for name in wrong.keys { #expect(results[name + ".yaml"]?.hasPrefix("$") == true, "\(name): \(results)") }
        for name in right.keys { #expect(results[name + ".yaml"] == "well", "\(name): \(results)") }
    }

    @Test func `it is the same every time`() {
        let again = ProfileSchema.json(
            sources: RealProfilesTests.sources, repositories: RealProfilesTests.repositories,
            notifiers: RealProfilesTests.notifiers)
        #expect(again == Self.schema)
        #expect(Self.schema.hasSuffix("}\n"))
    }
}
