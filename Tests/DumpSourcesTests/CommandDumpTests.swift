import BackupModel
import DumpSources
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct `Commands as sources` {
    let bench: Bench
    init() throws { bench = try Bench() }

    private func content(_ report: PartReport) throws -> String {
        try String(contentsOfFile: bench.store.file(report.path), encoding: .utf8)
    }

    @Test func `what a command prints is stored and comes back`() async throws {
        let source = try bench.source(
            "command",
            settings(
                ("run", ["sh", "-c", "echo \"$ONE $TWO $PWD\""]), ("name", "x.txt"),
                ("environment", settings(("ONE", "plain"), ("TWO", "env:CANARY"))), ("directory", "/usr")))
        let preview = try await source.preflight(bench.context)
        #expect(preview.parts == [PartPath(rawValue: "/command/x.txt")])
        let report = try #require(try await bench.capture(source).first)
        #expect(try content(report) == "plain s3cr:et\\pw /usr\n")
        let part = try #require(bench.store.parts.first)
        guard case .stream(let command) = part.content else {
            Issue.record("it was not streamed")
            return
        }
        #expect(!command.displayed.contains("s3cr") && !command.environment.values.contains { $0.contains("s3cr") })
        #expect(command.whenOrphaned == .leave)
        #expect(!part.bytesAreExact)
        let restored = try await bench.restore(report, with: source)
        #expect(try String(contentsOfFile: restored.place, encoding: .utf8) == content(report))
        #expect(!restored.unproven.isEmpty)
        await #expect { try await bench.restore(report, with: source) } throws: { isCase($0, "targetExists") }
    }

    @Test func `a command that fails, prints nothing or is not there is no backup`() async throws {
        for (script, name) in [
            ("echo half; exit 3", "producerFailed"), ("exit 0", "producedNothing"), ("kill -9 $$", "producerFailed"),
        ] {
            let source = try bench.source("command", settings(("run", ["sh", "-c", script])))
            await #expect { try await bench.capture(source) } throws: {
                guard case .repository(let error)? = $0 as? SourceError else { return false }
                return Mirror(reflecting: error).children.first?.label == name
            }
        }
        let absent = try bench.source("command", settings(("run", ["no-such-program-at-all"])))
        await #expect { try await absent.preflight(bench.context) } throws: { isCase($0, "tool") }
    }

    @Test func `a file that a command writes is stored, and must be new`() async throws {
        let source = try bench.source(
            "command",
            settings(("run", ["sh", "-c", "echo fresh > \"$1\"", "sh", "{scratch}/out"]), ("writes", "{scratch}/out")))
        let report = try #require(try await bench.capture(source).first)
        #expect(try content(report) == "fresh\n")
        #expect(report.path.rawValue == "/command/it.dump")

        let old = try bench.folder.write("old", to: "old.dump")
        let cases = [
            ("true", "toolFailed"), ("rm -f '\(old)'", "toolFailed"), (": > '\(old)'", "producedNothing"),
            ("echo x > '\(old)'; exit 1", "toolFailed"),
        ]
        for (script, name) in cases {
            let stale = try bench.source("command", settings(("run", ["sh", "-c", script]), ("writes", old)))
            await #expect { try await bench.capture(stale) } throws: { isCase($0, name) }
        }
        #expect(bench.store.parts.count == 1)
    }

    @Test func `a command that takes too long is stopped`() async throws {
        let source = try bench.source(
            "command", settings(("run", ["sleep", "60"]), ("writes", "{scratch}/out"), ("time-limit", "1s")))
        let started = ContinuousClock.now
        await #expect { try await bench.capture(source) } throws: { isCase($0, "timedOut") }
        #expect(ContinuousClock.now - started < .seconds(50))
    }

    @Test func `a program beside the profile is found from there`() async throws {
        try bench.folder.write("#!/bin/sh\necho \"$PWD\"\n", to: "dump.sh", mode: 0o700)
        let source = try bench.source("command", settings(("run", ["./dump.sh"])))
        let report = try #require(try await bench.capture(source).first)
        #expect(try content(report) == bench.folder.path + "\n")
    }
}
