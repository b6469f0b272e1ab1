import BackupModel
import Foundation
import HostSystem
import TestSupport
import Testing

@Suite struct `Rotated logs` {
    let folder: ScratchFolder
    private var path: String { folder["logs/app.log"] }

    init() throws { folder = try ScratchFolder("rotate") }

    private func lines(_ suffix: String = "") -> [String] {
        let text = FileManager.default.contents(atPath: path + suffix).map { String(decoding: $0, as: UTF8.self) } ?? ""
        return text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
    }

    private func mode(_ path: String) -> mode_t {
        var facts = stat()
        return lstat(path, &facts) == 0 ? facts.st_mode & 0o777 : 0
    }

    @Test func `make their folder, are closed to others, and go on where they ended`() throws {
        for number in 1...3 {
            try RotatingFile(path: path, limit: 1000, keep: 2).append("line \(number)\n")
        }
        #expect(lines() == ["line 1", "line 2", "line 3"])
        #expect(mode(path) == 0o600 && mode(folder["logs"]) == 0o700)
    }

    @Test func `are put aside before they grow too large, and so many stay`() throws {
        let file = RotatingFile(path: path, limit: 20, keep: 2)
        for number in 1...9 { try file.append("number \(number)\n") }
        #expect(
            [lines(), lines(".1"), lines(".2")] == [
                ["number 9"], ["number 7", "number 8"], ["number 5", "number 6"],
            ])
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder["logs"]).count == 3)
        // One line that is longer than a file may be stands in one of its own.
        try file.append(String(repeating: "x", count: 50) + "\n")
        try file.append("after\n")
        #expect(lines() == ["after"] && lines(".1").first?.count == 50)
        for suffix in ["", ".1", ".2"] { #expect(mode(path + suffix) == 0o600) }
    }

    @Test func `lose, double and tear no line when many write at once`() async throws {
        let (path, writers, count) = (path, 4, 60)
        await withTaskGroup { group in
            for writer in 0..<writers {
                group.addTask {
                    for number in 0..<count {
                        // Its own descriptor, as another process would have.
                        let file = RotatingFile(path: path, limit: 60, keep: 1000)
                        do { try file.append("writer \(writer) number \(number) end\n") } catch {
                            Issue.record("\(error)")
                        }
                    }
                }
            }
        }
        let names = try FileManager.default.contentsOfDirectory(atPath: folder["logs"])
        var seen: [String] = []
        for name in names {
            let text = try String(contentsOfFile: folder["logs/\(name)"], encoding: .utf8)
            #expect(text.utf8.count <= 60)
            seen += text.split(separator: "\n").map(String.init)
        }
        let wanted = Set((0..<writers).flatMap { writer in (0..<count).map { "writer \(writer) number \($0) end" } })
        #expect(seen.count == wanted.count && Set(seen) == wanted)
        #expect(names.count > 80, "it must have been put aside meanwhile")
    }

    @Test func `whoever holds an old one goes on in the new one`() throws {
        let one = RotatingFile(path: path, limit: 20, keep: 3)
        let other = RotatingFile(path: path, limit: 20, keep: 3)
        try one.append("first by one\n")
        try other.append("second by other\n")
        try one.append("x\n")
        #expect(lines() == ["second by other", "x"] && lines(".1") == ["first by one"])
        // As logrotate would take it away.
        unlink(path)
        try one.append("anew\n")
        #expect(lines() == ["anew"])
    }

    @Test func `a writer that is stopped with the lock in its hand stops nobody`() throws {
        let file = RotatingFile(path: path, limit: 20, keep: 3)
        try file.append("first\n")
        let holder = open(path, O_RDONLY | O_CLOEXEC)
        defer { close(holder) }
        #expect(flock(holder, LOCK_EX) == 0)
        let begun = ContinuousClock.now
        try file.append("longer than there is room for\n")
        #expect(ContinuousClock.now - begun < .seconds(3))
        #expect(lines() == ["first", "longer than there is room for"])
    }

    @Test func `a link, a second name and a folder in its place are refused`() throws {
        try folder.write("precious\n", to: "victim")
        mkdir(folder["logs"], 0o700)
        symlink(folder["victim"], path)
        #expect(throws: Failure.self) { try RotatingFile(path: path, limit: 100, keep: 1).append("x\n") }
        unlink(path)
        link(folder["victim"], path)
        #expect(throws: Failure.self) { try RotatingFile(path: path, limit: 100, keep: 1).append("x\n") }
        unlink(path)
        mkdir(path, 0o700)
        #expect(throws: Failure.self) { try RotatingFile(path: path, limit: 100, keep: 1).append("x\n") }
        #expect(try String(contentsOfFile: folder["victim"], encoding: .utf8) == "precious\n")
    }

    @Test func `putting aside that was killed half way is made up for`() throws {
        let file = RotatingFile(path: path, limit: 20, keep: 3)
        for number in 1...6 { try file.append("number \(number)\n") }
        // Older ones have moved, the newest has not.
        rename(path + ".1", path + ".2")
        for number in 7...8 { try file.append("number \(number)\n") }
        #expect(lines() == ["number 7", "number 8"] && lines(".1") == ["number 5", "number 6"])
        #expect(lines(".2") == ["number 3", "number 4"])
    }
}
