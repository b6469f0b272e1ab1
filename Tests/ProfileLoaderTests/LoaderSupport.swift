import BackupModel
import Foundation
import ProfileLoader
import TestSupport

/// Kinds that resemble the real ones, so that these tests stand on their own.
enum StandIn {
    static let files = KindDescriptor(
        kind: "files", summary: "Folders and files.",
        shape: .either([
            .path, .list(.path),
            .object([
                KeyDescriptor("paths", .list(.path), "What to capture.", required: true, refusesSecrets: true),
                KeyDescriptor("exclude", .list(.string), "What to leave out."),
                KeyDescriptor("exclude-caches", .boolean, "Leaves caches out.", default: "false"),
                KeyDescriptor("larger-than", .byteCount, "Leaves larger files out."),
                KeyDescriptor("mounted", .either([.boolean, .path, .list(.path)]), "Must be mounted."),
                KeyDescriptor(
                    "sqlite", .choice(["consistent", "warn", "raw"]), "Databases inside.", default: "consistent"),
            ]),
        ]), example: "files: { paths: [/srv/app] }")

    static let postgres = KindDescriptor(
        kind: "postgres", summary: "A PostgreSQL database.",
        shape: .either([
            .string,
            .object([
                KeyDescriptor("database", .string, "Its name."),
                KeyDescriptor("port", .integer(1...65_535), "The port.", default: "5432"),
                KeyDescriptor("password", .secret, "The password."),
                KeyDescriptor("lock-wait", .duration, "How long to wait.", default: "60s"),
                KeyDescriptor("through", .anything, "Later.", ignored: true),
            ]),
        ]), example: "postgres: { database: app }",
        check: { entry in
            guard let value = entry["postgres"], value.text == nil, value["database"] == nil else { return [] }
            return [ConfigProblem(at: value.location, keyPath: "postgres", message: "names no database")]
        })

    static let command = KindDescriptor(
        kind: "command", summary: "A program's output.",
        shape: .either([
            .list(.string),
            .object([
                KeyDescriptor("run", .list(.string), "The program.", required: true, refusesSecrets: true),
                KeyDescriptor("environment", .dictionary(.either([.secret, .string])), "Variables."),
            ]),
        ]), example: "command: [/bin/true]")

    static let restic = KindDescriptor(
        kind: "restic", summary: "A restic repository.", shape: .string,
        siblingKeys: [
            KeyDescriptor("password", .secret, "Its password.", required: true),
            KeyDescriptor("environment", .dictionary(.either([.secret, .string])), "Variables for restic."),
        ], example: "restic: /srv/repo\npassword: file:/etc/holdfast/password")
}

/// A loader over a folder of the test's own.
struct LoaderFixture {
    let folder: ScratchFolder
    var environment: [String: String] = [:]

    init(_ environment: [String: String] = [:]) throws {
        folder = try ScratchFolder("profiles")
        self.environment = environment
    }

    var loader: ProfileLoader {
        ProfileLoader(
            sources: [StandIn.files, StandIn.postgres, StandIn.command], repositories: [StandIn.restic],
            environment: environment, home: "/home/op", hostName: "testhost")
    }

    func load(_ text: String, as name: String = "app.yaml") throws -> LoadedProfile {
        try loader.load(folder.write(text, to: name))
    }

    func problems(_ text: String, as name: String = "app.yaml") throws -> [ConfigProblem] {
        try loader.problems(in: folder.write(text, to: name))
    }

    /// Each problem without the folder: `app.yaml:3:5: sources.db: …`.
    func messages(_ text: String, as name: String = "app.yaml") throws -> [String] {
        try problems(text, as: name).map { $0.description.replacingOccurrences(of: folder.path + "/", with: "") }
    }
}

/// A profile that is well, to be varied by tests.
let plainProfile = """
    profile: app
    sources:
      files:
        files: { paths: [/srv/app] }
    repositories:
      local:
        restic: /srv/repo
        password: env:RESTIC_PASSWORD
    """
