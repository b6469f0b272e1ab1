import BackupModel
import Foundation
import HostSystem
import TestSupport
import Testing

@Suite("Replacing a password's file")
struct SecretReplacementTests {
    private let folder: ScratchFolder
    private let secrets = SecretResolver(runner: nil)
    private var path: String { folder["pw"] }

    init() throws {
        folder = try ScratchFolder("replace")
        try folder.write("old\n", to: "pw", mode: 0o640)
    }

    private func text(_ name: String) throws -> String { try String(contentsOfFile: folder[name], encoding: .utf8) }

    private func replace() throws { try secrets.replace(path, with: path + ".new", keeping: path + ".previous") }

    @Test func `the new one has the old one's mode, and the old one stays beside it`() throws {
        try secrets.write(Secret("new"), at: path + ".new")
        try replace()
        var facts = stat()
        #expect(stat(path, &facts) == 0 && facts.st_mode & 0o777 == 0o640)
        #expect(try text("pw") == "new\n" && text("pw.previous") == "old\n")
        #expect(!FileManager.default.fileExists(atPath: path + ".new"))
    }

    @Test func `an older one that was kept gets its date, and is never overwritten`() throws {
        try folder.write("oldest\n", to: "pw.previous")
        try secrets.write(Secret("new"), at: path + ".new")
        try replace()
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.contains("previous-") }
        #expect(try names.count == 1 && text(names[0]) == "oldest\n")
        #expect(try text("pw.previous") == "old\n")
    }

    @Test func `done again after a crash in the middle, it ends alike`() throws {
        try secrets.write(Secret("new"), at: path + ".new")
        // As a crash leaves it between keeping the old one and putting the new one in its place.
        #expect(link(path, path + ".previous") == 0)
        try replace()
        #expect(try text("pw") == "new\n" && text("pw.previous") == "old\n")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 2)
    }

    @Test func `nothing is replaced where the new one is missing, and nothing written where one is`() throws {
        #expect(throws: SecretError.self) { try replace() }
        #expect(try text("pw") == "old\n")
        #expect(throws: SecretError.self) { try secrets.write(Secret("other"), at: path) }
        #expect(try text("pw") == "old\n")
    }
}
