import BackupModel
import Foundation
import TestSupport
import Testing
import Tools

@testable import Scheduling

/// Timetables to render, and real programs that read them.
enum Bench {
    static let newYork = TimeZone(identifier: "America/New_York") ?? .gmt
    static let now = Timestamp.parse("2026-11-21T19:00:00Z") ?? .distantPast

    static func profile(_ name: String = "app", _ change: (inout ProfileSchedules) throws -> Void = { _ in }) rethrows
        -> Profile
    {
        var profile = Profile(
            name: ProfileName(unchecked: name), path: "/etc/holdfast/profiles/\(name).yaml", digest: "d", host: "web1",
            sources: [], repositories: [], retention: RetentionPolicy(), settings: ProfileSettings(), ignoredKeys: [],
            disabled: [])
        try change(&profile.schedules)
        return profile
    }

    static func timetable(
        _ name: String = "app", path: String = "/etc/holdfast/profiles/app.yaml", offsite: Bool = false,
        program: String = "/usr/bin/env", environment: [String: String] = ["PATH": "/usr/local/bin:/usr/bin:/bin"],
        zone: TimeZone = newYork, demands: UnitDemands = UnitDemands(),
        changing change: (inout ProfileSchedules) throws -> Void = { _ in }
    ) throws -> Timetable {
        try Timetable(
            profile(name, change),
            TimetableRequest(
                profilePath: path, offsite: offsite, program: program, environment: environment, zone: zone, now: now),
            demands)
    }

    /// Paths and variables with everything in them that some quoting minds.
    static func awkward() throws -> Timetable {
        try timetable(
            path: "/srv/my profiles/100% \"it's\" $HOME \\ é.yaml",
            environment: ["HOLDFAST_STATE_DIR": "/srv/st ate/50%n $x \"q\" 'p' \\", "PATH": "/usr/bin:/bin"]
        ) { $0.backup = try Schedule(["02:30", "Mon..Fri 12:00"], unsaid: .beginning) }
    }

    static func run(_ words: String..., environment: [String: String] = [:]) async throws -> (code: Int32, said: String)
    {
        try await run(list: words, environment: environment)
    }

    static func run(list words: [String], environment: [String: String]) async throws -> (code: Int32, said: String) {
        let runner = try SupervisedRunner()
        defer { runner.close() }
        var command = ToolCommand(words[0], Array(words.dropFirst()))
        command.environment = environment
        command.keptOutput = .mebibytes(1)
        let result = try await runner.run(command)
        guard case .exited(let code) = result.termination else { return (-1, result.errors.text) }
        return (code, result.output.text + result.errors.text)
    }

    /// Compares with a file in `Golden`, or writes it where `HOLDFAST_WRITE_GOLDEN` is set.
    static func expectGolden(_ text: String, _ name: String, location: Testing.SourceLocation = #_sourceLocation) throws
    {
        let sources = (#filePath as NSString).deletingLastPathComponent + "/Golden/\(name)"
        if ProcessInfo.processInfo.environment["HOLDFAST_WRITE_GOLDEN"] != nil {
            try Data(text.utf8).write(to: URL(fileURLWithPath: sources))
        }
        let golden = try String(contentsOfFile: sources, encoding: .utf8)
        #expect(text == golden, "Golden/\(name) has something else", sourceLocation: location)
    }
}
