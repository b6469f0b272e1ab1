import BackupEngine
import BackupModel

/// Where restore points are: in the repository that was listed, and in those that follow it.
struct Whereabouts {
    private let home: RepositoryName
    private let followers: [(name: RepositoryName, follow: FollowSpec, present: Set<SnapshotID>?)]
    private let points: [RestorePoint]

    init(_ list: PointList.Contents, _ engine: Engine) {
        home = engine.primary.spec.name
        points = list.points
        followers = engine.profile.followers.compactMap { spec in
            guard let follow = spec.follow, follow.leader == engine.primary.spec.name else { return nil }
            return (spec.name, follow, list.deliveries[spec.name])
        }
    }

    var isInteresting: Bool { !followers.isEmpty }

    func places(of point: RestorePoint) -> [RepositoryName] {
        [home] + followers.filter { has(point, $0.present) }.map(\.name)
    }

    /// How far each follower is behind, as lines.
    var lines: [String] {
        followers.compactMap { name, follow, present in
            guard let present else { return points.isEmpty ? nil : "\(name) has not been fed yet" }
            let behind = Followed.behind(points, follow, present)
            return behind == 0 ? nil : "\(name) \(behind) behind"
        }
    }

    var document: JSONValue {
        .array(
            followers.map { name, follow, present in
                .object([
                    ("name", .string(name.rawValue)), ("fed", .boolean(present != nil)),
                    ("behind", JSONValue(Followed.behind(points, follow, present ?? []))),
                ])
            })
    }

    private func has(_ point: RestorePoint, _ present: Set<SnapshotID>?) -> Bool {
        guard let present else { return false }
        return point.entries.allSatisfy { present.contains($0.part.snapshot) }
    }
}
