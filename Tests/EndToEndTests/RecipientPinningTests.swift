import Foundation
import TestSupport
import Testing

/// Whom sources are encrypted for: pinned, held to, and changed on the operator's word alone.
@Suite("Recipients", .enabled(if: !RealTools.restics.isEmpty))
struct RecipientPinningTests {
    private typealias Scene = EncryptionScene

    // MARK: - Pinning

    @Test func `an emptied, replaced, broken or missing file of recipients is refused, and nothing is stored`()
        async throws
    {
        let scene = try await Scene("  secrets: { files: FOLDER/app, \(Scene.file) }")
        let first = try await scene.program.run("backup")
        #expect(first.code == 0 && first.said.contains("pinned the recipients of source secrets"), "\(first)")
        let count = try scene.snapshots()
        func refuse(_ words: String, location: Testing.SourceLocation = #_sourceLocation) async throws {
            for command in [["backup"], ["backup", "--dry-run"], ["doctor"]] {
                let result = try await scene.program.run(command)
                #expect(result.code != 0 && result.said.contains(words), "\(result)", sourceLocation: location)
            }
            #expect(try scene.snapshots() == count, sourceLocation: location)
            let list = try await scene.program.run("key", "list")
            #expect(list.code == 65, "\(list)", sourceLocation: location)
        }
        try scene.use("r2")
        try await refuse("new: \(scene.r2), gone: \(scene.r1)")
        try scene.use("r1", "r2")
        try await refuse("new: \(scene.r2);")
        try scene.use()
        try await refuse("no recipient is named")
        try scene.folder.write("age1broken\n", to: "recipients.txt")
        try await refuse("age")
        try scene.folder.write(try World.line(scene.folder["id1"]), to: "recipients.txt")
        try await refuse("secret half")
        try FileManager.default.removeItem(atPath: scene.folder["recipients.txt"])
        try await refuse("cannot be read")
        let unknown = try await scene.program.run("key", "rotate", "--yes")
        #expect(unknown.code == 1, "\(unknown)")
        try scene.use("r1")
        try await scene.world.backUp()
        #expect(try await scene.program.run("key", "list").code == 0)
    }

    @Test func `a source whose recipients changed is refused, and the others are captured`() async throws {
        let scene = try await Scene(
            "  secrets: { files: FOLDER/app, \(Scene.file) }\n  documents: { files: FOLDER/documents }")
        try await scene.world.backUp()
        try scene.use("r2")
        let result = try await scene.program.run("backup", "--json")
        let record = try result.record()
        #expect(result.code == 65, "\(result)")
        #expect(record.objects("gaps").map { $0.text("source") } == ["secrets"])
        #expect(record.objects("parts").map { $0.text("source") } == ["documents"])
    }

    @Test func `a lost state folder lets no other recipients in`() async throws {
        let scene = try await Scene("  secrets: { files: FOLDER/app, \(Scene.file) }")
        try await scene.world.backUp()
        let count = try scene.snapshots()
        for name in ["state", "cache"] { try FileManager.default.removeItem(atPath: scene.folder[name]) }
        try scene.use("r2")
        let refused = try await scene.program.run("backup")
        #expect(refused.code == 65 && refused.said.contains("gone: \(scene.r1)"), "\(refused)")
        #expect(try scene.snapshots() == count)
        let rotated = try await scene.program.run("key", "rotate", "secrets", "--yes")
        #expect(rotated.code == 0, "\(rotated)")
        try await scene.world.backUp()
        try scene.use("r1")
        #expect(try await scene.program.run("backup").code == 65)
    }

    @Test func `a lost state folder does not let what was encrypted be stored in the clear`() async throws {
        let scene = try await Scene("  secrets: { files: FOLDER/app, \(Scene.file) }")
        try await scene.world.backUp()
        let count = try scene.snapshots()
        for name in ["state", "cache"] { try FileManager.default.removeItem(atPath: scene.folder[name]) }
        let path = scene.folder["config/test.yaml"]
        let profile = try String(contentsOfFile: path, encoding: .utf8)
        let plain = profile.replacing(/, encrypt: \{[^}]*\}/, with: "")
        try #require(plain != profile, "\(profile)")
        try scene.folder.write(plain, to: "config/test.yaml")
        let refused = try await scene.program.run("backup")
        #expect(refused.code == 65 && refused.said.contains("does not encrypt it any more"), "\(refused)")
        #expect(try scene.snapshots() == count)
    }

    // MARK: - Rotation

    @Test func `after a rotation old points open with the old key, new ones with the new, and it says until when`()
        async throws
    {
        let scene = try await Scene(
            "  secrets: { files: FOLDER/app, \(Scene.file) }",
            more: "retention: { daily: 14 }")
        let (program, folder) = (scene.program, scene.folder)
        try await scene.world.backUp()
        try scene.use("r2")
        let asked = try await program.run("key", "rotate")
        #expect(asked.code == 64 && asked.said.contains("--yes"), "\(asked)")
        let dry = try await program.run("key", "rotate", "secrets", "--dry-run")
        #expect(dry.code == 0 && dry.output.contains("NEW") && dry.output.contains("GONE"), "\(dry)")
        #expect(try await program.run("backup").code != 0)

        let rotated = try await program.run("key", "rotate", "secrets", "--yes")
        #expect(rotated.code == 0 && rotated.output.contains("kept by daily 14"), "\(rotated)")
        #expect(rotated.output.contains("not encrypted anew"), "\(rotated)")
        try await scene.world.backUp()

        let list = try await program.run("key", "list", "--json")
        #expect(list.code == 0, "\(list)")
        let subject = try #require(list.document().objects("recipients").first)
        #expect(subject.object("current").texts("keys") == [scene.r2])
        let holdings = subject.objects("restorePoints")
        #expect(holdings.map { $0["current"] as? Bool } == [true, false], "\(list)")
        #expect(
            holdings.last?.texts("runs").count == 1 && holdings.last?.text("until").hasPrefix("20") == true, "\(list)")

        let points = try await scene.world.points()
        for (point, good, bad) in [(points[1], "id1", "id2"), (points[0], "id2", "id1")] {
            let refused = try await program.run(
                "restore", point, "--to", folder["bad-\(good)"], "--yes", "--identity", folder[bad])
            #expect(refused.code == 12, "\(refused)")
            let opened = try await program.run(
                "restore", point, "--to", folder["good-\(good)"], "--yes", "--identity", folder[good])
            #expect(opened.code == 0, "\(opened)")
        }
        let same = try await program.run("key", "rotate", "--yes")
        #expect(same.code == 0 && same.output.contains("nothing changed"), "\(same)")
        let nobody = try await program.run("key", "list", "documents")
        #expect(nobody.code == 64, "\(nobody)")
    }

    @Test func `points from before a source was encrypted are told of as never going by themselves`() async throws {
        let scene = try await Scene(
            "  secrets: { files: FOLDER/app }", more: "retention: { daily: 14 }")
        try await scene.world.backUp()
        try scene.write("  secrets: { files: FOLDER/app, \(Scene.file) }", "retention: { daily: 14 }")
        try await scene.world.backUp()
        let list = try await scene.program.run("key", "list")
        #expect(list.code == 0 && list.output.contains("without any encryption of its own"), "\(list)")
        #expect(list.output.contains("never by itself"), "\(list)")
    }
}
