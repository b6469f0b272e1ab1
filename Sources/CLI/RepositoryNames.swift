import BackupModel

extension Live {
    /// - Throws: ``Failure`` that lists those that there are.
    func spec(ofRepository name: String) throws(Failure) -> RepositorySpec {
        if let spec = profile.repositories.first(where: { $0.name.rawValue == name }) { return spec }
        let names = profile.repositories.map(\.name.rawValue)
        throw Failure(
            "profile \(profile.name) has no repository \(name)",
            hint: RepositoryNames.near(name, in: names) + "it has: \(names.joined(separator: ", "))", kind: .usage)
    }

    /// - Throws: ``Failure`` that lists those that there are, and says so where the name is that of the primary.
    func spec(ofFollower name: String) throws(Failure) -> RepositorySpec {
        let followers = profile.followers
        if let spec = followers.first(where: { $0.name.rawValue == name }) { return spec }
        let names = followers.map(\.name.rawValue)
        let list = names.isEmpty ? "there is none" : "there is: \(names.joined(separator: ", "))"
        guard name != profile.primary?.name.rawValue else {
            throw Failure(
                "repository \(name) follows no other: it is what is looked at anyway",
                hint: "leave out --from, or name a repository that follows it; \(list)", kind: .usage)
        }
        throw Failure(
            "profile \(profile.name) has no follower \(name)", hint: RepositoryNames.near(name, in: names) + list,
            kind: .usage)
    }

    /// - Throws: ``Failure`` for a name that neither a source nor a repository has.
    func requireKnown(_ names: [String]) throws(Failure) {
        let sources = profile.sources.map(\.name.rawValue)
        let repositories = profile.repositories.map(\.name.rawValue)
        for name in names where !(sources + repositories).contains(name) {
            throw Failure(
                "profile \(profile.name) has no repository and no source \(name)",
                hint: RepositoryNames.near(name, in: repositories + sources)
                    + "its repositories: \(repositories.joined(separator: ", ")); its sources: "
                    + sources.joined(separator: ", "), kind: .usage)
        }
    }
}

enum RepositoryNames {
    static func near(_ name: String, in names: [String]) -> String {
        Nearest.match(name, in: names).map { "did you mean `\($0)`? " } ?? ""
    }
}
