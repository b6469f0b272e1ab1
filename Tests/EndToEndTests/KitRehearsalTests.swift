import Foundation
import TestSupport
import Testing

/// Whether a sheet's own lines do what they say, tried out before they are needed.
@Suite struct KitRehearsalTests {
    @Test func `a rehearsal carries out the sheet itself, proves each part, and leaves nothing`() async throws {
        let scene = try await KitScene(
            "{ archive: FOLDER/repository, encrypt: openssl, compress: gzip, password: file:FOLDER/password }")
        let (program, folder) = (scene.world.program, scene.folder)
        try await scene.world.backUp()
        try await scene.kit()
        func scratch() throws -> [String] {
            try FileManager.default.contentsOfDirectory(atPath: program.state + "/scratch")
                + FileManager.default.subpathsOfDirectory(atPath: program.state + "/journal").filter { $0 != "test" }
        }
        for sheet in [[], [folder["kit.sh"]]] {
            let good = try await program.run(["kit", "rehearse"] + sheet)
            #expect(good.code == 0 && good.output.contains("documents: 3 files"), "\(good)")
            #expect(good.output.contains("brought 3 parts of local back"), "\(good)")
            #expect(try scratch().isEmpty)
        }
        let json = try await program.run("kit", "rehearse", "--json")
        let last = try #require(json.output.components(separatedBy: "\n{\n").last)
        #expect(json.code == 0 && last.contains("\"proven\": true"), "\(json)")

        // What the sheet says and what is there must both be so.
        let text = try String(contentsOfFile: folder["kit.sh"], encoding: .utf8)
        try folder.write(text.replacing("openssl enc", with: "true; openssl enc"), to: "altered.sh")
        let altered = try await program.run("kit", "rehearse", folder["altered.sh"])
        #expect(altered.code == 65 && altered.errors.contains("was changed"), "\(altered)")
        let files = try FileManager.default.subpathsOfDirectory(atPath: folder["repository"])
        let numbers = try #require(files.first { $0.contains("numbers") })
        try folder.write("noise", to: "repository/" + numbers)
        let bad = try await program.run("kit", "rehearse", folder["kit.sh"])
        #expect(bad.code == 5 && bad.output.contains("numbers /command/all <numbers> & it's.txt: NOT PROVEN"), "\(bad)")
        #expect(bad.output.contains("documents: 3 files") && !bad.said.contains("correct horse"), "\(bad)")
        #expect(try scratch().isEmpty)
    }

    @Test func `what a rehearsal that was killed left is swept by the next run`() async throws {
        let scene = try await KitScene("{ rsync: FOLDER/repository }")
        let program = scene.world.program
        try await scene.world.backUp()
        try program.writeTool("dd", "touch \"$HOME/reached\"; exec sleep 60")
        let running = try program.start(["kit", "rehearse"])
        let scratch = program.state + "/scratch"
        let reached = try await running.wait {
            try FileManager.default.subpathsOfDirectory(atPath: scratch).contains { $0.hasSuffix("home/reached") }
        }
        #expect(reached, "\(running.output)\(running.errors)")
        running.signal(SIGKILL)
        _ = await running.result()
        try FileManager.default.removeItem(atPath: program.toolFolder + "/dd")
        let recovered = try await program.run("recover")
        #expect(recovered.code == 0, "\(recovered)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch).isEmpty, "\(recovered)")
    }
}
