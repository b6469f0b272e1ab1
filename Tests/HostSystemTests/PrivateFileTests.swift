import BackupModel
import Foundation
import HostSystem
import TestSupport
import Testing

@Suite("A private file") struct PrivateFileTests {
    @Test func `it is for its owner alone, whole, and never in the place of another by accident`() throws {
        let folder = try ScratchFolder("private")
        let path = folder["sheet"]
        try PrivateFile.write(Array("one".utf8), to: path, replacing: false)
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? NSNumber
        #expect(mode?.intValue == 0o600)
        #expect(throws: Failure.self) { try PrivateFile.write(Array("two".utf8), to: path, replacing: false) }
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "one")
        try PrivateFile.write(Array("three".utf8), to: path, replacing: true)
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "three")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["sheet"])
    }

    @Test func `a link there is refused, or replaced and not followed`() throws {
        let folder = try ScratchFolder("private")
        try folder.write("theirs", to: "theirs")
        try FileManager.default.createSymbolicLink(atPath: folder["sheet"], withDestinationPath: folder["theirs"])
        #expect(throws: Failure.self) { try PrivateFile.write([1], to: folder["sheet"], replacing: false) }
        try PrivateFile.write(Array("ours".utf8), to: folder["sheet"], replacing: true)
        #expect(try String(contentsOfFile: folder["theirs"], encoding: .utf8) == "theirs")
        #expect(try String(contentsOfFile: folder["sheet"], encoding: .utf8) == "ours")
    }

    @Test func `where there is no folder it says so`() throws {
        let error = try #require(throws: Failure.self) {
            try PrivateFile.write([1], to: "/nowhere/at/all", replacing: false)
        }
        #expect(error.description.contains("/nowhere/at/all") && error.hint != nil)
    }
}
