package import BackupModel
import Foundation

/// systemd's timers: of the whole machine, or of one user.
package struct SystemdTimers: HostTimer {
    package enum Scope: String, Sendable { case system, user }

    package let scope: Scope
    /// Where the unit files lie.
    package let folder: String
    private let runner: any ToolRunner
    package var kind: TimerKind { .systemd }

    package init(scope: Scope, folder: String, runner: any ToolRunner) {
        self.scope = scope
        self.folder = folder
        self.runner = runner
    }

    package static let systemFolder = "/etc/systemd/system"

    package func wanted(_ timetable: Timetable) throws(ScheduleError) -> [ScheduleFile] {
        try SystemdUnits(timetable: timetable, scope: scope).all().map {
            ScheduleFile(path: "\(folder)/\($0.name)", text: $0.text)
        }
        .sorted { $0.path < $1.path }
    }

    package func installed(_ profile: ProfileName) async throws(ScheduleError) -> [ScheduleFile] {
        var files: [ScheduleFile] = []
        for name in FilesOnDisk.names(in: folder)
        where name.hasPrefix("holdfast-\(profile)-") && (name.hasSuffix(".timer") || name.hasSuffix(".service")) {
            let path = "\(folder)/\(name)"
            let text: String?
            do throws(ScheduleError) { text = try FilesOnDisk.read(path) } catch .foreign { continue }
            guard let text, OwnershipMark.isOurs(text, profile) else { continue }
            files.append(ScheduleFile(path: path, text: text))
        }
        return files
    }

    package func apply(_ changes: [ScheduleChange], of profile: ProfileName) async throws(ScheduleError) {
        // Before anything is changed: what is there under a name of ours must be ours.
        for change in changes where change.before == nil {
            if try FilesOnDisk.read(change.path) != nil { throw .foreign(path: change.path) }
        }
        let leaving = changes.filter { $0.after == nil }.map { SystemdTimers.unit($0.path) }
        let toStop = leaving.filter { name in
            name.hasSuffix(".timer") || !leaving.contains(SystemdTimers.timer(of: name))
        }
        // Services are left to finish: a backup that is under way is not broken off.
        if !toStop.isEmpty {
            try await systemctl(["disable"] + toStop)
            let timers = toStop.filter { $0.hasSuffix(".timer") }
            if !timers.isEmpty { try await systemctl(["stop"] + timers) }
        }
        for change in changes where change.kind != .unchanged {
            if let text = change.after {
                try FilesOnDisk.write(text, to: change.path)
            } else {
                try FilesOnDisk.remove(change.path)
            }
        }
        if changes.contains(where: { $0.kind != .unchanged }) { try await systemctl(["daemon-reload"]) }
        let kept = changes.filter { $0.after != nil }
        let timers = kept.map { SystemdTimers.unit($0.path) }.filter { $0.hasSuffix(".timer") }
        let atBoot = kept.filter { $0.after?.contains("\n[Install]\n") == true }.map { SystemdTimers.unit($0.path) }
            .filter { $0.hasSuffix(".service") }
        if !timers.isEmpty || !atBoot.isEmpty { try await systemctl(["enable"] + timers + atBoot) }
        // A timer that runs already takes over new times only when it is started anew.
        if !timers.isEmpty { try await systemctl(["restart"] + timers) }
    }

    package func troubles(_ files: [ScheduleFile]) async -> [String] {
        var troubles: [String] = []
        for file in files where file.path.hasSuffix(".timer") {
            let unit = SystemdTimers.unit(file.path)
            do throws(ScheduleError) {
                let result = try await runner.control(
                    "systemctl", scopeArguments + ["is-active", unit], accepting: [0, 3, 4])
                let state = result.output.text.trimmingCharacters(in: .whitespacesAndNewlines)
                if state != "active" { troubles.append("\(unit) is \(state.isEmpty ? "not loaded" : state)") }
            } catch {
                troubles.append(error.description)
                break
            }
        }
        return troubles
    }

    private var scopeArguments: [String] { scope == .user ? ["--user"] : [] }

    private func systemctl(_ arguments: [String]) async throws(ScheduleError) {
        _ = try await runner.control("systemctl", scopeArguments + arguments)
    }

    private static func unit(_ path: String) -> String { (path as NSString).lastPathComponent }
    private static func timer(of unit: String) -> String { (unit as NSString).deletingPathExtension + ".timer" }
}
