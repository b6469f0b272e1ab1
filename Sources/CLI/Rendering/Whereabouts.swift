import BackupEngine
import BackupModel

/// Where restore points are: in the repository that was listed, and in those that follow it.
struct Whereabouts {
    private let home: RepositoryName
    private let followers: [(name: RepositoryName, present: Set<SnapshotID>?)]
    private let points: [RestorePoint]

    init(_ list: PointList.Contents, _ engine: Engine) {
        home = engine.primary.spec.name
        points = list.points
        followers = engine.profile.followers.filter { $0.follow?.leader == engine.primary.spec.name }
            .map { ($0.name, list.deliveries[$0.name]) }
    }

    var isInteresting: Bool { !followers.isEmpty }

    func places(of point: RestorePoint) -> [RepositoryName] {
        [home] + followers.filter { has(point, $0.present) }.map(\.name)
    }

    /// How far each follower is behind, as lines.
    var lines: [String] {
        followers.compactMap { name, present in
            guard present != nil else { return points.isEmpty ? nil : "\(name) has not been fed yet" }
            let behind = behind(present)
            return behind == 0 ? nil : "\(name) \(behind) behind"
        }
    }

    var document: JSONValue {
        .array(
            followers.map { name, present in
                .object([
                    ("name", .string(name.rawValue)), ("fed", .boolean(present != nil)),
                    ("behind", JSONValue(behind(present))),
                ])
            })
    }

    private func behind(_ present: Set<SnapshotID>?) -> Int { points.count { !has($0, present) } }

    private func has(_ point: RestorePoint, _ present: Set<SnapshotID>?) -> Bool {
        guard let present else { return false }
        return point.entries.allSatisfy { present.contains($0.part.snapshot) }
    }
}
