import Foundation
import TestSupport
import Testing

/// A repository that plain restic uses too.
@Suite("Snapshots of other tools", .enabled(if: !RealTools.restics.isEmpty))
struct ForeignSnapshotTests {
    @Test(.timeLimit(.minutes(5)), arguments: RealTools.oldestAndNewest)
    func `they are adopted, listed, restored by their id and left alone by retention`(
        restic: RealTools.Restic
    ) async throws {
        let world = try World("foreign", restic: restic, isNew: true)
        try world.writeDocumentsProfile("retention: { last: 1 }")
        let made = try await world.program.runTool(
            "sh", "-c",
            """
            export RESTIC_REPOSITORY="$1"
            restic init && restic backup --tag mine "$2" && echo other > "$2/one.txt" && restic backup --host elsewhere "$2"
            """, "sh", world.program.repository, world.documents)
        try #require(made.code == 0, "\(made)")

        let adopted = try await world.program.run("repository", "adopt", "--json")
        #expect(adopted.code == 0, "\(adopted)")
        let foreign = try adopted.document().objects("foreign")
        #expect(foreign.count == 2 && foreign.allSatisfy { $0.lacks("id", "time", "host", "paths", "tags") == [] })
        #expect(try await world.points() == [], "they are no restore points of ours")
        let mine = try #require(foreign.first { $0.texts("tags") == ["mine"] }).text("id")

        try await world.backUp()
        try await world.backUp()
        #expect(try await world.program.run("backup", "prune").code == 0)
        let plain = try await world.program.run("backup", "list")
        #expect(!plain.output.contains(mine.prefix(8)), "\(plain)")
        let all = try await world.program.run("backup", "list", "--all")
        #expect(all.output.contains(mine.prefix(8)) && all.output.contains("elsewhere"), "\(all)")
        let left = try await world.program.runTool("restic", "snapshots", "--json", "--repo", world.program.repository)
        #expect(left.output.contains(mine), "retention never touches them")

        let restore = try await world.program.run(
            "restore", String(mine.prefix(8)), "--to", world.folder["r"], "--yes")
        #expect(restore.code == 0, "\(restore)")
        #expect(restore.errors.contains("warning: "), "that nothing is known of it is said: \(restore)")
        let found = try await world.program.runTool(
            "find", world.folder["r"], "-name", "one.txt", "-exec", "cat", "{}", "+")
        #expect(found.output == "one\n")
    }
}
