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

    @Test(arguments: ["nowhere/3", "3"])
    func `of files that belong together all take their places or none, and what was there stays`(third: String) throws {
        let folder = try ScratchFolder("private")
        func files(_ text: String) -> [(path: String, bytes: [UInt8])] {
            ["1", "2", third].map { (folder[$0], Array("\(text) \($0)".utf8)) }
        }
        func text(_ name: String) throws -> String { try String(contentsOfFile: folder[name], encoding: .utf8) }
        try folder.write("old 1", to: "1")
        // The third cannot be written at all, or cannot take its place.
        if third == "3" { try folder.write("", to: "3/in-the-way") }
        #expect(throws: Failure.self) { try PrivateFile.write(files("new"), replacing: true) }
        #expect(try text("1") == "old 1")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        #expect(names == (third == "3" ? ["1", "3"] : ["1"]))
        try FileManager.default.removeItem(atPath: folder["1"])
        #expect(throws: Failure.self) { try PrivateFile.write(files("new"), replacing: false) }
        #expect(!FileManager.default.fileExists(atPath: folder["1"]))
        let two = Array(files("new").prefix(2))
        try PrivateFile.write(two, replacing: false)
        try PrivateFile.write(two.map { ($0.path, Array("newer".utf8)) }, replacing: true)
        #expect(try text("1") == "newer" && text("2") == "newer")
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasPrefix(".") } == [])
    }

    @Test func `where there is no folder it says so`() throws {
        let error = try #require(throws: Failure.self) {
            try PrivateFile.write([1], to: "/nowhere/at/all", replacing: false)
        }
        #expect(error.description.contains("/nowhere/at/all") && error.hint != nil)
    }
}
