package import Foundation

/// One part in one repository, as the repository tells it.
package struct Snapshot: Codable, Sendable, Equatable, Identifiable {
    package var id: SnapshotID
    package var time: Date
    /// Seconds east of UTC that the time was recorded with; calendar rules (daily …) count in it, as restic does.
    package var utcOffset: Int
    package var host: String
    package var user: String?
    package var paths: [String]
    package var tags: [String]
    package var parent: SnapshotID?
    /// The id it had before it was copied or re-tagged, or of the one that it stands for (``SnapshotStamp/standsFor``).
    package var original: SnapshotID?
    /// What was read for it, where the repository recorded it (restic ≥ 0.17).
    package var bytes: ByteCount?
    package var files: Int64?

    package init(
        id: SnapshotID, time: Date, utcOffset: Int = 0, host: String, user: String? = nil, paths: [String],
        tags: [String],
        parent: SnapshotID? = nil, original: SnapshotID? = nil, bytes: ByteCount? = nil, files: Int64? = nil
    ) {
        self.id = id
        self.time = time
        self.utcOffset = utcOffset
        self.host = host
        self.user = user
        self.paths = paths
        self.tags = tags
        self.parent = parent
        self.original = original
        self.bytes = bytes
        self.files = files
    }

    /// `nil` for a snapshot that Holdfast did not make.
    package var stamp: SnapshotStamp? { SnapshotStamp(host: host, tags: tags) }
}

/// What Holdfast writes on a snapshot, as tags, so that a repository explains itself without any history.
package struct SnapshotStamp: Codable, Sendable, Equatable, Hashable {
    package enum Content: String, Codable, Sendable { case part, manifest }

    package var host: String
    package var profile: ProfileName
    package var run: RunID
    package var content: Content
    /// `nil` on a manifest.
    package var source: SourceName?
    /// `nil` on a manifest.
    package var part: PartPath?
    /// Why it was taken; retention treats classes apart. `scheduled` unless the operator gave a reason.
    package var retentionClass: String
    package var machine: String?
    /// The snapshot of another repository that this one stands for, having been taken beside it rather than copied from it.
    package var standsFor: SnapshotID?
    /// The operator's own tags.
    package var extra: [String]

    package init(
        host: String, profile: ProfileName, run: RunID, content: Content, source: SourceName? = nil,
        part: PartPath? = nil, retentionClass: String = SnapshotStamp.regularClass, machine: String? = nil,
        extra: [String] = []
    ) {
        self.host = host
        self.profile = profile
        self.run = run
        self.content = content
        self.source = source
        self.part = part
        self.retentionClass = retentionClass
        self.machine = machine
        self.extra = extra
    }

    package static let regularClass = "regular"

    /// In a fixed order: `holdfast`, `profile:…`, `run:…`, `kind:…`, `source:…`, `part:…`, `class:…`, `machine:…`,
    /// `stands-for:…`, then the operator's own.
    package var tags: [String] {
        var tags = ["holdfast", "profile:\(profile)", "run:\(run)", "kind:\(content.rawValue)"]
        if let source { tags.append("source:\(source)") }
        if let part { tags.append("part:\(SnapshotStamp.escaped(part.rawValue))") }
        tags.append("class:\(retentionClass)")
        if let machine { tags.append("machine:\(machine)") }
        if let standsFor { tags.append("stands-for:\(standsFor.rawValue)") }
        return tags + extra
    }

    /// `nil` unless the tags are ones that Holdfast writes.
    package init?(host: String, tags: [String]) {
        guard tags.contains("holdfast") else { return nil }
        var values: [String: String] = [:]
        var extra: [String] = []
        let known: Set = ["profile", "run", "kind", "source", "part", "class", "machine", "stands-for"]
        for tag in tags where tag != "holdfast" {
            if let colon = tag.firstIndex(of: ":"), known.contains(String(tag[..<colon])) {
                values[String(tag[..<colon])] = String(tag[tag.index(after: colon)...])
            } else {
                extra.append(tag)
            }
        }
        guard let profile = values["profile"].flatMap(ProfileName.init(rawValue:)),
            let run = values["run"].flatMap(RunID.init(rawValue:)),
            let content = values["kind"].flatMap(Content.init(rawValue:))
        else { return nil }
        self.init(
            host: host, profile: profile, run: run, content: content,
            source: values["source"].flatMap(SourceName.init(rawValue:)),
            part: values["part"].map { PartPath(rawValue: SnapshotStamp.unescaped($0)) },
            retentionClass: values["class"] ?? SnapshotStamp.regularClass, machine: values["machine"], extra: extra)
        standsFor = values["stands-for"].map(SnapshotID.init)
    }

    /// restic splits `--tag` at commas; a database may have one in its name.
    private static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "%": result += "%25"
            case ",": result += "%2C"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private static func unescaped(_ text: String) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == 37, rest.count >= 2,
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
