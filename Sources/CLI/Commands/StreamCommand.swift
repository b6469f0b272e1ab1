import ArgumentParser
import BackupModel
import Digests
import Foundation
import Programs

/// `holdfast stream`: stages of pipelines that Holdfast starts as its own children, so that no byte of an archive passes through
/// the program that supervises them. For nobody's hands, and so in no help.
struct StreamCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stream", abstract: "Stages of pipelines.", shouldDisplay: false,
        subcommands: [
            DigestTar.self, Keep.self, ListTar.self, Match.self, Digest.self, Slice.self, Count.self,
            PassphraseStream.self, MySQLWitness.self,
        ])

    /// Runs a stage that waits for its input most of the time. When a signal comes, the process ends at once.
    /// - Parameter ending: what must be done before that; false when the stage has done its work already, so that it counts.
    static func perform(
        ending: @escaping @Sendable () -> Bool = { true }, _ work: @Sendable () throws -> Void
    ) async throws {
        try await withTaskCancellationHandler {
            try work()
        } onCancel: {
            if ending() { _exit(Interruption.exitStatus.rawValue) }
        }
    }

    /// `holdfast stream digest-tar`
    struct DigestTar: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "digest-tar",
            abstract: "Pass a tar stream on, with the digests of its files as a last member.",
            shouldDisplay: false)

        func run() async throws {
            try await StreamCommand.perform {
                var digesting = try TarDigesting()
                do {
                    try digesting.run()
                } catch let error as TarError {
                    // The stream is at fault, not an archive that somebody keeps.
                    throw Failure(error.description, hint: error.hint)
                }
            }
        }
    }

    /// `holdfast stream keep`
    struct Keep: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write standard input to a new file.", shouldDisplay: false)

        @Argument(help: "A path where nothing is.")
        var file: String

        func run() async throws {
            let kept = KeptFile(file)
            try await StreamCommand.perform(ending: kept.abandon) {
                let account = try kept.fill()
                let document = JSONValue.object([
                    ("sha256", .string(account.digest.description)), ("bytes", JSONValue(account.bytes)),
                ])
                try StandardStreams.write(Array((document.text() + "\n").utf8))
            }
        }
    }

    /// `holdfast stream list-tar`
    struct ListTar: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list-tar", abstract: "Print the entries of a tar stream as JSON lines.", shouldDisplay: false)

        @Flag(help: "Refuse what would not stay below the folder that it is unpacked into.")
        var safe = false

        @Flag(help: "Compare contents with the digests inside.")
        var check = false

        @Flag(help: "As --check, but an archive without digests is good too.")
        var checkWhenPresent = false

        func run() async throws {
            try await StreamCommand.perform {
                var list = try TarList(safe: safe, check: check ? .always : checkWhenPresent ? .whenPresent : .never)
                try list.run()
            }
        }
    }

    /// `holdfast stream count`
    struct Count: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Pass a stream on, and tell its size at its end.", shouldDisplay: false)

        func run() async throws {
            try await StreamCommand.perform {
                StandardStreams.widenPipe(STDOUT_FILENO)
                let input = StreamInput()
                var bytes: Int64 = 0
                while try input.fill() {
                    try StandardStreams.write(input.bytes)
                    bytes += Int64(input.bytes.count)
                    input.take(input.bytes.count)
                }
                let tally = JSONValue.object([
                    ("entries", JSONValue(0)), ("files", JSONValue(0)), ("bytes", JSONValue(bytes)),
                ])
                try StandardStreams.write(Array((tally.text() + "\n").utf8), to: STDERR_FILENO)
            }
        }
    }

    /// `holdfast stream match`
    struct Match: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Pass a stream on, its end only when its digest is as expected.", shouldDisplay: false)

        @Argument(help: "A SHA-256.")
        var digest: String

        func run() async throws {
            try await StreamCommand.perform { try MatchedStream(expected: digest).run() }
        }
    }

    /// `holdfast stream digest`
    struct Digest: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the digest and the size of standard input.", shouldDisplay: false)

        func run() async throws {
            try await StreamCommand.perform {
                let input = StreamInput()
                let hash = try SHA256()
                var bytes: Int64 = 0
                while try input.fill() {
                    try hash.update(input.bytes)
                    bytes += Int64(input.bytes.count)
                    input.take(input.bytes.count)
                }
                let document = JSONValue.object([
                    ("sha256", .string(try hash.finish().description)), ("bytes", JSONValue(bytes)),
                ])
                try StandardStreams.write(Array((document.text() + "\n").utf8))
            }
        }
    }

    /// `holdfast stream slice`
    struct Slice: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Pass a piece of standard input on, which is a file.", shouldDisplay: false)

        @Argument(help: "Where it begins, in bytes.")
        var start: Int64

        @Argument(help: "How many bytes it has.")
        var count: Int64

        func run() async throws {
            try await StreamCommand.perform {
                StandardStreams.widenPipe(STDOUT_FILENO)
                guard lseek(STDIN_FILENO, off_t(start), SEEK_SET) == off_t(start) else {
                    throw Failure("standard input is no file: \(StandardStreams.reason(errno))")
                }
                let input = StreamInput()
                var left = count
                while left > 0 {
                    guard try input.fill() else { throw Failure("the file ends before its piece does", kind: .damaged) }
                    let taken = Int(min(left, Int64(input.bytes.count)))
                    try StandardStreams.write(UnsafeRawBufferPointer(rebasing: input.bytes[..<taken]))
                    left -= Int64(taken)
                    input.take(input.bytes.count)
                }
            }
        }
    }
}
