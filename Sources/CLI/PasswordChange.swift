import BackupEngine
import BackupModel
import Foundation
import ProfileLoader

/// Which repositories share a password and must get the new one together, in this profile and in others.
struct PasswordChange {
    let live: Live
    private let global: GlobalOptions

    init(_ live: Live, _ global: GlobalOptions) {
        self.live = live
        self.global = global
    }

    /// Whether a name means a repository with passwords of its own, and no source.
    func isMeant(by name: String) -> Bool {
        live.profile.repositories.contains { $0.name.rawValue == name && $0.kind == "restic" }
    }

    /// - Returns: an engine at each repository of the profile that has the password of the one named.
    func group(of name: String) throws -> [Engine] {
        let spec = try spec(name)
        let engine = try live.engine()
        return try live.profile.repositories.filter { other in
            other.kind == "restic" && other.follow?.method != .mirror && other.secret == spec.secret
        }.map { try at($0, engine) }
    }

    func one(_ name: String?) throws -> Engine {
        let engine = try live.engine()
        guard let name else { return engine }
        return try at(try spec(name), engine)
    }

    private func at(_ spec: RepositorySpec, _ engine: Engine) throws -> Engine {
        guard spec.access.mayRead else {
            throw Failure(
                "the credential of repository \(spec.name) may write and nothing else: its keys cannot be looked at",
                hint: "give the profile one that may read, for as long as this takes", kind: .notPermitted)
        }
        return spec.name == engine.primary.spec.name ? engine : engine.at(try live.repository(spec))
    }

    private func spec(_ name: String) throws -> RepositorySpec {
        let spec = try live.spec(ofRepository: name)
        if spec.follow?.method == .mirror, let leader = spec.follow?.leader {
            throw Failure(
                "\(name) is a mirror: it has the keys of \(leader)",
                hint: "name \(leader); its new key goes over with the next feed", kind: .usage)
        }
        guard spec.kind == "restic" else {
            throw Failure(
                "repository \(name) has no passwords of its own (`\(spec.kind):`)",
                hint: "its recipients or its passphrase stand in the profile", kind: .usage)
        }
        return spec
    }

    var mirrors: [RepositorySpec] { live.profile.followers.filter { $0.follow?.method == .mirror } }

    /// What other profiles have to do with it.
    /// - Throws: ``Failure`` where one takes the same file for a repository that would not get the new password.
    func notices(_ engines: [Engine]) throws -> [String] {
        guard let first = engines.first, let reference = first.primary.spec.secret else { return [] }
        guard case .file(let path) = reference else {
            return ["other profiles may take the same password from \(reference); nobody can tell from here"]
        }
        var notices: [String] = []
        let locations = Set(engines.map(\.primary.location))
        for entry in Profiles(global).catalog().entries where entry.canRun && entry.path != live.profile.path {
            var one = global
            one.profile = entry.path
            let other: Live
            do { other = try Live(one, live.console) } catch {
                notices.append(
                    "profile \(entry.title) cannot be loaded: whether it takes the same password is not known")
                continue
            }
            for spec in other.profile.repositories where spec.secret == .file(path) && spec.follow?.method != .mirror {
                guard locations.contains(try other.repository(spec).location) else {
                    throw Failure(
                        "profile \(other.profile.name) takes the password of its repository \(spec.name) from the same file, "
                            + path,
                        hint: "give that one a password file of its own first", kind: .usage)
                }
                notices.append(
                    "profile \(other.profile.name) has the same repository: give "
                        + "`holdfast repository accept-id --repository \(spec.name) -p \(other.profile.name)` afterwards"
                )
            }
        }
        return notices
    }
}

extension RepositorySpec {
    /// What its password comes from.
    fileprivate var secret: SecretReference? { entry["password"]?.secret }
}
