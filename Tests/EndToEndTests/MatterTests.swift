import Foundation
import TestSupport
import Testing

/// What somebody has to see to: it is told, retention waits, and `ack` ends it.
@Suite("Open matters", .enabled(if: !RealTools.restics.isEmpty))
struct MatterTests {
    @Test(.timeLimit(.minutes(3)), arguments: ["archive", "rsync"])
    func `a restore point that was taken away is missed, in the repository and in what follows it`(
        _ kind: String
    ) async throws {
        let world = try World("vanished")
        let settings = kind == "archive" ? "encrypt: openssl, password: env:RESTIC_PASSWORD" : "link-dest: true"
        let primary = kind == "archive" ? "{ archive: FOLDER/local, \(settings) }" : "{ rsync: FOLDER/local }"
        let follower =
            kind == "archive" ? "nas: { archive: FOLDER/nas, \(settings), follows: local }" : ""
        try world.program.writeProfile(
            """
            sources:
              documents: { files: "FOLDER/documents" }
            repositories:
              local: \(primary)
              \(follower)
            """.replacingOccurrences(of: "FOLDER", with: world.folder.path))
        let first = try await world.backUp().text("run")
        try await world.backUp()
        let places = kind == "archive" ? ["local", "nas"] : ["local"]
        for place in places {
            let verify = ["backup", "verify"] + (place == "local" ? [] : ["--from", place])
            #expect(try await world.program.run(verify).code == 0)
            let run = try oldest(in: world.folder[place])
            try FileManager.default.moveItem(atPath: world.folder[place] + "/" + run, toPath: world.folder["away"])
            _ = try await world.program.run("backup", "list", "--from", place)
            let missed = try await world.program.run(verify)
            #expect(missed.code == 65 && missed.errors.contains(first), "\(missed)")
            #expect(missed.errors.contains("holdfast ack repository:\(place)"), "\(missed)")
            let status = try await world.program.run("status")
            #expect(status.code == 5 && status.output.contains("VANISHED"), "\(status)")
            // Brought back it is as if nothing had been.
            try FileManager.default.moveItem(atPath: world.folder["away"], toPath: world.folder[place] + "/" + run)
            let back = try await world.program.run(verify)
            #expect(back.code == 0, "\(back)")
            #expect(try await world.program.run("status").code == 0)
        }
        try FileManager.default.removeItem(
            atPath: world.folder["local"] + "/" + oldest(in: world.folder["local"]))
        #expect(try await world.program.run("backup", "verify").code == 65)
        let list = try await world.program.run("ack")
        #expect(list.code == 0 && list.output.contains("holdfast ack repository:local"), "\(list)")
        #expect(try await world.program.run("ack", "documents").code == 64)
        let ack = try await world.program.run("ack", "repository:local", "--note", "meant")
        #expect(ack.code == 0 && ack.output.contains("acknowledged"), "\(ack)")
        let whole = try await world.program.run("backup", "verify")
        #expect(whole.code == 0, "\(whole)")
        #expect(try await world.program.run("status").code == 0)
    }

    @Test(.timeLimit(.minutes(3)))
    func `a source that has lost its files is backed up, told, and keeps everything older until it is acknowledged`()
        async throws
    {
        let world = try World("anomaly")
        try world.writeDocumentsProfile("retention: { last: 1 }\nobjectives: { backup: 1d }")
        for number in 1...60 { try world.folder.write("\(number)\n", to: "documents/many/\(number)") }
        for _ in 0..<6 { try await world.backUp() }
        #expect(try await world.points().count == 1)
        try FileManager.default.removeItem(atPath: world.documents + "/many")
        let poor = try await world.program.run("backup")
        #expect(poor.code == 0 && poor.said.contains("2 files, far from the usual 62"), "\(poor)")
        #expect(try await world.points().count == 2)
        let status = try await world.program.run("status", "--json")
        #expect(status.code == 5, "\(status)")
        let app = try #require(try status.document().objects("profiles").first)
        #expect(app.objects("open").map { $0.text("kind") } == ["anomaly"], "\(app)")
        #expect(app.objects("standings").first?.number("objectiveSeconds") == 86_400, "\(app)")
        let ack = try await world.program.run("ack", "all", "--json")
        #expect(try ack.document().objects("acknowledged").map { $0.text("subject") } == ["documents"], "\(ack)")
        #expect(try await world.program.run("status").code == 0)
        _ = try await world.program.run("backup")
        #expect(try await world.points().count == 1)
    }

    /// The folder of the oldest run: its name begins with when it began.
    private func oldest(in folder: String) throws -> String {
        try #require(
            try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.first?.isNumber == true }.min())
    }
}
