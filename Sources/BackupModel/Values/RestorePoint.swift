package import Foundation

/// The state as of a time: for each source its newest committed parts at or before it.
package struct RestorePoint: Codable, Sendable, Equatable {
    package struct Entry: Codable, Sendable, Equatable {
        package var run: RunID
        package var part: ManifestPart
        /// How much older than the point it is.
        package var age: Duration
        /// What is to be known before relying on it: it is partial, or stands in for a newer one that is damaged.
        package var notice: String?
        package init(run: RunID, part: ManifestPart, age: Duration, notice: String? = nil) {
            self.run = run
            self.part = part
            self.age = age
            self.notice = notice
        }
    }

    /// The newest run that contributes.
    package var run: RunID
    package var time: Date
    package var host: String
    package var retentionClass: String
    /// By source, then part.
    package var entries: [Entry]
    /// Sources of that run that it could not capture.
    package var gaps: [ManifestGap]
    /// Parts that the run stored, that are not there any more, and that no older ones stand in for.
    package var removed: [ManifestPart]
    /// Sources of which nothing is there although a run, this or an earlier one, stored something: the last that did.
    package var lost: [SourceName: RunID]
    /// Sources that its run left to a later one; older parts stand here for them.
    package var notDue: [NotDue]
    /// The part that was asked for by its snapshot; `nil` where all of the point was.
    package var named: ManifestPart?

    package init(
        run: RunID, time: Date, host: String, retentionClass: String, entries: [Entry], gaps: [ManifestGap],
        removed: [ManifestPart] = [], lost: [SourceName: RunID] = [:], notDue: [NotDue] = []
    ) {
        self.run = run
        self.time = time
        self.host = host
        self.retentionClass = retentionClass
        self.entries = entries
        self.gaps = gaps
        self.removed = removed
        self.lost = lost
        self.notDue = notDue
    }

    package var bytes: ByteCount { entries.reduce(ByteCount.zero) { $0 + $1.part.bytes } }
    /// True when parts of different runs stand side by side.
    package var isMixed: Bool { Set(entries.map(\.run)).count > 1 }
}
