import BackupModel
import Foundation
import HostSystem
import TestSupport
import Testing

@Suite struct `Published files` {
    let folder: ScratchFolder
    private var path: String { folder["out/app.prom"] }
    private let mark = "# ours\n"

    init() throws {
        folder = try ScratchFolder("published")
        try folder.write("", to: "out/other.prom")
    }

    private func write(_ text: String) throws { try PublishedFile.write(mark + text, to: path, mark: mark) }
    private var content: String? {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
    }
    private var names: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: folder["out"]).sorted() }
    }

    @Test func `can be read by all whatever the umask, and leave nothing else behind`() throws {
        let old = umask(0o077)
        defer { umask(old) }
        try write("one")
        try write("two")
        var facts = stat()
        #expect(stat(path, &facts) == 0 && facts.st_mode & 0o7777 == 0o644)
        #expect(content == "# ours\ntwo")
        #expect(try names == ["app.prom", "other.prom"])
    }

    @Test func `say which folder is missing, and make none`() throws {
        let error = try #require(throws: Failure.self) {
            try PublishedFile.write("x", to: folder["nowhere/app.prom"], mark: "x")
        }
        #expect(error.description.contains("nowhere/app.prom") && error.hint?.contains(folder["nowhere"]) == true)
        #expect(!FileManager.default.fileExists(atPath: folder["nowhere"]))
    }

    @Test func `replace nothing that somebody else wrote`() throws {
        try folder.write("node_cpu 1\n", to: "out/app.prom")
        #expect(throws: Failure.self) { try write("mine") }
        #expect(content == "node_cpu 1\n")
        // What was never filled is nobody's.
        try folder.write("", to: "out/app.prom")
        try write("mine")
        #expect(content == "# ours\nmine")
    }

    @Test func `take the place of a link and do not follow it`() throws {
        try folder.write("precious", to: "victim")
        symlink(folder["victim"], path)
        try write("mine")
        #expect(try String(contentsOfFile: folder["victim"], encoding: .utf8) == "precious")
        #expect(content == "# ours\nmine")
        #expect(try FileManager.default.attributesOfItem(atPath: path)[.type] as? FileAttributeType == .typeRegular)
    }

    @Test func `clear up what was killed long ago, and nothing that is new`() throws {
        for name in [".app.prom.1.2.new", ".app.prom.3.4.new", ".other.prom.1.2.new"] {
            try folder.write("half", to: "out/\(name)")
        }
        for name in [".app.prom.1.2.new", ".other.prom.1.2.new"] {
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSinceNow: -7200)], ofItemAtPath: folder["out/\(name)"])
        }
        try write("mine")
        #expect(try names == [".app.prom.3.4.new", ".other.prom.1.2.new", "app.prom", "other.prom"])
    }

    @Test(.enabled(if: geteuid() == 0)) func `stay as they were when the disk is full`() throws {
        let mount = try TemporaryFileSystem(at: folder["small"], kibibytes: 64)
        defer { mount.unmount() }
        let path = folder["small/app.prom"]
        try PublishedFile.write(mark + "old", to: path, mark: mark)
        #expect(throws: Failure.self) {
            try PublishedFile.write(mark + String(repeating: "x", count: 100_000), to: path, mark: mark)
        }
        #expect(try String(contentsOfFile: path, encoding: .utf8) == mark + "old")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder["small"]) == ["app.prom"])
    }

    @Test func `are seen whole by whoever reads while they are written`() async throws {
        let long = String(repeating: "figure 1\n", count: 5000)
        try write(long)
        let path = path
        let mark = mark
        await withTaskGroup { group in
            for _ in 0..<2 {
                group.addTask { for _ in 0..<20 { try? PublishedFile.write(mark + long, to: path, mark: mark) } }
            }
            for _ in 0..<200 {
                let seen = FileManager.default.contents(atPath: path)
                #expect(seen?.count == mark.utf8.count + long.utf8.count)
            }
        }
    }
}
