package import Foundation

/// Snapshots that retention weighs against each other: one host, profile, source, part and class.
package struct RetentionGroup: Codable, Sendable, Hashable, Comparable, CustomStringConvertible {
    package var host: String
    package var profile: ProfileName
    package var source: SourceName
    package var part: PartPath
    package var retentionClass: String

    package init(host: String, profile: ProfileName, source: SourceName, part: PartPath, retentionClass: String) {
        self.host = host
        self.profile = profile
        self.source = source
        self.part = part
        self.retentionClass = retentionClass
    }

    package var description: String {
        part.title(in: source) + (retentionClass == SnapshotStamp.regularClass ? "" : " (\(retentionClass))")
    }

    package static func < (left: Self, right: Self) -> Bool {
        (left.host, left.profile, left.source, left.part, left.retentionClass)
            < (right.host, right.profile, right.source, right.part, right.retentionClass)
    }
}

/// One committed snapshot as retention sees it.
package struct RetentionCandidate: Sendable, Equatable {
    package var id: SnapshotID
    package var group: RetentionGroup
    package var time: Date
    package var utcOffset: Int
    package var condition: PartCondition
    package var bytes: ByteCount?
    package var files: Int64?

    package init(
        id: SnapshotID, group: RetentionGroup, time: Date, utcOffset: Int = 0, condition: PartCondition = .clean,
        bytes: ByteCount? = nil, files: Int64? = nil
    ) {
        self.id = id
        self.group = group
        self.time = time
        self.utcOffset = utcOffset
        self.condition = condition
        self.bytes = bytes
        self.files = files
    }
}

/// What retention decided, with a reason for every snapshot.
package struct RetentionPlan: Codable, Sendable, Equatable {
    package struct Decision: Codable, Sendable, Equatable {
        package var id: SnapshotID
        package var time: Date
        package var keep: Bool
        /// `daily 3 of 7`, `minimum of 1`, `newest`, `no rule keeps it`, `held: the group is left alone`.
        package var reasons: [String]
        package init(id: SnapshotID, time: Date, keep: Bool, reasons: [String]) {
            self.id = id
            self.time = time
            self.keep = keep
            self.reasons = reasons
        }
    }

    package struct Group: Codable, Sendable, Equatable {
        package var group: RetentionGroup
        /// Newest first.
        package var decisions: [Decision]
        /// Set when nothing of the group is removed although rules would have it so, or a danger was seen.
        package var leftAlone: String?
        package init(group: RetentionGroup, decisions: [Decision], leftAlone: String?) {
            self.group = group
            self.decisions = decisions
            self.leftAlone = leftAlone
        }
        package var removals: [Decision] { decisions.filter { !$0.keep } }
    }

    package var groups: [Group]
    package init(groups: [Group]) { self.groups = groups }
    package var removals: [SnapshotID] { groups.flatMap { $0.removals.map(\.id) } }
}
