import BackupModel
import Foundation

/// Reading and writing of small text files that belong to us.
enum FilesOnDisk {
    /// - Returns: `nil` where nothing is.
    /// - Throws: ``ScheduleError/foreign(path:)`` for a link, a folder or what is no text.
    static func read(_ path: String) throws(ScheduleError) -> String? {
        var facts = stat()
        guard lstat(path, &facts) == 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw .unreadable(path: path, reason: String(cString: strerror(errno)))
        }
        // A unit that is masked is a link to /dev/null.
        guard facts.st_mode & S_IFMT == S_IFREG else { throw .foreign(path: path) }
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw .unreadable(path: path, reason: "permission denied")
        }
        guard let text = String(bytes: bytes, encoding: .utf8) else { throw .foreign(path: path) }
        return text
    }

    /// Whole or not at all.
    static func write(_ text: String, to path: String) throws(ScheduleError) {
        let folder = (path as NSString).deletingLastPathComponent
        let draft = "\(folder)/.holdfast-\(UUID().uuidString)"
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw .unwritable(path: folder, reason: error.localizedDescription)
        }
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .unwritable(path: path, reason: String(cString: strerror(errno))) }
        let bytes = Array(text.utf8)
        // The mode counts, whatever the umask is: cron passes over files that others may write to.
        let isWritten =
            bytes.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) } == bytes.count
            && fchmod(descriptor, 0o644) == 0 && fsync(descriptor) == 0
        close(descriptor)
        guard isWritten, rename(draft, path) == 0 else {
            let reason = String(cString: strerror(errno))
            unlink(draft)
            throw .unwritable(path: path, reason: reason)
        }
    }

    static func remove(_ path: String) throws(ScheduleError) {
        guard unlink(path) == 0 || errno == ENOENT else {
            throw .unwritable(path: path, reason: String(cString: strerror(errno)))
        }
    }

    /// The names in a folder; none where there is no such folder.
    static func names(in folder: String) -> [String] {
        // A folder that cannot be read holds nothing that we could change.
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
    }
}

extension ToolRunner {
    /// Runs a program that sets up timers.
    func control(_ program: String, _ arguments: [String], input: String? = nil, accepting codes: Set<Int32> = [0])
        async throws(ScheduleError) -> ToolResult
    {
        var command = ToolCommand(program, arguments)
        command.limits = ToolCommand.Limits(total: .seconds(60))
        command.keptOutput = .mebibytes(1)
        command.acceptedExitCodes = codes
        command.inheritedVariables = ["XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "XDG_CONFIG_HOME"]
        if let input { command.input = .bytes(Array(input.utf8)) }
        let result: ToolResult
        do throws(ToolError) { result = try await run(command) } catch {
            throw .tool(program: program, detail: error.description)
        }
        guard result.didItsWork else {
            let said = result.errors.text.trimmingCharacters(in: .whitespacesAndNewlines)
            throw .tool(
                program: command.displayed,
                detail: said.isEmpty ? result.termination.description : said.replacing("\n", with: "; "))
        }
        return result
    }
}
