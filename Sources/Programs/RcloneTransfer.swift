package import BackupModel
import Foundation

/// Puts files to one of rclone's remotes, and lists what is there.
/// - Source: https://rclone.org/commands/rclone_copy/, https://rclone.org/docs/; checked with rclone 1.60.1.
package struct RcloneTransfer: Sendable, Equatable {
    package var program: String
    /// `REMOTE:path`
    package var remote: String
    package var limit: ByteCount?

    package init(program: String = "rclone", remote: String, limit: ByteCount? = nil) {
        self.program = program
        self.remote = remote
        self.limit = limit
    }

    /// Copies files to the same paths there. One that is there already is looked at, never replaced; another one under its name is an
    /// error.
    /// - Parameters:
    ///   - folder: absolute.
    ///   - paths: in it.
    package func copy(_ paths: [String], from folder: String) -> ToolCommand {
        var command = command(["copy", "--files-from-raw", "-", "--no-traverse"] + creating, [folder, remote])
        command.input = .bytes(Array(paths.map { $0 + "\n" }.joined().utf8))
        return command
    }

    /// As ``copy(_:from:)``, of one file to another name.
    package func copy(_ file: String, to path: String) -> ToolCommand {
        command(["copyto"] + creating, [file, remote + "/" + path])
    }

    private var creating: [String] {
        ["--immutable", "--size-only", "--use-json-log", "--verbose", "--retries", "1", "--stats", "0"] + rate
    }

    /// What is directly there, folders with a slash at their ends.
    package func list() -> ToolCommand { command(["lsf", "--max-depth", "1"], [remote]) }

    /// Prints one small file.
    package func print(_ path: String) -> ToolCommand { command(["cat"], [remote + "/" + path]) }

    /// Everything there, two levels deep, as JSON.
    package func listAll() -> ToolCommand {
        command(
            ["lsjson", "--recursive", "--max-depth", "2", "--files-only", "--no-modtime", "--no-mimetype"], [remote])
    }

    /// Sizes by path, as ``listAll()`` printed them; `nil` for something else.
    package static func sizes(_ output: String) -> [String: Int64]? {
        struct Entry: Decodable {
            var path: String
            var size: Int64
            enum CodingKeys: String, CodingKey {
                case path = "Path"
                case size = "Size"
            }
        }
        // What does not decode is no listing; the caller says so.
        guard let entries = try? JSONDecoder().decode([Entry].self, from: Data(output.utf8)) else { return nil }
        return Dictionary(entries.map { ($0.path, $0.size) }) { first, _ in first }
    }

    /// Fetches files, each to its path below a folder. One that is not there is passed over.
    package func fetch(_ paths: [String], to folder: String) -> ToolCommand {
        var command = command(
            ["copy", "--files-from-raw", "-", "--no-traverse", "--ignore-times", "--retries", "1"] + rate,
            [remote, folder])
        command.input = .bytes(Array(paths.map { $0 + "\n" }.joined().utf8))
        return command
    }

    /// One file to standard output, as the first stage of a pipeline.
    package func stream(_ path: String) -> ToolCommand {
        var command = command(["cat", "--retries", "1"] + rate, [remote + "/" + path])
        command.acceptedExitCodes = [0]
        command.keptOutput = .kibibytes(64)
        command.whenOrphaned = .leave
        return command
    }

    /// Puts a file in the place of one that is there.
    package func replace(_ path: String, with file: String) -> ToolCommand {
        command(["copyto", "--ignore-times", "--retries", "1"] + rate, [file, remote + "/" + path])
    }

    /// - Important: deletes files.
    package func delete(_ paths: [String]) -> ToolCommand {
        var command = command(["delete", "--files-from-raw", "-", "--no-traverse", "--retries", "1"], [remote])
        command.input = .bytes(Array(paths.map { $0 + "\n" }.joined().utf8))
        return command
    }

    /// Removes a folder that is empty.
    package func removeFolder(_ path: String) -> ToolCommand { command(["rmdir"], [remote + "/" + path]) }

    private var rate: [String] { limit.map { ["--bwlimit", "\(max(1, $0.bytes / 1024))K"] } ?? [] }

    /// rclone's exit code for a folder that is not there.
    package static let noFolder: Int32 = 3

    private func command(_ words: [String], _ operands: [String]) -> ToolCommand {
        var command = ToolCommand(program, words + ["--"] + operands)
        command.inheritedVariables = ["RCLONE_CONFIG"]
        command.keptOutput = .mebibytes(4)
        command.acceptedExitCodes = Set(0...255)
        command.teardown = TeardownStep.terminateFirst
        return command
    }

    /// What rclone says of one file, or of all.
    private struct Line: Decodable {
        var level: String
        var msg: String
        var object: String?
    }

    /// What came of a copy: the paths that were created, and what went wrong, with the path where there is one.
    package static func outcome(_ log: String) -> (created: Set<String>, failures: [(path: String?, message: String)]) {
        var created: Set<String> = []
        var failures: [(path: String?, message: String)] = []
        for text in log.split(separator: "\n") {
            // Lines of plain text come from programs that rclone starts, and say nothing of a file.
            guard let line = try? JSONDecoder().decode(Line.self, from: Data(text.utf8)) else { continue }
            if line.msg.contains("Copied (new)"), let object = line.object {
                created.insert(object)
            } else if line.level == "error" || line.level == "critical" {
                failures.append((line.object, line.msg.split(whereSeparator: \.isNewline).joined(separator: " ")))
            }
        }
        return (created, failures)
    }
}
