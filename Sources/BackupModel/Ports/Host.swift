package import Foundation

/// The time, handed in so that tests own it.
package protocol HostClock: Sendable {
    /// Wall clock; may jump.
    var now: Date { get }
    /// Never goes back; zero is arbitrary.
    var uptime: Duration { get }
    func sleep(for duration: Duration) async throws
}

/// What a running process is, beyond its number, which is used again.
package struct ProcessIdentity: Sendable, Equatable, Hashable, Codable {
    package var pid: Int32
    /// In clock ticks since boot.
    package var startTime: UInt64
    package var bootID: String
    package init(pid: Int32, startTime: UInt64, bootID: String) {
        self.pid = pid
        self.startTime = startTime
        self.bootID = bootID
    }
}

package struct MountPoint: Sendable, Equatable, Codable {
    package var path: String
    package var device: UInt64
    package var fileSystem: String
    package var isReadOnly: Bool
    /// What is mounted there, in the words of whoever mounted it.
    package var source: String
    package init(path: String, device: UInt64, fileSystem: String, isReadOnly: Bool, source: String = "") {
        self.path = path
        self.device = device
        self.fileSystem = fileSystem
        self.isReadOnly = isReadOnly
        self.source = source
    }

    /// Whether it is a repository that restic shows.
    /// - Source: type `fuse`, of `restic` with 0.14.0 and 0.18.0, of `restic:5020c07a34` with 0.19.1. Others have a type of their own, such
    ///   as `fuse.rclone` and `fuse.sshfs`.
    package var showsRestic: Bool { fileSystem == "fuse" && (source == "restic" || source.hasPrefix("restic:")) }

    /// Whether it shows a backup: restic's, or one that was unpacked into the scratch folder of a run.
    package var showsBackup: Bool { showsRestic || shownRun != nil }

    /// The name of what a run shows, below its scratch folder.
    package static let shownFolder = "shown"

    /// The run whose unpacked backup it shows: its source ends as the path of that does.
    /// - Source: bindfs 1.14.7 names the folder that it shows, and where that has a space or a comma what it was told to.
    package var shownRun: RunID? {
        let words = source.split(separator: "/").suffix(2)
        guard fileSystem.hasPrefix("fuse"), words.count == 2, words.last.map(String.init) == MountPoint.shownFolder,
            let folder = words.first, folder.hasPrefix("holdfast-")
        else { return nil }
        let run = RunID(unchecked: String(folder.dropFirst("holdfast-".count)))
        return run.rawValue.utf8.count == 23 && run.date != nil ? run : nil
    }
}

package struct Room: Sendable, Equatable, Codable {
    package var free: ByteCount
    package var total: ByteCount
    package var freeInodes: Int64?
    package init(free: ByteCount, total: ByteCount, freeInodes: Int64?) {
        self.free = free
        self.total = total
        self.freeInodes = freeInodes
    }
}

/// Facts about this machine.
package protocol HostFacts: Sendable {
    var hostName: String { get }
    /// `nil` where the system has none.
    var machineID: String? { get }
    var bootID: String { get }
    /// When the system came up.
    var bootTime: Date? { get }
    /// The mount that `path`, or its nearest existing parent, lies on.
    func mount(containing path: String) -> MountPoint?
    /// All that is mounted; none where the system does not tell.
    func mounts() -> [MountPoint]
    /// Room on the file system of `path` or its nearest existing parent.
    func room(at path: String) -> Room?
    /// Device number of `path` or its nearest existing parent.
    func device(of path: String) -> UInt64?
    func currentProcess() -> ProcessIdentity
    /// `nil` when there is no such process.
    func process(_ pid: Int32) -> ProcessIdentity?
    /// File name of the program a process runs; `nil` when unknown.
    func executableName(of pid: Int32) -> String?
    /// The user with this name, for running a tool as somebody else.
    func user(named name: String) -> UserIdentity?
    /// Ends a process and its group, gently at first, and waits for it.
    /// - Returns: true when it is gone. A process that merely has the same number is left alone.
    func end(_ process: ProcessIdentity) async -> Bool
    /// Sends a signal to this very process, and to no other that has its number by now.
    /// - Returns: false when it has ended.
    /// - Throws: ``Failure`` with ``FailureKind/notPermitted`` for a process of somebody else.
    func signal(_ process: ProcessIdentity, _ signal: ToolSignal) throws(Failure) -> Bool
    var effectiveUserID: UInt32 { get }
}

/// Names of files and folders on this machine, as a restore into place moves them.
package protocol Places: Sendable {
    /// Takes from a folder of ours what it inherited from the one above: who may do what with all that comes to be in it (ACLs). Where
    /// that cannot be done, or there is none, nothing happens.
    func disinherit(_ folder: String)
    /// Lets two paths trade places in one step.
    /// - Returns: false where that cannot be done; then nothing has changed.
    func exchange(_ path: String, _ other: String) throws(Failure) -> Bool

    /// What bears this name, be it a link to nowhere; `nil` where nothing does.
    func entry(at path: String) throws(Failure) -> PlaceEntry?
    /// The names in a folder, byte for byte; repaired ones cannot be handled and are refused.
    func names(in folder: String) throws(Failure) -> [String]
    /// Renames within a file system, durably; what is at `target` is never replaced.
    func move(_ path: String, to target: String) throws(Failure)
    /// Has all that was written to the file system of `path` on the disk.
    func flush(_ path: String) throws(Failure)
    /// Mount points below a folder, itself not among them.
    func mounts(below path: String) -> [String]
    /// Programs that have a file at or below one of these paths open for writing, as far as we may see. At most 20.
    func writers(below paths: [String]) -> [FileWriter]
}

/// What there is at a path, links not followed.
package struct PlaceEntry: Sendable, Equatable {
    package enum Kind: Sendable { case file, folder, link, other }
    package var kind: Kind
    package var identity: FileIdentity
    package var owner: UInt32
    /// Of a file, in bytes.
    package var size: Int64
    package var modified: Date
    package init(kind: Kind, identity: FileIdentity, owner: UInt32, size: Int64, modified: Date) {
        self.kind = kind
        self.identity = identity
        self.owner = owner
        self.size = size
        self.modified = modified
    }
}

package struct FileWriter: Sendable, Equatable {
    package var pid: Int32
    package var program: String
    package var path: String
    package init(pid: Int32, program: String, path: String) {
        self.pid = pid
        self.program = program
        self.path = path
    }
}

extension HostFacts {
    /// Where processes cannot be signalled.
    package func signal(_ process: ProcessIdentity, _ signal: ToolSignal) throws(Failure) -> Bool {
        guard self.process(process.pid) == process else { return false }
        throw Failure("process \(process.pid) cannot be signalled here", kind: .notPermitted)
    }

    /// Where processes cannot be signalled: true when it has ended by itself.
    package func end(_ process: ProcessIdentity) async -> Bool { self.process(process.pid) != process }
}

/// Turns references into secrets.
package protocol SecretStore: Sendable {
    /// - Parameter environment: the profile's own variables, consulted before the process's.
    func resolve(_ reference: SecretReference, environment: [String: String]) async throws(SecretError) -> Secret
    /// Writes a new random secret to `path` (0600, must not exist) and returns it.
    func generate(at path: String) throws(SecretError) -> Secret
    /// Writes a secret to `path` (0600, must not exist).
    func write(_ secret: Secret, at path: String) throws(SecretError)
    /// Puts the file `draft` in the place of the secret's file beside it, with that one's owner and mode, in one step: at any time
    /// one of them is there, whole.
    /// - Parameter kept: the name that the former file stands under afterwards; one of that name is put aside under its date.
    func replace(_ path: String, with draft: String, keeping kept: String) throws(SecretError)
}

extension SecretStore {
    package func write(_ secret: Secret, at path: String) throws(SecretError) {
        throw .unreadable(.file(path), reason: "no secret can be written here")
    }
    package func replace(_ path: String, with draft: String, keeping kept: String) throws(SecretError) {
        throw .unreadable(.file(path), reason: "no secret can be replaced here")
    }
}

package enum SecretError: OperatorError, Equatable {
    case missing(SecretReference)
    case empty(SecretReference)
    case unreadable(SecretReference, reason: String)
    /// Others could read or replace it.
    case exposed(SecretReference, reason: String)
    case providerFailed(SecretReference, how: String)

    package var kind: FailureKind { .badProfile }

    package var description: String {
        switch self {
        case .missing(let reference): "the secret \(reference) is not there"
        case .empty(let reference): "the secret \(reference) is empty"
        case .unreadable(let reference, let reason): "the secret \(reference) cannot be read: \(reason)"
        case .exposed(let reference, let reason): "the secret \(reference) is not safe: \(reason)"
        case .providerFailed(let reference, let how): "the program that gives the secret \(reference) failed: \(how)"
        }
    }

    package var hint: String? {
        switch self {
        case .missing(.environment(let name)): "set \(name), or name it in a file under `environment-files:`"
        case .missing(.file(let path)): "create \(path) with mode 0600"
        case .missing, .empty, .providerFailed: nil
        case .unreadable: "check the owner and mode of the file"
        case .exposed(.file(let path), _): "chmod 600 \(path), and give it to root or to yourself"
        case .exposed: nil
        }
    }
}

/// Locks between runs of this program on one host, held by an open descriptor and gone with the process.
package protocol LockService: Sendable {
    /// - Parameters:
    ///   - key: names the thing; the same for all users of the host.
    ///   - purpose: written beside the lock for people to read.
    ///   - wait: how long to wait for somebody else.
    /// - Throws: ``LockError``.
    func acquire(_ key: LockKey, mode: LockMode, purpose: String, wait: Duration)
        async throws(LockError) -> any HeldLock
    /// Who holds it now; `nil` when nobody does.
    func holder(of key: LockKey) -> LockHolder?
}

package enum LockKey: Sendable, Hashable {
    case profile(ProfileName)
    /// The repository's resolved location: one lock per repository for all users of the host.
    case repository(location: String)
}

package enum LockMode: String, Sendable, Codable { case shared, exclusive }

package protocol HeldLock: Sendable {
    /// Says what the holder is doing now.
    func update(purpose: String)
    func release()
}

package struct LockHolder: Sendable, Equatable, Codable {
    package var process: ProcessIdentity
    package var user: String
    package var since: Date
    package var purpose: String
    package init(process: ProcessIdentity, user: String, since: Date, purpose: String) {
        self.process = process
        self.user = user
        self.since = since
        self.purpose = purpose
    }
}

package enum LockError: OperatorError {
    case held(LockKey, by: LockHolder?)
    case unavailable(LockKey, reason: String)
    case cancelled

    package var kind: FailureKind {
        switch self {
        case .held: .tryLater
        case .unavailable: .failed
        case .cancelled: .interrupted
        }
    }

    package var description: String {
        switch self {
        case .held(let key, let holder):
            "\(LockError.name(key)) is in use"
                + (holder.map {
                    " by process \($0.process.pid) of \($0.user) since \(Timestamp.format($0.since)): \($0.purpose)"
                }
                    ?? "")
        case .unavailable(let key, let reason): "no lock could be taken on \(LockError.name(key)): \(reason)"
        case .cancelled: "cancelled while waiting for a lock"
        }
    }

    package var hint: String? {
        switch self {
        case .held: "wait for it, or give this run time with --lock-wait"
        case .unavailable, .cancelled: nil
        }
    }

    private static func name(_ key: LockKey) -> String {
        switch key {
        case .profile(let name): "profile \(name)"
        case .repository(let location): "the repository at \(location)"
        }
    }
}

/// Private working folders.
package protocol ScratchSpace: Sendable {
    /// The default place, in which nothing is but what runs work with.
    var defaultRoot: String { get }
    /// Folders of runs below `root`, of others' too. None where it cannot be looked at.
    func present(root: String) -> [String]
    /// Makes a folder (0700) for a run below `root`, or below the default place.
    func create(for run: RunID, root: String?) throws(ScratchError) -> String
    /// Where ``create(for:root:)`` will make it, to be noted before it is made.
    func path(for run: RunID, root: String?) -> String
    /// Removes a scratch folder, the staging folder of a restore, or what a restore has put aside; one that is gone already is no error.
    func remove(_ path: String) throws(ScratchError)
    /// Removes folders of runs that are over; `isLive` tells which are not.
    /// - Returns: what was removed.
    func sweep(root: String?, isLive: (RunID) -> Bool) throws(ScratchError) -> [String]
}

package struct ScratchError: OperatorError, Equatable {
    package var path: String
    package var reason: String
    package init(path: String, reason: String) {
        self.path = path
        self.reason = reason
    }
    package var description: String { "scratch folder \(path): \(reason)" }
    package var hint: String? { "set `scratch:` in the profile to a folder that belongs to you and has room" }
    package var kind: FailureKind { .failed }
}
