/// One start of an external program, as a plain value: built by pure code, asserted in tests without running, and handed
/// to a ``ToolRunner``. No shell is ever involved.
package struct ToolCommand: Sendable, Equatable {
    /// A bare name, looked up once in the runner's search path, or an absolute path.
    package var program: String
    package var arguments: [String]
    /// Added to the runner's small allow-listed environment (PATH, HOME, USER, LOGNAME, TZ, LANG=C.UTF-8, TMPDIR).
    package var environment: [String: String] = [:]
    /// Names of variables passed on from our own environment when they are set there.
    package var inheritedVariables: Set<String> = []
    package var secrets: [SecretDelivery] = []
    package var input: ToolInput = .none
    /// Where its standard output goes, as a command that runs alone or last in a chain.
    package var output: ToolOutput = .kept
    /// What is secret in a secret ``input`` that holds more than that; `nil`: all of it. A whole configuration is nowhere to be
    /// found in a message, and searching for one costs time and memory.
    package var secretsInInput: [Secret]?
    /// Lines that come on its standard input before everything else: secrets for a program that starts another one
    /// elsewhere and can hand over nothing but this stream. Without line breaks, and a few kilobytes at most.
    package var firstLines: [Secret] = []
    package var workingDirectory: String?
    /// Files that stand in for others, for this program alone. Needs the right to mount; a start without it fails at the
    /// stage `overlay`.
    package var overlays: [FileOverlay] = []
    package var limits = Limits()
    package var teardown: [TeardownStep] = TeardownStep.interruptFirst
    /// What happens to the child when we die without a chance to stop it.
    package var whenOrphaned: OrphanPolicy = .signal(.interrupt)
    /// Added to the niceness of the child; 0 leaves it alone.
    package var niceness: Int32 = 0
    /// Runs as this user instead of ours; needs privileges.
    package var user: UserIdentity?
    /// Exit codes that count as "did its work". As a producer in a pipeline, only these release end of file.
    package var acceptedExitCodes: Set<Int32> = [0]
    /// An open descriptor of the program's file, which is executed whatever ``program`` leads to by then. It stays the caller's,
    /// who keeps it open until the program has ended.
    package var programDescriptor: Int32?
    /// How much of each output is kept: this much from the beginning and as much from the end.
    package var keptOutput: ByteCount = .kibibytes(64)

    package init(_ program: String, _ arguments: [String] = []) {
        self.program = program
        self.arguments = arguments
    }

    /// For people: the program and its arguments. Secrets are never among them.
    package var displayed: String {
        ([program] + arguments).map(ToolCommand.quoted).joined(separator: " ")
    }

    private static func quoted(_ word: String) -> String {
        let plain = word.utf8.allSatisfy { byte in
            (48...57).contains(byte) || (64...90).contains(byte) || (97...122).contains(byte)
                || [37, 43, 44, 45, 46, 47, 58, 61, 95].contains(byte)
        }
        return plain && !word.isEmpty
            ? word
            : "'"
                + word.split(separator: "'", omittingEmptySubsequences: false)
                .joined(separator: "'\\''") + "'"
    }

    /// Time limits, both counted on the monotonic clock.
    package struct Limits: Sendable, Equatable {
        /// From start to end. `nil`: none.
        package var total: Duration?
        /// Without any sign of life: no output, and no change in the kernel's account of the child's reads, writes and
        /// CPU time. Output that the reader knows to repeat itself (``LineReader/repeatedBytes``) is none, and what printing
        /// it costs is none either. `nil`: none.
        package var stall: Duration?

        package init(total: Duration? = nil, stall: Duration? = .seconds(1800)) {
            self.total = total
            self.stall = stall
        }
    }
}

/// A file that a child sees at another's place: a mount in a namespace of the child's own, gone with it.
package struct FileOverlay: Sendable, Equatable {
    /// Absolute; an existing regular file.
    package var place: String
    /// Absolute; what is seen there.
    package var content: String
    package init(place: String, content: String) {
        self.place = place
        self.content = content
    }

    /// The stage of a failed start that tells that overlays are not to be had here.
    package static let stage = "overlay"
}

/// How a secret reaches a child. Never by argv and never through a file on disk.
package enum SecretDelivery: Sendable, Equatable {
    /// A sealed 0600 memory file inherited by the child; `variable` holds its path, `/dev/fd/N`.
    case memoryFile(variable: String, Secret)
    /// As above; the path is appended to `argument`, as in `--password-file=` or, with an empty string, alone; it becomes
    /// the last arguments in the order of delivery.
    case memoryFileArgument(String, Secret)
    /// As above; before all other arguments, as in `--defaults-file=`, which MySQL's clients take nowhere else.
    case memoryFileFirstArgument(String, Secret)
    /// In the child's environment, where the tool has no other way.
    case environment(variable: String, Secret)

    package var secret: Secret {
        switch self {
        case .memoryFile(_, let secret), .memoryFileArgument(_, let secret), .memoryFileFirstArgument(_, let secret),
            .environment(_, let secret):
            secret
        }
    }
}

/// What a child finds on its standard input.
package enum ToolInput: Sendable, Equatable {
    /// `/dev/null`
    case none
    /// A memory file with these bytes.
    case bytes([UInt8])
    /// A memory file with a secret's bytes.
    case secret(Secret)
    /// An existing file, opened read-only by us without following a final symbolic link.
    case file(String)
    /// A pipe that says nothing and ends when the child is to end, or when we are gone: a sign of life from us.
    case held
}

package enum ToolOutput: Sendable, Equatable {
    /// To us; ``ToolCommand/keptOutput`` of it is kept, and a reader sees all.
    case kept
    /// To our own standard output, byte by byte as it is, and not through us.
    case ours
}

package enum ToolSignal: String, Sendable, Equatable, Codable { case interrupt, terminate, kill, hangUp }

/// Send `signal` to the child's process group, then wait up to `grace` for it to end. SIGKILL always comes last, by itself.
package struct TeardownStep: Sendable, Equatable {
    package var signal: ToolSignal
    package var grace: Duration
    package init(_ signal: ToolSignal, grace: Duration) {
        self.signal = signal
        self.grace = grace
    }

    /// restic needs up to a minute to finish an upload in flight and to remove its lock.
    package static let interruptFirst = [
        TeardownStep(.interrupt, grace: .seconds(20)), TeardownStep(.terminate, grace: .seconds(5)),
    ]
    package static let terminateFirst = [TeardownStep(.terminate, grace: .seconds(5))]
}

package enum OrphanPolicy: Sendable, Equatable {
    /// The kernel sends this when the program that started the child dies.
    case signal(ToolSignal)
    /// Nothing: the child finds its end by SIGPIPE, as every producer of a pipeline must.
    case leave
}

package struct UserIdentity: Sendable, Equatable {
    package var name: String
    package var uid: UInt32
    package var gid: UInt32
    package var groups: [UInt32]
    package var home: String
    package init(name: String, uid: UInt32, gid: UInt32, groups: [UInt32], home: String) {
        self.name = name
        self.uid = uid
        self.gid = gid
        self.groups = groups
        self.home = home
    }
}
