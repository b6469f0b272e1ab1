package import Foundation

/// One part as a source hands it over for storing.
package struct CapturedPart: Sendable {
    package var path: PartPath
    package var content: PartContent
    /// A dump's bytes by the kernel's account must equal what the repository read; false for programs that also write
    /// elsewhere, where the account is only an upper bound.
    package var bytesAreExact: Bool
    /// How much it must be, where that is known beforehand.
    package var bytes: ByteCount?
    /// When it was captured, where that is not now.
    package var capturedAt: Date?
    /// What must be in it (``PathDemand``): a repository that writes a tree as a stream looks for them in passing.
    package var demands: [String] = []
    /// What a stream passes through on its way: a stage that hands everything on as it is, and ends badly when what it saw is
    /// not whole, so that nothing is committed. What it learnt it leaves for the source.
    package var witness: ToolCommand?

    package init(
        path: PartPath, content: PartContent, bytesAreExact: Bool = true, bytes: ByteCount? = nil,
        capturedAt: Date? = nil
    ) {
        self.path = path
        self.content = content
        self.bytesAreExact = bytesAreExact
        self.bytes = bytes
        self.capturedAt = capturedAt
    }

    /// The stages that a stream comes out of.
    package func stages(of producer: ToolCommand) -> [ToolCommand] { [producer] + (witness.map { [$0] } ?? []) }
}

package enum PartContent: Sendable {
    /// Folders and files as they lie on disk.
    case files(FileSelection)
    /// The standard output of a program, streamed; it never touches a disk.
    case stream(ToolCommand)
    /// A finished private file, such as the copy of an SQLite database in scratch.
    case file(String)
    /// Any of these, encrypted on its way by pipes, so that the repository never has anything else: folders and files as one
    /// tar stream with the digests of its files, the rest as it is.
    indirect case sealed(PartContent, Recipients)
}

/// What a `files` source captures.
package struct FileSelection: Sendable, Equatable {
    /// Absolute.
    package var roots: [String]
    /// Patterns in restic's language.
    package var excludes: [String] = []
    /// Absolute paths left out whatever they are called; matched literally.
    package var excludedPaths: [String] = []
    package var excludesCacheDirectories = false
    package var excludesLargerThan: ByteCount?
    package var oneFileSystem = false
    /// Original absolute path → absolute path of the consistent copy that stands in for it.
    package var substitutes: [String: String] = [:]

    package init(roots: [String]) { self.roots = roots }
}

/// What a repository says of a part that it stored.
package struct StoredPart: Sendable, Equatable {
    package var snapshot: SnapshotID
    package var time: Date
    /// What was read for it.
    package var bytes: ByteCount
    package var files: Int64?
    /// What the repository grew by, where it says.
    package var addedBytes: ByteCount?
    /// Items that could not be read; capped at 100.
    package var unreadable: [UnreadableItem]
    package var unreadableCount: Int
    package var notices: [String]
    /// Resource use of the tools involved.
    package var usage: [String: ResourceUsage]
    /// The path of its file in the snapshot, where it has one and the repository says; see ``ManifestPart/storedPath``.
    package var path: String?
    /// What is inside, where that was noted in passing: always for a part that was encrypted on its way.
    package var inside: SealedContent?

    package init(
        snapshot: SnapshotID, time: Date, bytes: ByteCount, files: Int64? = nil, addedBytes: ByteCount? = nil,
        unreadable: [UnreadableItem] = [], unreadableCount: Int = 0, notices: [String] = [],
        usage: [String: ResourceUsage] = [:]
    ) {
        self.snapshot = snapshot
        self.time = time
        self.bytes = bytes
        self.files = files
        self.addedBytes = addedBytes
        self.unreadable = unreadable
        self.unreadableCount = unreadableCount
        self.notices = notices
        self.usage = usage
    }
}

package struct UnreadableItem: Sendable, Equatable, Codable {
    package var path: String
    package var reason: String
    package init(path: String, reason: String) {
        self.path = path
        self.reason = reason
    }
}
