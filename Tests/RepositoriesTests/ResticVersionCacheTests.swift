import Foundation
import Programs
import TestSupport
import Testing

@testable import Repositories

@Suite("The versions that are remembered")
struct ResticVersionCacheTests {
    private let folder: ScratchFolder
    private let program: String
    private let cache: ResticVersionCache

    init() throws {
        folder = try ScratchFolder("versions")
        program = try folder.write("one", to: "restic", mode: 0o755)
        cache = ResticVersionCache(file: folder["versions.json"])
    }

    private func setTime(_ seconds: TimeInterval, of path: String) throws {
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSince1970: seconds)], ofItemAtPath: path)
    }

    @Test func `are known by the next run, each by its program`() throws {
        let other = try folder.write("other", to: "other/restic", mode: 0o755)
        #expect(cache.version(ofProgramAt: program) == nil)
        cache.remember(ResticVersion(0, 19, 1), ofProgramAt: program)
        cache.remember(ResticVersion(0, 14, 0), ofProgramAt: other)
        let next = ResticVersionCache(file: folder["versions.json"])
        #expect(next.version(ofProgramAt: program) == ResticVersion(0, 19, 1))
        #expect(next.version(ofProgramAt: other) == ResticVersion(0, 14, 0))
        #expect(next.version(ofProgramAt: folder["nowhere"]) == nil)
    }

    @Test func `are forgotten when the program has another size or time`() throws {
        try setTime(1_795_000_000, of: program)
        cache.remember(ResticVersion(0, 19, 1), ofProgramAt: program)
        try setTime(1_795_000_001, of: program)
        #expect(cache.version(ofProgramAt: program) == nil)
        try setTime(1_795_000_000, of: program)
        #expect(cache.version(ofProgramAt: program) != nil)
        try folder.write("longer", to: "restic", mode: 0o755)
        try setTime(1_795_000_000, of: program)
        #expect(cache.version(ofProgramAt: program) == nil)
    }

    @Test func `are those of the program behind a link`() throws {
        let link = folder["link"]
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: program)
        cache.remember(ResticVersion(0, 19, 1), ofProgramAt: link)
        #expect(cache.version(ofProgramAt: link) == ResticVersion(0, 19, 1))
        try folder.write("another", to: "restic", mode: 0o755)
        #expect(cache.version(ofProgramAt: link) == nil)
    }

    @Test(arguments: ["", "{", "[]", "{\"x\":1}"])
    func `are asked for anew when the file says nothing, and then written over it`(text: String) throws {
        try folder.write(text, to: "versions.json")
        #expect(cache.version(ofProgramAt: program) == nil)
        cache.remember(ResticVersion(0, 19, 1), ofProgramAt: program)
        #expect(cache.version(ofProgramAt: program) == ResticVersion(0, 19, 1))
        let mode = try FileManager.default.attributesOfItem(atPath: folder["versions.json"])[.posixPermissions]
        #expect(mode as? Int == 0o600)
    }

    @Test func `of a program that is not there, or in a folder that is not there, are not remembered`() {
        cache.remember(ResticVersion(0, 19, 1), ofProgramAt: folder["nowhere"])
        #expect(!FileManager.default.fileExists(atPath: folder["versions.json"]))
        let homeless = ResticVersionCache(file: folder["no/such/folder/versions.json"])
        homeless.remember(ResticVersion(0, 19, 1), ofProgramAt: program)
        #expect(homeless.version(ofProgramAt: program) == nil)
    }
}
