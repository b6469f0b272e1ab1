import BackupModel
import Foundation
import HostSystem
import TestSupport
import Testing

@Suite("A tree that appears in a folder all at once")
struct StagingFolderTests {
    private let run = RunID(unchecked: "20261121T023000Z-7f3a9c")
    private func contents(_ path: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path).sorted()
    }

    @Test
    func `it is private, moves what is in it, and leaves nothing else`() throws {
        let folder = try ScratchFolder("staging")
        let staging = try StagingFolder(in: folder["new/target"], run: run)
        #expect(try contents(folder["new/target"]) == [".holdfast-restore-\(run)"])
        let mode = try FileManager.default.attributesOfItem(atPath: folder["new/target/.holdfast-restore-\(run)"])
        #expect(mode[.posixPermissions] as? Int == 0o700)
        try folder.write("x", to: "new/target/.holdfast-restore-\(run)/tree/a/b")
        #expect(!staging.isTaken("a"))
        try staging.complete()
        #expect(staging.discard() == nil && staging.isTaken("a"))
        #expect(try contents(folder["new/target"]) == ["a"] && contents(folder["new/target/a"]) == ["b"])
    }

    @Test
    func `a name that is taken meanwhile leaves all as it was`() throws {
        let folder = try ScratchFolder("staging")
        let staging = try StagingFolder(in: folder["target"], run: run)
        for name in ["a", "b", "c", "d"] { try folder.write("new", to: "target/.holdfast-restore-\(run)/tree/\(name)") }
        try FileManager.default.createSymbolicLink(atPath: folder["target/c"], withDestinationPath: "nowhere")
        #expect(staging.isTaken("c"))
        #expect {
            try staging.complete()
        } throws: {
            "\($0)".contains("target/c: it is there already")
        }
        #expect(try contents(folder["target"]) == [".holdfast-restore-\(run)", "c"])
        #expect(staging.discard() == nil)
        #expect(try contents(folder["target"]) == ["c"])
    }

    @Test
    func `folders that were made for it go with it, and no others`() throws {
        let folder = try ScratchFolder("staging")
        try folder.write("mine", to: "there/file")
        try StagingFolder(in: folder["there/a/b"], run: run).discard()
        #expect(try contents(folder["there"]) == ["file"])
        try StagingFolder(in: folder["there"], run: run).discard()
        #expect(try contents(folder["there"]) == ["file"])
    }

    @Test
    func `a link and a file in the target's place are refused`() throws {
        let folder = try ScratchFolder("staging")
        try folder.write("mine", to: "real/file")
        try FileManager.default.createSymbolicLink(atPath: folder["link"], withDestinationPath: folder["real"])
        for target in ["link", "real/file", "real/file/below"] {
            #expect(throws: Failure.self, "\(target)") { _ = try StagingFolder(in: folder[target], run: run) }
        }
        #expect(try contents(folder["real"]) == ["file"])
        // What is above it is the operator's affair.
        try StagingFolder(in: folder["link/below"], run: run).complete()
    }
}
