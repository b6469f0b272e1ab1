package import Foundation

/// That a part was captured well and is not like those before it. It is kept like any other; what is older is not removed
/// until somebody has said that it is in order.
package struct Anomaly: Codable, Sendable, Equatable {
    package enum Kind: String, Codable, Sendable {
        /// Nothing in it, where there was something before.
        case empty
        /// Far fewer or more bytes or files than usual.
        case size
        /// Far more of it is new than usual.
        case change
    }

    package var source: SourceName
    package var part: PartPath
    package var kind: Kind
    /// A clause: `12 files, far from the usual 3400`.
    package var detail: String

    package init(source: SourceName, part: PartPath, kind: Kind, detail: String) {
        self.source = source
        self.part = part
        self.kind = kind
        self.detail = detail
    }
}

/// That somebody has looked at what was odd, and says that it is in order.
package struct Acknowledgement: Codable, Sendable, Equatable {
    /// What it is about: `source files`, `repository local`.
    package var subject: String
    /// What began at this time or later is the new normal; nothing earlier is a measure any more.
    package var from: Date
    package var at: Date
    package var by: String
    package var note: String?

    package init(subject: String, from: Date, at: Date, by: String, note: String?) {
        self.subject = subject
        self.from = from
        self.at = at
        self.by = by
        self.note = note
    }

    package static func subject(of source: SourceName) -> String { "source \(source)" }
    package static func subject(of repository: RepositoryName) -> String { "repository \(repository)" }
}

/// A snapshot that was in a repository and is gone, without a run of ours having removed it.
package struct VanishedSnapshot: Codable, Sendable, Equatable {
    package var snapshot: Snapshot
    /// When that was noticed.
    package var noticed: Date

    package init(snapshot: Snapshot, noticed: Date) {
        self.snapshot = snapshot
        self.noticed = noticed
    }
}
