package import BackupModel
import Foundation

/// The hidden commands of our own program that stand in pipelines: `holdfast stream …`. As children they are supervised like
/// any other tool, and nothing flows through our memory.
package struct OwnStreams: Sendable {
    /// Our own program.
    package var program: String

    package init(program: String) { self.program = program }

    /// Passes a tar stream on, counts it, and adds the digests of its files as a last member.
    package func digestTar() -> ToolCommand { command(["digest-tar"]) }

    /// Passes everything on and counts it: the kernel keeps no account that an ordinary user may read.
    package func count() -> ToolCommand {
        var command = command(["count"])
        command.whenOrphaned = .leave
        return command
    }

    /// Passes a dump of MySQL's or MariaDB's clients on, fails when it has no end, and leaves what it counted in a file
    /// (``MySQLDumpScanner/Report``).
    package func witnessMySQL(report: String) -> ToolCommand {
        var command = command(["witness-mysql", report])
        command.whenOrphaned = .leave
        return command
    }

    /// Standard input to a new file, durably; prints what it kept.
    package func keep(_ path: String) -> ToolCommand {
        var command = command(["keep", path])
        command.teardown = TeardownStep.interruptFirst
        return command
    }

    /// Passes a file on, and its end only if all of it has this digest: one that was exchanged since it was tested is opened by
    /// nobody.
    package func match(_ digest: String, in path: String) -> ToolCommand {
        var command = command(["match", digest])
        command.input = .file(path)
        command.whenOrphaned = .leave
        return command
    }

    /// As ``match(_:in:)``, of what comes through a pipe.
    package func match(_ digest: String) -> ToolCommand {
        var command = command(["match", digest])
        command.whenOrphaned = .leave
        return command
    }

    /// Passes on a piece of a file.
    package func slice(_ path: String, from start: Int64, bytes: Int64) -> ToolCommand {
        var command = command(["slice", String(start), String(bytes)])
        command.input = .file(path)
        command.whenOrphaned = .leave
        return command
    }

    /// Hashes and counts what comes, keeps nothing of it, and prints what ``kept(_:)`` reads.
    package func digest() -> ToolCommand { command(["digest"]) }

    /// age with a passphrase, which the program itself takes on a terminal only (age(1), age 1.1.1 to 1.3.2).
    package func age(_ passphrase: Secret, decrypting: Bool = false) -> ToolCommand {
        var command = command(["age-passphrase"] + (decrypting ? ["--decrypt"] : []))
        command.secrets = [.memoryFileArgument("--secret=", passphrase)]
        return command
    }

    /// Prints one line for each entry of a tar stream, and holds the contents against their digests.
    /// - Parameter isSafe: ends at the first entry that would leave its folder.
    package func listTar(isSafe: Bool) -> ToolCommand {
        command(["list-tar", "--check"] + (isSafe ? ["--safe"] : []))
    }

    /// The disk is full.
    package static let fullExitCode: Int32 = 74
    /// An entry would leave its folder, or a content is not what its digest says.
    package static let refusedExitCode: Int32 = 65
    /// The member that ``digestTar()`` adds.
    package static let sumsName = ".holdfast-sha256sums"

    package func command(_ words: [String]) -> ToolCommand {
        var command = ToolCommand(program, ["stream"] + words)
        command.teardown = TeardownStep.terminateFirst
        return command
    }

    package struct Tally: Codable, Sendable, Equatable {
        package var entries: Int64
        package var files: Int64
        package var bytes: Int64
    }

    package struct Kept: Codable, Sendable, Equatable {
        package var sha256: String
        package var bytes: Int64
    }

    /// What `digest-tar` or `count` counted, from its standard error.
    package static func tally(_ output: String) -> Tally? { last(Tally.self, in: output) }
    /// What `keep` kept, from its standard output.
    package static func kept(_ output: String) -> Kept? { last(Kept.self, in: output) }

    private static func last<Value: Decodable>(_ type: Value.Type, in output: String) -> Value? {
        output.split(separator: "\n").reversed().lazy.compactMap { line in
            // A line that is none of ours is somebody's message.
            try? JSONDecoder().decode(Value.self, from: Data(line.utf8))
        }.first
    }
}
