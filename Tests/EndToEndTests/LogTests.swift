import Foundation
import TestSupport
import Testing

/// Logs of the real program.
@Suite("Logs") struct LogTests {
    private let scene: ReportingScene
    private var log: String { scene.world.folder["logs/deep/test.log"] }

    init() throws { scene = try ReportingScene("log") }

    @Test(.timeLimit(.minutes(2)))
    func `the run's own log has what the tools said, without secrets and control characters`() async throws {
        try scene.writeProfile("log: { file: \(log), level: debug }")
        try scene.world.folder.write("", to: "fail")
        let run = try await scene.run("backup")
        #expect(run.code == 1, "\(run)")
        #expect(run.errors.contains("backup of profile test") && !run.errors.contains("<"), "no marks: \(run)")
        let shown = try await scene.run("show", "--log")
        #expect(shown.code == 0 && shown.output.contains(" info    backup began, by "), "\(shown)")
        #expect(shown.output.contains("produce: token is ‹redacted› \\u{1b}[31mred"), "\(shown)")
        #expect(shown.output.contains("… 21 lines before") && shown.output.contains("produce: 22\n"), "\(shown)")
        #expect(!shown.output.contains("produce: 21\n"), "the last forty stay")
        #expect(shown.output.contains(" error   dump: not captured: "), "\(shown)")
        #expect(shown.output.contains(" error   backup failed in ") && !shown.output.contains("ends here"), "\(shown)")
        let json = try await scene.run("show", "--log", "--json").document()
        #expect(json["complete"] as? Bool == true && json.number("unreadable") == 0)
        let last = try #require(json.objects("log").last { $0.text("event") == "ended" })
        #expect(last.text("outcome") == "failed" && last.text("level") == "error")

        let file = try scene.content(log)
        #expect(try scene.mode(log) == 0o600 && scene.mode(scene.world.folder["logs/deep"]) == 0o700)
        #expect(
            file.firstMatch(of: /(?m)^[-0-9]{10}T[:.0-9]{12}Z error test [0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}: backup failed/)
                != nil, "\(file)")
        let own = try #require(
            FileManager.default.subpathsOfDirectory(atPath: scene.program.state).first { $0.hasPrefix("logs/test/2") })
        for text in [file, try scene.content(scene.program.state + "/" + own), shown.said] {
            #expect(!text.contains("Hush") && !text.contains("tok en") && !text.contains("\u{1b}"), "\(text)")
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `after a kill the log is whole as far as it goes, and a torn line harms nothing`() async throws {
        try scene.writeProfile("")
        let killed = try await scene.run("backup", environment: ["HOLDFAST_FAILPOINT": "manifest:kill"])
        #expect(killed.code == -SIGKILL)
        let shown = try await scene.run("show", "--log")
        #expect(shown.code == 0 && shown.output.contains("writing the manifest"), "\(shown)")
        #expect(shown.output.contains("the log ends here") && !shown.output.contains("cannot be read"), "\(shown)")
        let folder = scene.program.state + "/logs/test"
        let name = try #require(FileManager.default.contentsOfDirectory(atPath: folder).first)
        let handle = try #require(FileHandle(forWritingAtPath: "\(folder)/\(name)"))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data("{\"event\":\"to".utf8))
        let torn = try await scene.run("show", "--log")
        #expect(torn.code == 0 && torn.output.contains("1 line of this log cannot be read"), "\(torn)")
        try FileManager.default.removeItem(atPath: folder)
        let none = try await scene.run("show", "--log")
        #expect(none.code == 1 && none.errors.contains("has no log"), "\(none)")
    }

    @Test(.timeLimit(.minutes(2)))
    func `several programs share one log, which is put aside meanwhile, and no line is lost or torn`() async throws {
        let keys = "log: { file: \(log), size: 2KiB, keep: 200, format: json, level: debug }"
        let names = ["one", "two", "three"]
        for name in names { try scene.writeProfile(named: name, keys) }
        try await withThrowingTaskGroup { group in
            for name in names {
                group.addTask {
                    let run = try await scene.run("backup", "-p", name)
                    #expect(run.code == 0, "\(run)")
                }
            }
            try await group.waitForAll()
        }
        let folder = scene.world.folder["logs/deep"]
        let files = try FileManager.default.contentsOfDirectory(atPath: folder)
        #expect(files.count > 3)
        var shared: [String] = []
        for file in files {
            let text = try scene.content("\(folder)/\(file)")
            shared += text.split(separator: "\n").map(String.init)
            #expect(text.hasSuffix("}\n"))
        }
        var own: [String] = []
        for name in names {
            let place = scene.program.state + "/logs/\(name)"
            for file in try FileManager.default.contentsOfDirectory(atPath: place) {
                own += try scene.content("\(place)/\(file)").split(separator: "\n").map(String.init)
            }
        }
        #expect(own.count > 30 && shared.sorted() == own.sorted())
    }

    @Test(.timeLimit(.minutes(2)))
    func `the journal gets priorities, and only the journal does`() async throws {
        try scene.writeProfile("")
        try scene.world.folder.write("", to: "fail")
        let file = try scene.world.folder.write("", to: "journal")
        let script = "exec 2>\"$1\"; JOURNAL_STREAM=${3:-$(stat -Lc %d:%i \"$1\")} exec \"$2\" backup"
        let marked = try await scene.program.runTool(
            "sh", "-c", script, "sh", file, scene.program.path, environment: ["TOKEN": ReportingScene.secret])
        #expect(marked.code == 1)
        let lines = try scene.content(file).split(separator: "\n")
        #expect(lines.allSatisfy { $0.firstMatch(of: /^<[3-7]>/) != nil }, "\(lines)")
        #expect(lines.contains { $0.hasPrefix("<6>backup of profile test (run ") })
        #expect(lines.contains { $0.hasPrefix("<3>error: dump: ") } && lines.contains { $0.hasPrefix("<5>  note: ") })
        #expect(!lines.contains { $0.contains("\u{1b}") || $0.contains("Hush") })
        let other = try await scene.program.runTool(
            "sh", "-c", script, "sh", file, scene.program.path, "1:2", environment: ["TOKEN": "x1234567"])
        #expect(other.code == 1)
        #expect(try !scene.content(file).contains("<6>"))
    }

    @Test(.timeLimit(.minutes(2)))
    func `a log that cannot be written is told of once, and costs the run nothing`() async throws {
        try scene.world.folder.write("precious", to: "victim")
        try scene.world.folder.write("", to: "links/other")
        symlink(scene.world.folder["victim"], scene.world.folder["links/test.log"])
        try scene.writeProfile("log: \(scene.world.folder["links/test.log"])")
        let run = try await scene.run("backup")
        #expect(run.code == 0, "\(run)")
        #expect(run.errors.components(separatedBy: "a symbolic link stands in its place").count == 2, "\(run)")
        #expect(try scene.content(scene.world.folder["victim"]) == "precious")
        // Nor does a full disk.
        if geteuid() == 0 {
            let mount = try TemporaryFileSystem(at: scene.world.folder["full"], kibibytes: 4)
            defer { mount.unmount() }
            try scene.writeProfile("log: { file: \(scene.world.folder["full/test.log"]), level: debug }")
            try scene.world.folder.write(String(repeating: "earlier\n", count: 450), to: "full/test.log")
            let full = try await scene.run("backup")
            #expect(full.code == 0, "\(full)")
            #expect(full.errors.components(separatedBy: "No space left on device").count == 2, "\(full)")
            let kept = try scene.content(scene.world.folder["full/test.log"])
            #expect(kept.hasSuffix("\n") && kept.utf8.count > 3600, "\(kept)")
        }
        // Nor does one of its own that cannot.
        let own = scene.program.state + "/logs"
        try FileManager.default.removeItem(atPath: own)
        try Data().write(to: URL(fileURLWithPath: own))
        let second = try await scene.run("backup")
        #expect(second.code == 0 && second.errors.contains("this run has no log of its own"), "\(second)")
    }
}
