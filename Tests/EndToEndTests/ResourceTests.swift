import BackupModel
import Foundation
import TestSupport
import Testing

/// A service that a hook stopped runs again, whatever happens to us.
@Suite("A stopped service", .enabled(if: !RealTools.restics.isEmpty))
struct ResourceTests {
    /// Every place between the acquire and the release, and those directly before and after.
    static let places =
        [RunStep.acquire, .capture, .giveBack].map(\.rawValue)
        + [RunMoment.resourceJournaled, .resourceTaken, .resourceHeld, .partStored, .resourceReleased].map(\.rawValue)

    @Test(arguments: places)
    func `runs again after kill -9 at that place, by the next that looks`(place: String) async throws {
        let scene = try HookScene()
        let killed = try await scene.program.run("backup", environment: ["HOLDFAST_FAILPOINT": "\(place):kill"])
        #expect(killed.code == -SIGKILL, "\(killed)")
        #expect(scene.journal.count == 1 || place == RunStep.acquire.rawValue, "\(place): \(scene.journal)")
        // By turns: what comes up with the machine, what comes at night, what an operator does first.
        let commands = [["recover", "--all"], ["backup"], ["backup", "verify"]]
        let command = commands[(Self.places.firstIndex(of: place) ?? 0) % commands.count]
        let next = try await scene.program.run(command)
        #expect(next.code == 0, "\(next)")
        scene.expectGivenBack("\(place) \(command)")
        let after = scene.log.count
        #expect(try await scene.program.run("recover", "--all").code == 0)
        #expect(scene.log.count == after, "given back twice: \(scene.log)")
    }

    @Test(arguments: [RunMoment.resourceTaken, .resourceHeld, .partStored])
    func `runs again before a run that got SIGTERM there has ended`(place: RunMoment) async throws {
        let scene = try HookScene()
        let result = try await scene.program.run(
            "backup", environment: ["HOLDFAST_FAILPOINT": "\(place.rawValue):term"])
        #expect(result.code == 143, "\(result)")
        scene.expectGivenBack(place.rawValue)
        #expect(scene.log.last == "resource.release yes" || place == .resourceTaken, "\(scene.log)")
    }

    @Test func `runs again when the acquire itself is stopped half way`() async throws {
        let scene = try HookScene(more: "time-limit: 2s")
        try scene.folder.write(
            HookScene.script.replacingOccurrences(of: "${PAUSE:-0}", with: "30"), to: "hooks/service", mode: 0o755)
        let result = try await scene.program.run("backup")
        #expect(result.code == 1 && result.errors.contains("stopped after 2 s (`time-limit`)"), "\(result)")
        scene.expectGivenBack()
        #expect(scene.log.last == "resource.release unknown")
    }

    @Test func `runs again when the run passes its own time limit`() async throws {
        let scene = try HookScene(source: "command: { run: [sleep, 60] }", top: "time-limit: 4s")
        let result = try await scene.program.run("backup")
        #expect(result.code != 0, "\(result)")
        scene.expectGivenBack("\(result)")
    }

    @Test func `stays stopped when it was stopped before`() async throws {
        let scene = try HookScene()
        try FileManager.default.removeItem(atPath: scene.folder["service"])
        #expect(try await scene.program.run("backup").code == 0)
        #expect(!scene.isServing && scene.journal.isEmpty)
        #expect(scene.log == ["resource.inspect", "resource.acquire", "resource.release yes"])
    }

    @Test func `that does not start again is told of by every run until it does`() async throws {
        let scene = try HookScene()
        try scene.folder.write("", to: "broken")
        for command in [["backup"], ["recover", "--all"], ["recover"]] {
            let result = try await scene.program.run(command)
            #expect(result.code == 1 && result.errors.contains("STILL HELD"), "\(result)")
            #expect(result.errors.contains("the service does not start"), "\(result)")
        }
        let list = try await scene.program.run("backup", "list", "--json").document()
        #expect((list["points"] as? [Any])?.count == 1)
        try FileManager.default.removeItem(atPath: scene.folder["broken"])
        let mended = try await scene.program.run("recover", "--all")
        #expect(mended.code == 0, "\(mended)")
        scene.expectGivenBack()
    }

    @Test func `is forgotten on the operator's word alone`() async throws {
        let scene = try HookScene()
        try scene.folder.write("", to: "broken")
        _ = try await scene.program.run("backup")
        let id = try #require(scene.journal.first).replacingOccurrences(of: ".json", with: "")
        let unknown = try await scene.program.run("recover", "--forget", "nonsense")
        #expect(unknown.code == 1 && unknown.errors.contains(id), "\(unknown)")
        #expect(try await scene.program.run("recover", "--forget", id).code == 0)
        #expect(scene.journal.isEmpty)
    }

    @Test func `runs again although its profile cannot be loaded any more, and those of others are seen to as well`()
        async throws
    {
        let scene = try HookScene()
        let profile = scene.folder["config/test.yaml"]
        let text = try String(contentsOfFile: profile, encoding: .utf8)
        try scene.program.writeProfile(
            text.split(separator: "\n").dropFirst().joined(separator: "\n"), named: "other")
        for name in ["test", "other"] {
            let killed = try await scene.program.run(
                "backup", "-p", name, environment: ["HOLDFAST_FAILPOINT": "resourceHeld:kill"])
            #expect(killed.code == -SIGKILL)
            try scene.folder.write("", to: "service")
        }
        try FileManager.default.removeItem(atPath: scene.folder["service"])
        try scene.folder.write("sources: [", to: "config/test.yaml")
        // Nobody has said which profile: all of them.
        let result = try await scene.program.run("recover")
        #expect(result.code == 1 && result.errors.contains("cannot be loaded"), "\(result)")
        scene.expectGivenBack("\(result)")
        #expect(scene.log.filter { $0 == "resource.release yes" }.count == 2)
    }
}
