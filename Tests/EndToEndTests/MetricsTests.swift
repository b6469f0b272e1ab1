import BackupEngine
import Foundation
import TestSupport
import Testing

/// What the real program leaves for a monitoring system.
@Suite("Metrics", .enabled(if: RealTools.hasPromtool, "prometheus is not installed"))
struct MetricsTests {
    private let scene: ReportingScene

    init() throws {
        scene = try ReportingScene("metrics")
        try scene.writeProfile("metrics: { textfile: \(scene.world.folder["textfiles"]) }\nobjectives: { backup: 26h }")
    }

    /// The value of the one series that has all of these in its name and labels; `nil` when there is none.
    private func value(_ text: String, _ family: MetricFamily, _ labels: String...) -> Double? {
        let lines = text.split(separator: "\n").filter { line in
            line.hasPrefix(family.name + "{") && labels.allSatisfy(line.contains)
        }
        return lines.count == 1 ? lines[0].split(separator: " ").last.flatMap { Double($0) } : nil
    }

    /// What the last run left.
    private func left(_ outcome: String, _ operation: String = "backup") async throws -> String {
        let text = try scene.content(scene.textfile)
        try await scene.checkMetrics(text)
        #expect(
            value(text, .outcome, "operation=\"\(operation)\"", "outcome=\"\(outcome)\"") == 1,
            "\(outcome) in \(text)")
        return text
    }

    @Test(.timeLimit(.minutes(3)))
    func `however a run ends it leaves its figures, and the last success stays known`() async throws {
        #expect(try await scene.run("backup").code == 0)
        let good = try await left("succeeded")
        #expect(try scene.mode(scene.textfile) == 0o644)
        let success = try #require(value(good, .lastSuccess, "operation=\"backup\""))
        #expect(value(good, .due, "operation=\"backup\"") == ((success + 26 * 3600) * 1000).rounded() / 1000)
        #expect(value(good, .sourceFiles, "source=\"documents\"") == 2)

        try scene.world.folder.write("", to: "fail")
        #expect(try await scene.run("backup").code == 1)
        let failed = try await left("failed")
        #expect(value(failed, .sourceCondition, "source=\"dump\"", "condition=\"missing\"") == 1)
        #expect(value(failed, .lastSuccess, "operation=\"backup\"") == success)
        #expect(try #require(value(failed, .lastRun, "operation=\"backup\"")) > success)
        try FileManager.default.removeItem(atPath: scene.world.folder["fail"])

        let lock = scene.program.state + "/locks/profile-test.lock"
        let skipped = try await scene.program.runTool(
            "flock", lock, scene.program.path, "backup", environment: ["TOKEN": "x"])
        #expect(skipped.code == 75, "\(skipped)")
        #expect(value(try await left("skipped"), .skippedSince, "operation=\"backup\"") != nil)

        let before = try scene.content(scene.textfile)
        let killed = try await scene.run("backup", environment: ["HOLDFAST_FAILPOINT": "manifest:kill"])
        #expect(killed.code == -SIGKILL)
        #expect(try scene.content(scene.textfile) == before)
        #expect(try await scene.run("recover").code == 0)
        let recovered = try await left("interrupted")
        #expect(value(recovered, .outcome, "operation=\"recover\"", "outcome=\"succeeded\"") == 1)
        // Only a run that goes well ends what was skipped.
        #expect(value(recovered, .skippedSince, "operation=\"backup\"") != nil)

        let stopped = try await scene.run("backup", environment: ["HOLDFAST_FAILPOINT": "capture:term"])
        #expect(stopped.code == 143, "\(stopped)")
        #expect(value(try await left("interrupted"), .lastSuccess, "operation=\"backup\"") == success)

        #expect(try await scene.run("backup", "verify").code == 0)
        #expect(value(try await left("succeeded", "verify"), .damaged) == 0)
        #expect(try await scene.run("backup").code == 0)
        let last = try await left("succeeded")
        #expect(try #require(value(last, .lastSuccess, "operation=\"backup\"")) > success)
        #expect(value(last, .skippedSince) == nil)
        #expect(!(try scene.content(scene.textfile)).contains(ReportingScene.secret))
        let names = try FileManager.default.contentsOfDirectory(atPath: scene.world.folder["textfiles"])
        #expect(names == ["holdfast-test.prom"])
    }

    @Test(.timeLimit(.minutes(2)))
    func `a place that cannot be written to is named, and costs the run nothing`() async throws {
        try FileManager.default.removeItem(atPath: scene.world.folder["textfiles"])
        let run = try await scene.run("backup")
        #expect(run.code == 0 && run.errors.contains("warning: the metrics: \(scene.textfile) cannot be"), "\(run)")
        #expect(run.errors.contains("make the folder"), "\(run)")
        #expect(!FileManager.default.fileExists(atPath: scene.world.folder["textfiles"]))
        #expect(try await scene.run("show", "--log").output.contains("warning the metrics: "))

        let write = try await scene.run("metrics", "--write", "-p", "test")
        #expect(write.code == 1 && write.errors.contains("make the folder"), "\(write)")
        try scene.world.folder.write("other_metric 1\n", to: "textfiles/holdfast-test.prom")
        let foreign = try await scene.run("metrics", "--write", "-p", "test")
        #expect(foreign.code == 1 && foreign.errors.contains("was not written by this profile"), "\(foreign)")
        try FileManager.default.removeItem(atPath: scene.textfile)
        let written = try await scene.run("metrics", "--write", "-p", "test")
        #expect(written.code == 0 && written.output == "", "\(written)")
        _ = try await left("succeeded")
    }

    @Test(.timeLimit(.minutes(2)))
    func `the command prints all profiles in one text, or one of them, without any password`() async throws {
        #expect(try await scene.run("backup", "-p", "test").code == 0)
        try scene.writeProfile(named: "other", "")
        try scene.program.writeProfile("sources: [", named: "broken")
        let all = try await scene.program.run("metrics")
        #expect(all.code == 0 && all.errors.contains("broken"), "\(all)")
        try await scene.checkMetrics(all.output)
        #expect(value(all.output, .build, "profile=\"test\"") == 1)
        #expect(value(all.output, .build, "profile=\"other\"") == 1)
        let one = try await scene.program.run("metrics", "-p", "other")
        #expect(one.code == 0 && !one.output.contains("profile=\"test\""), "\(one)")
        let json = try await scene.program.run("metrics", "-p", "test", "--json").document().objects("metrics")
        let run = try #require(json.first { $0.text("name") == MetricFamily.lastRun.name })
        #expect(run.lacks("name", "help", "unit", "samples") == [])
        #expect(run.objects("samples").first?.object("labels").text("operation") == "backup")
        let nowhere = try await scene.program.run("metrics", "--write", "-p", "other")
        #expect(nowhere.code == 64 && nowhere.errors.contains("textfile"), "\(nowhere)")
    }
}
