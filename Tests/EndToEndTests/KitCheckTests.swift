import Foundation
import TestSupport
import Testing

/// Whether a sheet of long ago still fits.
@Suite struct KitCheckTests {
    @Test func `a sheet is stale when a source, a snapshot or its own text is not what it was`() async throws {
        let scene = try await KitScene("{ restic: FOLDER/repository, password: file:FOLDER/password }")
        let (program, folder) = (scene.world.program, scene.folder)
        try await scene.world.backUp()
        try await scene.kit()
        let page = try await program.run("kit", "--format", "html", "--output", folder["kit.html"])
        #expect(page.code == 0, "\(page)")
        for sheet in ["kit.sh", "kit.html"] {
            let fits = try await program.run("kit", "--check", folder[sheet])
            #expect(fits.code == 0 && fits.output.contains("still fits"), "\(fits)")
        }
        let text = try String(contentsOfFile: folder["kit.sh"], encoding: .utf8)
        try folder.write(text.replacing("restic --no-lock", with: "restic  --no-lock"), to: "altered.sh")
        try folder.write(String(text.dropLast(40)), to: "cut.sh")
        for sheet in ["altered.sh", "cut.sh"] {
            let stale = try await program.run("kit", "--check", folder[sheet])
            #expect(stale.code == 5 && stale.output.contains("was changed after it was made"), "\(stale)")
        }
        let nothing = try await program.run("kit", "--check", folder["documents/hard"])
        #expect(nothing.code == 5 && nothing.errors.contains("no sheet"), "\(nothing)")
        #expect(try await program.run("kit", "--check", folder["nowhere"]).code == 64)

        let profile = try String(contentsOfFile: folder["config/test.yaml"], encoding: .utf8)
        try folder.write(
            profile.replacing("repositories:", with: "  more: { files: \"\(folder["g"])\" }\nrepositories:"),
            to: "config/test.yaml")
        let source = try await program.run("kit", "--check", folder["kit.sh"], "--json")
        #expect(try source.code == 5 && source.document()["fits"] as? Bool == false, "\(source)")
        #expect(source.output.contains("not in the sheet: source more files"), "\(source)")
        try folder.write(profile, to: "config/test.yaml")
        let snapshot = try #require(text.firstMatch(of: /ID=\(([0-9a-f]{64})\)/)?.1)
        let forgotten = try await program.runTool(
            "restic", "-r", folder["repository"], "forget", String(snapshot),
            environment: ["RESTIC_PASSWORD_FILE": folder["password"]])
        #expect(forgotten.code == 0, "\(forgotten)")
        let gone = try await program.run("kit", "--check", folder["kit.sh"])
        #expect(gone.code == 5 && gone.output.contains("gone from local: 1 snapshot"), "\(gone)")
    }
}
