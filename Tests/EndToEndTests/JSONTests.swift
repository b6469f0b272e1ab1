import Foundation
import TestSupport
import Testing

/// Every `--json` is one document or JSON lines, with the keys that are promised.
@Suite("JSON", .enabled(if: !RealTools.restics.isEmpty))
struct JSONTests {
    private static let runKeys = [
        "run", "profile", "operation", "outcome", "started", "finished", "seconds", "user", "reason", "trigger",
        "parts",
        "gaps", "void", "notices", "failures",
    ]

    @Test(.timeLimit(.minutes(5)))
    func `documents have the keys that are promised`() async throws {
        let world = try World("json")
        try world.writeDocumentsProfile("retention: { last: 2 }")
        try await world.backUp()
        let promised: [(arguments: [String], keys: [String])] = [
            (
                ["backup", "--dry-run"],
                ["profile", "dryRun", "sources", "destination", "destinationState", "retention", "problems"]
            ),
            (["backup", "list"], ["profile", "repository", "points", "incomplete", "foreign", "notices"]),
            (["show"], Self.runKeys + ["steps", "tools", "toolStarts", "pid", "profileDigest", "rebuilt"]),
            (["history"], ["runs"]), (["why"], ["run", "outcome", "reasons"]),
            (["doctor"], ["profile", "findings", "access"]),
            (["repository", "list"], ["repositories"]), (["repository", "unlock"], ["removed", "left"]),
            (["repository", "adopt"], ["restorePoints", "foreign"]), (["profile", "list"], ["searched", "profiles"]),
            (["profile", "check"], ["files"]),
            (["profile", "show"], ["profile", "path", "files", "values", "ignored"]),
            (
                ["restore", "latest", "--to", world.folder["r"], "--dry-run"],
                ["event", "run", "items", "warnings", "bytes"]
            ),
        ]
        for (arguments, keys) in promised {
            let result = try await world.program.run(arguments + ["--json"])
            #expect(result.code == 0 && result.errors == "", "\(result)")
            let document = try result.document()
            #expect(keys.filter { document[$0] == nil } == [], "\(result)")
        }
        let point = try await world.program.run("backup", "list", "--json").document().objects("points").first
        #expect(point?.lacks("run", "time", "host", "class", "bytes", "mixed", "entries", "gaps") == [])
        let part = point?.objects("entries").first?.object("part")
        #expect(part?.lacks("source", "kind", "part", "snapshot", "captured", "condition", "bytes", "facts") == [])
    }

    @Test(.timeLimit(.minutes(5)))
    func `work is told in lines, and its record comes as it is kept`() async throws {
        let world = try World("lines")
        try world.writeDocumentsProfile("retention: { last: 2 }")
        let promised: [(arguments: [String], events: [String])] = [
            (["backup"], ["began", "stepBegan", "stepEnded", "partStored", "ended"]),
            (["backup", "verify"], ["began", "ended", "verified"]),
            (["backup", "verify", "--data", "50%"], ["began", "ended", "verified"]),
            (["backup", "verify", "--scrub"], ["began", "ended", "verified"]),
            (["backup", "prune", "--dry-run"], ["began", "ended", "retention"]), (["recover"], ["began", "ended"]),
            (["restore", "latest", "--to", world.folder["r"], "--yes"], ["plan", "began", "ended", "restored"]),
        ]
        for (arguments, events) in promised {
            let result = try await world.program.run(arguments + ["--json"])
            #expect(result.code == 0 && result.errors == "", "\(result)")
            let found = Set(try result.lines().map { $0.text("event") })
            #expect(Set(events).isSubset(of: found), "\(result)")
            let record = try result.record()
            #expect(Self.runKeys.filter { record[$0] == nil } == [], "\(result)")
        }
        let entries = try await world.program.run("ls", "--json").lines()
        #expect(entries.count > 2 && entries.allSatisfy { $0.lacks("path", "type", "size", "modified") == [] })
        let lost = try await world.program.run("restore", "0000", "--to", world.folder["x"], "--yes", "--json")
        #expect(lost.code == 1)
        #expect(try lost.document().object("error").lacks("message", "hint", "kind") == [])
    }
}
