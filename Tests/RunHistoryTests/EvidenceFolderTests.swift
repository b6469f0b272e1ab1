import BackupModel
import Foundation
import TestSupport
import Testing

@testable import RunHistory

@Suite("Evidence")
struct EvidenceFolderTests {
    private func id(_ day: Int) -> RunID {
        RunID(startedAt: Date(timeIntervalSince1970: 1_795_000_000 + Double(day) * 86_400), entropy: UInt32(day))
    }

    @Test func `the newest pages stay, each private, and nothing else in the folder is touched`() throws {
        let folder = try ScratchFolder("evidence")
        let evidence = EvidenceFolder(folder: folder["state"], keep: 3)
        for day in 0..<5 { try evidence.save(id(day), document: "{}", page: "<p>\(day)</p>") }
        try folder.write("mine", to: "state/evidence/note.txt", mode: 0o600)
        try evidence.save(id(5), document: "{}", page: "<p>5</p>")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder["state/evidence"]).sorted()
        #expect(names == ((3...5).flatMap { ["\(id($0)).html", "\(id($0)).json"] } + ["note.txt"]).sorted())
        #expect(try String(contentsOfFile: evidence.page(of: id(5)), encoding: .utf8) == "<p>5</p>")
        for path in [evidence.page(of: id(5)), folder["state/evidence"]] {
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? NSNumber
            #expect((mode?.intValue ?? 0o777) & 0o077 == 0)
        }
    }

    @Test func `a link in the place of a page is not followed`() throws {
        let folder = try ScratchFolder("evidence")
        let evidence = EvidenceFolder(folder: folder["state"])
        try evidence.save(id(1), document: "{}", page: "x")
        try FileManager.default.createSymbolicLink(
            atPath: evidence.page(of: id(2)), withDestinationPath: folder["victim"])
        #expect(throws: StoreError.self) { try evidence.save(id(2), document: "{}", page: "x") }
        #expect(!FileManager.default.fileExists(atPath: folder["victim"]))
    }
}
