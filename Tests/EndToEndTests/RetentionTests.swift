import Foundation
import TestSupport
import Testing

/// What goes, what stays, and what is said about it.
@Suite("Retention in use", .enabled(if: !RealTools.restics.isEmpty))
struct RetentionInUseTests {
    @Test(.timeLimit(.minutes(5)), arguments: RealTools.oldestAndNewest)
    func `a policy that would take most of a group at once is held back until the operator says so`(
        restic: RealTools.Restic
    ) async throws {
        let world = try World("most", restic: restic)
        try world.writeDocumentsProfile()
        for _ in 1...7 { try await world.backUp() }
        try world.writeDocumentsProfile("retention: { last: 1 }")
        let preview = try await world.program.run("backup", "prune", "--dry-run")
        #expect(preview.code == 0 && preview.output.contains("left alone"), "\(preview)")
        let held = try await world.program.run("backup", "prune")
        #expect(held.code == 0 && held.output.contains("left alone"), "\(held)")
        #expect(try await world.points().count == 7)
        let allowed = try await world.program.run("backup", "prune", "--allow-removal", "6")
        #expect(allowed.code == 0, "\(allowed)")
        #expect(try await world.points().count == 1)
        let left = try await world.program.runTool("restic", "snapshots", "--json", "--repo", world.program.repository)
        #expect(left.output.components(separatedBy: "\"short_id\"").count == 3, "one part, one manifest: \(left)")
        let check = try await world.program.runTool("restic", "check", "--repo", world.program.repository)
        #expect(check.code == 0, "\(check)")
    }

    @Test(.timeLimit(.minutes(5)))
    func `a backup with a reason is kept apart from the regular ones`() async throws {
        let world = try World("reason")
        try world.writeDocumentsProfile("retention: { last: 1 }\nnotify: [{ pigeon: loft }]")
        let special = try await world.backUp("--reason", "Pre deploy", "--tag", "v1.2")
        try await world.backUp()
        let last = try await world.program.run("backup")
        #expect(last.code == 0 && last.errors.contains("this version does not act on `notify`"), "\(last)")
        let points = try await world.points()
        #expect(points.count == 2 && points.last == special.text("run"), "\(points)")
        let list = try await world.program.run("backup", "list")
        #expect(list.output.contains("(pre-deploy)"), "\(list)")
        let tagged = try await world.program.runTool(
            "restic", "snapshots", "--json", "--tag", "v1.2", "--repo", world.program.repository)
        #expect(tagged.output.contains("source:documents"), "\(tagged)")
    }

    @Test(.timeLimit(.minutes(5)))
    func `a run with a gap removes nothing`() async throws {
        let world = try World("gap")
        try world.folder.write("other\n", to: "other/o.txt")
        try world.writeProfile(
            "  documents: { files: \"\(world.documents)\" }\n  other: { files: \"\(world.folder["other"])\" }",
            "retention: { last: 1 }")
        let whole = try await world.backUp()
        try FileManager.default.removeItem(atPath: world.folder["other"])
        let run = try await world.program.run("backup")
        #expect(run.code == 1 && run.errors.contains("retention removed nothing"), "\(run)")
        #expect(try await world.points().last == whole.text("run"))
    }
}
