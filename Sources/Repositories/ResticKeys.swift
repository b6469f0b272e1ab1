package import BackupModel
import Foundation
import Programs

extension ResticRepository {
    /// A mirror has none of its own: it has those of the repository whose files it holds.
    package var keys: (any RepositoryKeys)? { access.settings.isMirror ? nil : ResticKeys(access: access) }
}

/// The keys of a restic repository.
struct ResticKeys: RepositoryKeys {
    let access: ResticAccess

    func place() async throws(RepositoryError) -> SecretReference { try await access.passwordPlace() }

    func list() async throws(RepositoryError) -> [RepositoryKey] { try await list(try await access.restic()) }

    func opened(by password: Secret) async throws(RepositoryError) -> RepositoryKey? {
        do throws(RepositoryError) {
            return try await list(try await access.restic().opening(with: password)).first(where: \.isOurs)
        } catch {
            guard case .wrongPassword = error else { throw error }
            return nil
        }
    }

    func add(_ password: Secret, user: String?, host: String?) async throws(RepositoryError) -> String {
        let restic = try await access.restic()
        let before = Set(try await ids(restic))
        _ = try await access.run(restic.addKey(password, user: user, host: host))
        let new = Set(try await ids(restic)).subtracting(before)
        guard let id = new.first, new.count == 1 else {
            throw .noEvidence(
                location: access.location,
                detail: "restic added a key, and \(new.isEmpty ? "none" : "\(new.count)") came to be")
        }
        return id
    }

    func remove(_ id: String, with password: Secret) async throws(RepositoryError) {
        let restic = try await access.restic().opening(with: password)
        _ = try await access.run(restic.removeKey(id))
        guard try await !ids(restic).contains(id) else {
            throw .noEvidence(
                location: access.location, detail: "restic removed key \(id.prefix(8)), and it is still there")
        }
    }

    private func list(_ restic: Restic) async throws(RepositoryError) -> [RepositoryKey] {
        let output = try await access.run(restic.keyOwners()).output
        guard let listed = ResticListing.keys(output.head + output.tail) else {
            throw .noEvidence(location: access.location, detail: "its list of keys cannot be read")
        }
        // 0.14 cuts the ids.
        let whole = listed.allSatisfy { ResticListing.isID($0.id) } ? listed.map(\.id) : try await ids(restic)
        return listed.compactMap { key in
            guard let id = whole.first(where: { $0.hasPrefix(key.id) }) else { return nil }
            var key = key
            key.id = id
            return key
        }
    }

    private func ids(_ restic: Restic) async throws(RepositoryError) -> [String] {
        if let folder = access.folder { return try folder.keyIDs() }
        return ResticListing.ids(try await access.run(restic.list(.keys)).output.text)
    }
}
