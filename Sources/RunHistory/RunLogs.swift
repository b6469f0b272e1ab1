package import BackupModel
package import Foundation

/// What each run did and its tools said, line by line: `logs/<profile>/<run>.log` in the state folder. Of each profile the newest
/// so many stay, none older than so long, and each is bounded.
package struct RunLogs: Sendable {
    private let root: String
    private let keep: Int

    package static let usualCount = 100
    /// Older ones go however few there are.
    package static let age = Duration.seconds(90 * 86_400)

    /// - Parameter folder: the state folder.
    package init(folder: String, keep: Int = RunLogs.usualCount) {
        root = folder
        self.keep = keep
    }

    package struct Log: Sendable, Equatable {
        package var entries: [LogEntry]
        /// Lines that are none of ours, or were only begun when the run was killed.
        package var unreadable: Int
    }

    /// Begins the log of a run, and removes those whose time is over.
    package func begin(_ run: RunID, of profile: ProfileName, now: Date) throws(StoreError) -> RunLogFile {
        let folder = folder(of: profile)
        try StateFolder.prepare(root)
        try StateFolder.prepare("\(root)/logs")
        try StateFolder.prepare(folder)
        sweep(folder, besides: run, now: now)
        return try RunLogFile("\(folder)/\(run).log")
    }

    /// - Returns: `nil` when there is none, or none any more.
    package func log(of run: RunID, of profile: ProfileName) throws(StoreError) -> Log? {
        try StateFolder.checkIfPresent(root)
        guard let bytes = try DurableFile.read("\(folder(of: profile))/\(run).log") else { return nil }
        let lines = bytes.split(separator: UInt8(ascii: "\n"))
        let entries = lines.compactMap { LogEntry(json: $0) }
        return Log(entries: entries, unreadable: lines.count - entries.count)
    }

    private func folder(of profile: ProfileName) -> String { "\(root)/logs/\(profile)" }

    /// Names of runs sort by time. What cannot be removed is tried again by the next run.
    private func sweep(_ folder: String, besides run: RunID, now: Date) {
        // A folder that cannot be read is swept another time.
        let names = ((try? StateFolder.names(in: folder)) ?? []).filter { $0.hasSuffix(".log") && $0 != "\(run).log" }
        let border = now.addingTimeInterval(-RunLogs.age.inSeconds)
        for (index, name) in names.reversed().enumerated() {
            let begun = RunID(rawValue: String(name.dropLast(4)))?.date
            if index >= keep - 1 || (begun ?? .distantPast) < border { unlink("\(folder)/\(name)") }
        }
    }
}

/// The log of one run while it goes on. Every line is one `write(2)`, so that a kill leaves whole lines.
package final class RunLogFile: Sendable {
    private let descriptor: Int32
    private let path: String

    /// Beyond this only what matters is written, and beyond twice as much nothing.
    package static let limit = ByteCount.mebibytes(1)

    init(_ path: String) throws(StoreError) {
        try DurableFile.checkTarget(path)
        self.path = path
        descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw stateError(path, errno) }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    package func append(_ line: String, _ level: LogLevel) throws(StoreError) {
        var facts = stat()
        guard fstat(descriptor, &facts) == 0 else { throw stateError(path, errno) }
        let room = RunLogFile.limit.bytes * (level >= .warning ? 2 : 1)
        guard Int64(facts.st_size) + Int64(line.utf8.count) <= room else { return }
        let bytes = Array(line.utf8)
        let count = bytes.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
        guard count != bytes.count else { return }
        let code = count < 0 ? errno : ENOSPC
        // Half a line would spoil the next one as well.
        _ = ftruncate(descriptor, facts.st_size)
        throw stateError(path, code, doing: "writing")
    }
}
