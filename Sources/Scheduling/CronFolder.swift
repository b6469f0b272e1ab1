package import BackupModel
import Foundation

/// One file below `/etc/cron.d`, for the whole machine.
package struct CronFolder: HostTimer {
    package let folder: String
    package var kind: TimerKind { .cron }

    package init(folder: String = CronFolder.systemFolder) { self.folder = folder }

    package static let systemFolder = "/etc/cron.d"

    package func wanted(_ timetable: Timetable) throws(ScheduleError) -> [ScheduleFile] {
        let lines = try CronLines(timetable: timetable, user: "root").text()
        return [ScheduleFile(path: path(timetable.profile), text: OwnershipMark.lines(timetable.profile) + lines)]
    }

    package func installed(_ profile: ProfileName) async throws(ScheduleError) -> [ScheduleFile] {
        let path = path(profile)
        do throws(ScheduleError) {
            guard let text = try FilesOnDisk.read(path), OwnershipMark.isOurs(text, profile) else { return [] }
            return [ScheduleFile(path: path, text: text)]
        } catch .foreign {
            return []
        }
    }

    package func apply(_ changes: [ScheduleChange], of profile: ProfileName) async throws(ScheduleError) {
        for change in changes where change.kind != .unchanged {
            if change.before == nil, try FilesOnDisk.read(change.path) != nil { throw .foreign(path: change.path) }
            if let text = change.after {
                try FilesOnDisk.write(text, to: change.path)
            } else {
                try FilesOnDisk.remove(change.path)
            }
        }
    }

    package func troubles(_ files: [ScheduleFile]) async -> [String] { [] }

    /// cron passes over names with a dot in them. Names that differ in dots alone must not meet.
    private func path(_ profile: ProfileName) -> String {
        let plain = profile.rawValue.replacing(".", with: "_")
        guard plain != profile.rawValue else { return "\(folder)/holdfast-\(plain)" }
        let spread = SpreadTime(seed: profile.rawValue)
        return "\(folder)/holdfast-\(plain)-dot\(spread.minuteOfDay)\(spread.minuteOfHour)\(spread.day)"
    }
}
