import BackupModel

/// What follows what.
extension ProfileChecker {
    mutating func checkFollowing(_ root: YAMLNode, switchedOff: [String]) {
        let entries = root["repositories"]?.entries ?? []
        let names = entries.map(\.key)
        var leaders: [String: String] = [:]
        for entry in entries {
            guard let follows = entry.value["follows"], let leader = follows.text else { continue }
            let path = "repositories.\(shown(entry.key)).follows"
            if leader == entry.key {
                shapes.refuse(follows.location, path, "a repository cannot follow itself")
            } else if names.contains(leader) {
                leaders[entry.key] = leader
            } else if switchedOff.contains("repositories.\(leader)") {
                shapes.refuse(follows.location, path, "`\(shown(leader))` is switched off by its `when:`")
            } else {
                shapes.refuse(
                    follows.location, path, "there is no repository `\(shown(leader))`",
                    suggestion: Nearest.match(leader, in: names.filter { $0 != entry.key }))
            }
        }
        for entry in entries {
            guard let leader = leaders[entry.key], let follows = entry.value["follows"],
                let above = entries.first(where: { $0.key == leader }), let kind = kind(of: above)
            else { continue }
            let path = "repositories.\(shown(entry.key)).follows"
            if let why = kind.cannotLead {
                shapes.refuse(follows.location, path, why)
            } else if let own = self.kind(of: entry), own.kind != kind.kind {
                shapes.refuse(
                    follows.location, path,
                    "`\(shown(leader))` is of kind \(kind.kind), and only another of that kind can be fed from it")
            }
        }
        for entry in entries {
            guard let leader = leaders[entry.key], let above = leaders[leader], above != entry.key,
                let follows = entry.value["follows"]
            else { continue }
            shapes.refuse(
                follows.location, "repositories.\(shown(entry.key)).follows",
                "`\(shown(leader))` follows `\(shown(above))` itself; every follower is fed from the repository that captures go to"
            )
        }
        for entry in entries {
            var chain = [entry.key]
            while let next = leaders[chain[chain.count - 1]], !chain.contains(next) { chain.append(next) }
            // Told once, at the first of those in the circle.
            if let next = leaders[chain[chain.count - 1]], next == entry.key, chain.min() == entry.key {
                shapes.refuse(
                    entry.keyLocation, "repositories.\(shown(entry.key)).follows",
                    "repositories that follow one another: \((chain + [next]).map { shown($0) }.joined(separator: " → "))"
                )
            }
        }
    }

    private func kind(of entry: YAMLNode.Entry) -> KindDescriptor? {
        repositories.first { entry.value[$0.kind] != nil }
    }
}
