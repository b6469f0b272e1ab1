import BackupModel
import Foundation
import RunHistory
import TestSupport
import Testing

@Suite struct `A durable file` {
    let folder: ScratchFolder
    let path: String
    init() throws {
        folder = try ScratchFolder("durable")
        path = folder["pin.json"]
    }

    private func mode(_ path: String) throws -> Int {
        try #require(FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
    }
    private func names() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    }

    @Test func `holds what was written last, for its owner alone, and leaves nothing beside it`() throws {
        try DurableFile.write(Array("old".utf8), to: path)
        try DurableFile.write(Array("new".utf8), to: path)
        #expect(try DurableFile.read(path) == Array("new".utf8))
        #expect(try mode(path) == 0o600)
        #expect(try names() == ["pin.json"])
    }

    @Test func `is whole although every write is short and some are interrupted`() throws {
        let bytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0) }
        var calls = 0
        try DurableFile.write(bytes, to: path) { descriptor, start, count in
            calls += 1
            if calls % 3 == 0 {
                errno = EINTR
                return -1
            }
            return Foundation.write(descriptor, start, min(count, 7))
        }
        #expect(try DurableFile.read(path) == bytes)
        #expect(calls > 1400)
    }

    @Test(arguments: [ENOSPC, EDQUOT, EFBIG]) func `is the old one when the disk fills up half way`(_ code: Int32)
        throws
    {
        try DurableFile.write(Array("old".utf8), to: path)
        var calls = 0
        let error = try #require(throws: StoreError.self) {
            try DurableFile.write(Array("new and longer".utf8), to: path) { descriptor, start, _ in
                calls += 1
                if calls == 1 { return Foundation.write(descriptor, start, 3) }
                errno = code
                return -1
            }
        }
        guard case .full(path, _) = error else { throw Failure("\(error)") }
        #expect(try DurableFile.read(path) == Array("old".utf8))
        #expect(try names() == ["pin.json"])
    }

    @Test func `is the old one when the write says nothing was written`() throws {
        try DurableFile.write(Array("old".utf8), to: path)
        #expect(throws: StoreError.self) { try DurableFile.write(Array("new".utf8), to: path) { _, _, _ in 0 } }
        #expect(try DurableFile.read(path) == Array("old".utf8))
    }

    @Test func `is made durable before it takes the place of the old one, or not at all`() throws {
        try DurableFile.write(Array("old".utf8), to: path)
        var seen: [UInt8]?
        try DurableFile.write(
            Array("new".utf8), to: path,
            synchronizer: { descriptor in
                seen = FileManager.default.contents(atPath: path).map(Array.init)
                return fsync(descriptor)
            })
        #expect(seen == Array("old".utf8))
        #expect(try DurableFile.read(path) == Array("new".utf8))
        #expect(throws: StoreError.self) {
            try DurableFile.write(
                Array("newest".utf8), to: path,
                synchronizer: { _ in
                    errno = EIO
                    return -1
                })
        }
        #expect(try DurableFile.read(path) == Array("new".utf8))
        #expect(try names() == ["pin.json"])
    }

    @Test func `is not disturbed by what a crash left, and clears it away when it is old`() throws {
        try DurableFile.write(Array("old".utf8), to: path)
        try folder.write("half", to: ".pin.json.1.new")
        try folder.write("half", to: ".pin.json.2.new")
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: -7200)], ofItemAtPath: folder[".pin.json.1.new"])
        #expect(try DurableFile.read(path) == Array("old".utf8))
        try DurableFile.write(Array("new".utf8), to: path)
        #expect(try DurableFile.read(path) == Array("new".utf8))
        #expect(try names() == [".pin.json.2.new", "pin.json"])
    }

    @Test func `clears away what a killed process left of any file, and leaves what one that lives is writing`() throws
    {
        let dead = Process()
        dead.executableURL = URL(fileURLWithPath: "/bin/true")
        try dead.run()
        dead.waitUntilExit()
        let alive = ".other.json.\(getpid()).2.new"
        try folder.write("half", to: ".other.json.\(dead.processIdentifier).1.new")
        try folder.write("half", to: alive)
        try DurableFile.write(Array("new".utf8), to: path)
        #expect(try names() == [alive, "pin.json"])
    }

    @Test func `is never written or read through a link that was planted`() throws {
        try folder.write("precious", to: "victim")
        try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: folder["victim"])
        for call in [
            { try DurableFile.write(Array("new".utf8), to: path) }, { _ = try DurableFile.read(path) },
        ] {
            let error = try #require(throws: StoreError.self) { try call() }
            guard case .unsafe = error else { throw Failure("\(error)") }
        }
        #expect(try String(contentsOfFile: folder["victim"], encoding: .utf8) == "precious")
    }

    @Test func `is refused where others may write to it, and where it is no file`() throws {
        try folder.write("{}", to: "pin.json", mode: 0o602)
        #expect(throws: StoreError.self) { try DurableFile.read(path) }
        #expect(mkfifo(folder["fifo"], 0o600) == 0)
        #expect(throws: StoreError.self) { try DurableFile.read(folder["fifo"]) }
        #expect(throws: StoreError.self) { try DurableFile.write([], to: folder["fifo"]) }
    }

    @Test(.enabled(if: geteuid() == 0, "mounting needs root")) func `is the old one on a disk that is really full`()
        throws
    {
        let mount = try TemporaryFileSystem(at: folder["small"], kibibytes: 64)
        defer { mount.unmount() }
        let file = folder["small/pin.json"]
        try DurableFile.write(Array("old".utf8), to: file)
        let error = try #require(throws: StoreError.self) {
            try DurableFile.write([UInt8](repeating: 1, count: 200_000), to: file)
        }
        #expect(error.kind == .destinationFull)
        #expect(try DurableFile.read(file) == Array("old".utf8))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder["small"]) == ["pin.json"])
    }
}
