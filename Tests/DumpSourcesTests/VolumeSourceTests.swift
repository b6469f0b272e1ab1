import BackupModel
import DumpSources
import Foundation
import TestSupport
import Testing

/// With an engine that is a script: what it says is what the real ones say.
struct `Volumes` {
    let bench: Bench

    init() throws { bench = try Bench() }

    private func bench(docker: String? = nil, podman: String? = nil) throws -> Bench {
        let tools = bench.folder["tools"]
        try FileManager.default.createDirectory(atPath: tools, withIntermediateDirectories: true)
        for (name, script) in [("docker", docker), ("podman", podman)] {
            if let script { try bench.folder.write("#!/bin/sh\n\(script)\n", to: "tools/\(name)", mode: 0o755) }
        }
        // Not all of the system's programs: there may be an engine among them.
        for program in ["sqlite3", "true"] {
            try FileManager.default.createSymbolicLink(
                atPath: "\(tools)/\(program)", withDestinationPath: "/usr/bin/\(program)")
        }
        return try Bench(path: tools)
    }

    private func answering(_ volume: String, at path: String) -> String {
        """
        case "$*" in
        "volume inspect -- \(volume)") echo '[{"Name": "\(volume)", "Driver": "local", "Mountpoint": "\(path)"}]';;
        "volume ls --quiet") echo \(volume); echo other;;
        *) echo "[]"; echo "Error: inspecting object: no such volume $4" >&2; exit 125;;
        esac
        """
    }

    private static let noDaemon =
        "echo '[]'; echo 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?' >&2; exit 1"

    @Test func `is read where it lies, whichever engine has it`() async throws {
        let place = (try bench.folder.write("x", to: "data/one.txt") as NSString).deletingLastPathComponent
        let bench = try bench(docker: Self.noDaemon, podman: answering("app_uploads", at: place))
        let source = try bench.source(
            "volume", settings(("name", "app_uploads"), ("exclude", ["*.tmp", "/cache"]), ("allow-empty", false)))
        let preview = try await source.preflight(bench.context)
        #expect(preview.summary == "volume app_uploads of podman at \(place)")
        #expect(preview.paths == [place])
        let report = try #require(try await bench.capture(source).first)
        #expect(report.path.rawValue == "/")
        #expect(report.restoreNotes["volume"] == "app_uploads" && report.restoreNotes["engine"] == "podman")
        let selection = try #require(bench.store.selection)
        #expect(selection.roots == [place])
        #expect(selection.excludes == ["*.tmp", "\(place)/cache"])
    }

    @Test func `by its name alone, with a live database in it copied consistently`() async throws {
        try bench.folder.write("x", to: "data/one.txt")
        let place = bench.folder["data"]
        let database = try BusySQLite(at: "\(place)/app.db")
        defer { database.stop() }
        let bench = try bench(podman: answering("app_data", at: place))
        let source = try bench.source("volume", ConfigValue(.string("app_data"), at: settings().location))
        let reports = try await bench.capture(source)
        let selection = try #require(bench.store.selection)
        #expect(selection.substitutes.keys.contains("\(place)/app.db") || reports.count == 2)
    }

    @Test func `that is missing names the nearest, and that no engine knows says why`() async throws {
        let bench = try bench(podman: answering("app_uploads", at: "/nowhere"))
        let typo = try bench.source("volume", settings(("name", "app_upload")))
        await #expect { try await typo.preflight(bench.context) } throws: {
            isCase($0, "missing") && ($0 as? SourceError)?.hint == "did you mean `app_uploads`?"
        }
        let far = try bench.source("volume", settings(("name", "zzzzzzzzzzzz")))
        await #expect { try await far.preflight(bench.context) } throws: {
            ($0 as? SourceError)?.hint == "there are: app_uploads, other"
        }
        let elsewhere = try bench.source("volume", settings(("name", "app_uploads")))
        await #expect { try await elsewhere.preflight(bench.context) } throws: {
            isCase($0, "missing") && ($0 as? SourceError)?.hint?.contains("another machine") == true
        }
        let docker = try bench.source("volume", settings(("name", "app_uploads"), ("engine", "docker")))
        await #expect { try await docker.preflight(bench.context) } throws: { isCase($0, "tool") }
    }

    @Test func `of an engine that does not answer, or is not installed, is an error that says so`() async throws {
        let deaf = try bench(docker: Self.noDaemon)
        await #expect { try await deaf.source("volume", settings(("name", "a"))).preflight(deaf.context) } throws: {
            isCase($0, "unreachable") && "\($0)".contains("Docker daemon")
        }
        let none = try Bench(path: bench.folder["nothing"])
        await #expect { try await none.source("volume", settings(("name", "a"))).preflight(none.context) } throws: {
            "\($0)".contains("docker or podman")
        }
    }

    @Test(arguments: ["", "-x", "a b", "/srv/data", "a/b"])
    func `with a name that no volume can have is refused`(name: String) throws {
        #expect(throws: SourceError.self) { try bench.source("volume", settings(("name", name))) }
    }
}

@Suite(.enabled(if: ContainerizedPostgres.isPossible, "this machine cannot run containers"))
struct `A volume of podman's` {
    @Test func `is found and read where it lies`() async throws {
        let bench = try Bench()
        let name = "holdfast_test_\(UUID().uuidString.prefix(8).lowercased())"
        try ContainerizedPostgres.run(["podman", "volume", "create", name])
        defer { _ = try? ContainerizedPostgres.run(["podman", "volume", "rm", "--force", name]) }
        let place = try ContainerizedPostgres.run(["podman", "volume", "inspect", "--format", "{{.Mountpoint}}", name])
        let source = try bench.source("volume", settings(("name", name)))
        await #expect { try await source.preflight(bench.context) } throws: { isCase($0, "empty") }
        try "hello".write(toFile: "\(place)/hello.txt", atomically: true, encoding: .utf8)
        #expect(try await source.preflight(bench.context).estimatedFiles == 1)
        _ = try await bench.capture(source)
        #expect(bench.store.selection?.roots == [place])
        let lost = try bench.source("volume", settings(("name", name + "x"), ("engine", "podman")))
        await #expect { try await lost.preflight(bench.context) } throws: {
            ($0 as? SourceError)?.hint == "did you mean `\(name)`?"
        }
    }
}
