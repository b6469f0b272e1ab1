import BackupModel
import Foundation
import HostSystem
import TestSupport
import Testing

@Suite struct `Scratch folders` {
    let folder: ScratchFolder
    let scratch: ScratchFolders
    private let run = RunID(unchecked: "20261121T023000Z-7f3a9c")

    init() throws {
        folder = try ScratchFolder("scratch")
        scratch = ScratchFolders(defaultRoot: folder["state/scratch"])
    }

    private func exists(_ name: String) -> Bool {
        var facts = stat()
        return lstat(folder[name], &facts) == 0
    }

    @Test func `are made per run, closed to others, and only once`() throws {
        let path = try scratch.create(for: run, root: nil)
        #expect(path == folder["state/scratch/holdfast-20261121T023000Z-7f3a9c"])
        for place in [path, folder["state/scratch"], folder["state"]] {
            var facts = stat()
            #expect(lstat(place, &facts) == 0 && facts.st_mode & 0o777 == 0o700)
        }
        #expect(throws: ScratchError.self) { try scratch.create(for: run, root: nil) }
        #expect(try scratch.create(for: run, root: folder["own"]).hasPrefix(folder["own"]))
    }

    @Test func `are not made in the place of a link`() throws {
        try FileManager.default.createDirectory(atPath: folder["victim"], withIntermediateDirectories: true)
        try FileManager.default.createDirectory(
            atPath: folder["root"], withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        symlink(folder["victim"], folder["root/holdfast-\(run)"])
        #expect(throws: ScratchError.self) { try scratch.create(for: run, root: folder["root"]) }
    }

    @Test func `are not made where others could rename them, but in a sticky folder they are`() throws {
        mkdir(folder["open"], 0o777)
        chmod(folder["open"], 0o777)
        let error = try #require(throws: ScratchError.self) { try scratch.create(for: run, root: folder["open"]) }
        #expect(error.path == folder["open"])
        chmod(folder["open"], 0o1777)
        _ = try scratch.create(for: run, root: folder["open"])
    }

    @Test func `are removed with all that is in them and nothing beyond`() throws {
        let path = try scratch.create(for: run, root: folder["root"])
        try folder.write("keep", to: "victim/file")
        try folder.write("x", to: "root/holdfast-\(run)/a/b/c")
        symlink(folder["victim"], path + "/link")
        symlink(folder["victim"] + "/file", path + "/a/link")
        mkfifo(path + "/fifo", 0o600)
        let odd: [CChar] = Array((path + "/").utf8CString.dropLast()) + [-1, -2, 0]
        close(open(odd, O_CREAT | O_WRONLY, 0o600))
        chmod(path + "/a/b", 0)
        try scratch.remove(path)
        #expect(!exists("root/holdfast-\(run)"))
        #expect(exists("victim/file"))
        try scratch.remove(path)
        try scratch.remove(folder["never/holdfast-\(run)"])
    }

    @Test(arguments: [
        "data", "holdfast-", "holdfast-important", "holdfast-20261121T023000Z-7f3a9",
        "holdfast-20261121T023000Z-7f3a9g",
    ])
    func `are removed by no other name`(_ name: String) throws {
        try folder.write("keep", to: "root/\(name)/file")
        #expect(throws: ScratchError.self) { try scratch.remove(folder["root/\(name)"]) }
        #expect(try scratch.sweep(root: folder["root"]) { _ in false } == [])
        #expect(exists("root/\(name)/file"))
    }

    @Test func `are swept when their run is over, and links never`() throws {
        let dead = RunID(unchecked: "20261120T023000Z-000001")
        let live = RunID(unchecked: "20261120T023000Z-000002")
        for run in [dead, live] { _ = try scratch.create(for: run, root: nil) }
        try folder.write("keep", to: "victim/file")
        let linked = "state/scratch/holdfast-20261120T023000Z-000003"
        symlink(folder["victim"], folder[linked])
        try folder.write("a file, no folder", to: "state/scratch/holdfast-20261120T023000Z-000004")
        let removed = try scratch.sweep(root: nil) { $0 == live }
        #expect(removed == [folder["state/scratch/holdfast-\(dead)"]])
        #expect(exists("state/scratch/holdfast-\(live)") && exists(linked) && exists("victim/file"))
        #expect(try scratch.sweep(root: folder["nowhere"]) { _ in false } == [])
    }

    @Test(.enabled(if: geteuid() == 0, "giving a folder away needs root")) func `of another user are not swept`() throws
    {
        let path = try scratch.create(for: run, root: nil)
        #expect(chown(path, 65_534, 65_534) == 0)
        #expect(try scratch.sweep(root: nil) { _ in false } == [])
        #expect(access(path, F_OK) == 0)
    }

    @Test(.enabled(if: geteuid() == 0, "mounting needs root")) func `are not removed across a mount`() throws {
        let path = try scratch.create(for: run, root: nil)
        let mount = try TemporaryFileSystem(at: path + "/mounted", kibibytes: 64)
        defer { mount.unmount() }
        try Data([1]).write(to: URL(fileURLWithPath: path + "/mounted/keep"))
        #expect(throws: ScratchError.self) { try scratch.remove(path) }
        #expect(access(path + "/mounted/keep", F_OK) == 0)
    }

    @Test func `that cannot be made say where and why`() throws {
        try folder.write("", to: "file")
        let error = try #require(throws: ScratchError.self) { try scratch.create(for: run, root: folder["file/below"]) }
        #expect(error.path.hasPrefix(folder["file"]) && !error.reason.isEmpty)
    }
}
