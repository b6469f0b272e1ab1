/// How a child ended and all that is known of its life.
package struct ToolResult: Sendable {
    package var command: ToolCommand
    package var termination: Termination
    package var output: CapturedOutput
    package var errors: CapturedOutput
    package var usage: ResourceUsage
    /// Set when we ended it.
    package var stopped: StopReason?

    package init(
        command: ToolCommand, termination: Termination, output: CapturedOutput = CapturedOutput(),
        errors: CapturedOutput = CapturedOutput(), usage: ResourceUsage = ResourceUsage(), stopped: StopReason? = nil
    ) {
        self.command = command
        self.termination = termination
        self.output = output
        self.errors = errors
        self.usage = usage
        self.stopped = stopped
    }

    /// Ended by itself with an accepted code.
    package var didItsWork: Bool {
        guard stopped == nil, case .exited(let code) = termination else { return false }
        return command.acceptedExitCodes.contains(code)
    }

    /// What it wrote to standard output by the kernel's account: all it wrote, less what came to us as diagnostics. Exact
    /// for a program that writes nowhere else, otherwise an upper bound. `nil` where the kernel gave no account.
    package var producedBytes: ByteCount? {
        usage.bytesWritten.map { ByteCount($0.bytes - errors.totalBytes.bytes) }
    }
}

package enum Termination: Sendable, Equatable, Codable, CustomStringConvertible {
    case exited(Int32)
    case signaled(Int32)

    package var description: String {
        switch self {
        case .exited(let code): "exit code \(code)"
        case .signaled(9): "signal 9 (killed; possibly out of memory)"
        case .signaled(let number): "signal \(number)"
        }
    }
}

package enum StopReason: String, Sendable, Equatable, Codable {
    case totalLimit
    case stallLimit
    case cancelled
    /// Another part of its pipeline failed.
    case pipelineFailed
}

/// The beginning and the end of an output, never more than twice the kept size, whatever was written.
package struct CapturedOutput: Sendable, Equatable {
    package var head: [UInt8]
    package var tail: [UInt8]
    package var totalBytes: ByteCount

    package init(head: [UInt8] = [], tail: [UInt8] = [], totalBytes: ByteCount? = nil) {
        self.head = head
        self.tail = tail
        self.totalBytes = totalBytes ?? ByteCount(Int64(head.count + tail.count))
    }

    package var isComplete: Bool { totalBytes.bytes == Int64(head.count + tail.count) }
    /// All of it, or the beginning and the end with a mark between them. Invalid UTF-8 is repaired.
    package var text: String {
        if isComplete { return String(decoding: head + tail, as: UTF8.self) }
        let missing = ByteCount(totalBytes.bytes - Int64(head.count + tail.count))
        return String(decoding: head, as: UTF8.self) + "\n… \(missing) left out …\n"
            + String(decoding: tail, as: UTF8.self)
    }
}

/// What a child cost, from `waitid(2)` and, read while it is a zombie, `/proc/PID/io`.
package struct ResourceUsage: Sendable, Equatable, Codable {
    package var wall: Duration
    package var userCPU: Duration
    package var systemCPU: Duration
    package var peakMemory: ByteCount
    /// Bytes passed to write calls, to whatever place, children it reaped included. `nil` where unknown.
    package var bytesWritten: ByteCount?

    package init(
        wall: Duration = .zero, userCPU: Duration = .zero, systemCPU: Duration = .zero, peakMemory: ByteCount = 0,
        bytesWritten: ByteCount? = nil
    ) {
        self.wall = wall
        self.userCPU = userCPU
        self.systemCPU = systemCPU
        self.peakMemory = peakMemory
        self.bytesWritten = bytesWritten
    }

    /// Two uses of the same tool taken together; memory is the larger peak.
    package func adding(_ other: ResourceUsage) -> ResourceUsage {
        ResourceUsage(
            wall: wall + other.wall, userCPU: userCPU + other.userCPU, systemCPU: systemCPU + other.systemCPU,
            peakMemory: max(peakMemory, other.peakMemory),
            bytesWritten: bytesWritten.flatMap { mine in other.bytesWritten.map { mine + $0 } })
    }
}

/// How a pipeline ended: one result per stage, in order.
package struct PipelineResult: Sendable {
    package var stages: [ToolResult]
    /// True when every producer did its work and end of file was let through to the last stage.
    package var committed: Bool
    /// The stage that failed first, when one did.
    package var firstFailure: Int?
    /// True when the first stage ended well but had written nothing.
    package var wasEmpty: Bool

    package init(stages: [ToolResult], committed: Bool, firstFailure: Int? = nil, wasEmpty: Bool = false) {
        self.stages = stages
        self.committed = committed
        self.firstFailure = firstFailure
        self.wasEmpty = wasEmpty
    }
}

/// A program that could not be started or supervised. How it ended, once started, is a ``ToolResult``, not an error.
package enum ToolError: OperatorError, Equatable {
    case notFound(program: String, searched: [String])
    /// `stage` is the step between fork and exec that failed.
    case couldNotStart(program: String, stage: String, code: Int32, reason: String)
    /// We ran out of descriptors, memory or processes.
    case exhausted(what: String, code: Int32, reason: String)
    case inputUnreadable(path: String, reason: String)
    /// The other side of a conversation closed it or did not answer in time.
    case conversationEnded(program: String, detail: String)

    package var kind: FailureKind {
        switch self {
        case .notFound: .toolMissing
        case .couldNotStart, .exhausted, .inputUnreadable, .conversationEnded: .failed
        }
    }

    package var description: String {
        switch self {
        case .notFound(let program, let searched):
            program.contains("/")
                ? "there is no program at \(program)" : "\(program) was not found in \(searched.joined(separator: ":"))"
        case .couldNotStart(let program, let stage, _, let reason):
            "\(program) could not be started (\(stage)): \(reason)"
        case .exhausted(let what, _, let reason): "\(what): \(reason)"
        case .inputUnreadable(let path, let reason): "\(path) could not be opened as input: \(reason)"
        case .conversationEnded(let program, let detail): "\(program) ended the conversation: \(detail)"
        }
    }

    package var hint: String? {
        switch self {
        case .notFound(let program, _):
            ToolPackages.package(for: program).map { "install it: apt install \($0)" }
                ?? "install \(program) or correct the path"
        case .couldNotStart(_, _, 13, _): "check that the file is executable and its file system is not mounted noexec"
        case .couldNotStart: nil
        case .exhausted: "raise the limit (ulimit -n, ulimit -u) or lower the number of sources captured at a time"
        case .inputUnreadable: nil
        case .conversationEnded: nil
        }
    }
}

/// Which Debian package brings a program.
package enum ToolPackages {
    private static let packages = [
        "restic": "restic", "sqlite3": "sqlite3", "pg_dump": "postgresql-client", "pg_dumpall": "postgresql-client",
        "pg_restore": "postgresql-client", "psql": "postgresql-client", "initdb": "postgresql", "age": "age",
        "gpg": "gnupg", "openssl": "openssl", "tar": "tar", "zstd": "zstd", "gzip": "gzip",
        "ssh-keygen": "openssh-client", "rclone": "rclone", "aws": "awscli",
        "ssh": "openssh-client", "curl": "curl", "docker": "docker.io", "podman": "podman", "git": "git",
        "mariadb-dump": "mariadb-client", "mariadb": "mariadb-client", "mysqldump": "default-mysql-client",
        "mysql": "default-mysql-client", "mariadbd": "mariadb-server-core", "ionice": "util-linux", "rsync": "rsync",
    ]

    package static func package(for program: String) -> String? { packages[program] }
}
