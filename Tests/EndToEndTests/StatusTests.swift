import Foundation
import TestSupport
import Testing

/// How things stand, at a glance.
@Suite("Status", .enabled(if: !RealTools.restics.isEmpty))
struct StatusTests {
    private func profile(_ world: World, _ name: String, _ more: String = "") throws {
        let repository = "\(world.program.repository)-\(name)"
        if !FileManager.default.fileExists(atPath: repository) { try QuickRepository.lay(at: repository) }
        try world.program.writeProfile(
            """
            sources: { documents: { files: "\(world.documents)" } }
            repositories:
              local: { restic: "\(world.program.repository)-\(name)", password: env:RESTIC_PASSWORD }
            \(more)
            """, named: name)
    }

    @Test(.timeLimit(.minutes(3)))
    func `it tells of the last good backup, of each follower, and of a mirror's size beside our own`() async throws {
        let world = try World("status")
        try profile(
            world, "app",
            """
              nas: { restic: nas, password: env:RESTIC_PASSWORD, follows: local, by: mirror, generations: 30d }
              copy: { restic: copy, password: env:RESTIC_PASSWORD, follows: local, feed: on-request }
            retention: { last: 1 }
            """)
        let before = try await world.program.run("status")
        #expect(before.code == 0 && before.output.contains("app: no backup on record"), "\(before)")
        for number in 1...3 {
            try world.folder.write(String(repeating: "\(number)\n", count: 100_000), to: "documents/one.txt")
            let run = try await world.program.run("backup")
            #expect(run.code == 0, "\(run)")
        }
        let shown = try await world.program.run("status", environment: ["RESTIC_PASSWORD": ""])
        #expect(shown.code == 0 && shown.output.contains("app: last good backup "), "\(shown)")
        #expect(shown.output.contains("nothing behind") && shown.output.contains("copy: never fed"), "\(shown)")
        #expect(shown.output.contains("unproven") && shown.output.contains("mirror of "), "\(shown)")

        let status = try await world.program.run("status", "--json")
        let app = try #require(try status.document().objects("profiles").first)
        #expect(app.lacks("profile", "lastGood", "lastBackup", "lastVerify", "restorePoints", "bytes", "files") == [])
        let (nas, copy) = (app.objects("followers")[0], app.objects("followers")[1])
        // What was pruned here stays there.
        #expect(nas.number("behind") == 0 && nas.number("bytes") > app.number("bytes"), "\(app)")
        #expect(nas.object("generations").text("relied").hasPrefix("g-"), "\(nas)")
        #expect(copy["behind"] is NSNull && copy["bytes"] == nil, "\(copy)")

        // A repository whose disk is away hides nothing that is on record.
        try FileManager.default.moveItem(atPath: world.program.repository + "-app", toPath: world.folder["away"])
        let gone = try await world.program.run("status")
        #expect(gone.code == 0 && gone.output.contains("cannot be looked at"), "\(gone)")
        #expect(gone.output.contains("app: last good backup"), "\(gone)")
    }

    @Test(.timeLimit(.minutes(2)))
    func `without a choice it tells of all profiles`() async throws {
        let world = try World("status-all")
        for name in ["one", "two"] { try profile(world, name) }
        try world.program.writeProfile("sources: [", named: "broken")
        let run = try await world.program.run("backup", "-p", "one")
        #expect(run.code == 0, "\(run)")
        let all = try await world.program.run("status")
        #expect(
            all.code == 0 && all.output.contains("one: last good") && all.output.contains("two: no backup"), "\(all)")
        #expect(try await world.program.run("status", "-p", "two", "--json").document().objects("profiles").count == 1)
        #expect(try await world.program.run("status", "-p", "three").code != 0)
    }
}
