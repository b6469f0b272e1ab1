package import BackupModel
import Foundation

/// Pins as files: `pins/<profile>/<repository>.json` below the state folder.
package struct FilePins: Pins {
    private let root: String
    private var folder: String { root + "/pins" }

    /// - Parameter folder: the state folder.
    package init(folder: String) { root = folder }

    /// - Throws: ``StoreError`` also for a pin that cannot be read: it is never taken for no pin, for then a repository that
    ///   was swapped for another would be pinned anew.
    package func pin(profile: ProfileName, repository: RepositoryName) throws(StoreError) -> RepositoryPin? {
        let path = try path(profile, repository)
        try StateFolder.checkIfPresent(root)
        guard let bytes = try DurableFile.read(path) else { return nil }
        return try StoredJSON.decode(RepositoryPin.self, from: bytes, path: path)
    }

    package func save(_ pin: RepositoryPin, profile: ProfileName, repository: RepositoryName) throws(StoreError) {
        let path = try path(profile, repository)
        try StateFolder.prepare((path as NSString).deletingLastPathComponent, in: root)
        try DurableFile.write(try StoredJSON.encode(pin, path: path), to: path)
        let mark = try usedMark(profile)
        if try DurableFile.read(mark) == nil { try DurableFile.write([], to: mark) }
    }

    /// A mark stays when a pin goes, so that deleting pins one by one does not make a profile look new.
    package func hasState(profile: ProfileName) throws(StoreError) -> Bool {
        let mark = try usedMark(profile)
        try StateFolder.checkIfPresent(root)
        if try DurableFile.read(mark) != nil { return true }
        return try StateFolder.names(in: (mark as NSString).deletingLastPathComponent).contains {
            $0.hasSuffix(".json")
        }
    }

    package func recipients(
        profile: ProfileName, of subject: RecipientSubject
    ) throws(StoreError) -> RecipientPin? {
        let path = try path(profile, subject)
        try StateFolder.checkIfPresent(root)
        guard let bytes = try DurableFile.read(path) else { return nil }
        return try StoredJSON.decode(RecipientPin.self, from: bytes, path: path)
    }

    package func save(
        _ pin: RecipientPin?, profile: ProfileName, of subject: RecipientSubject
    ) throws(StoreError) {
        let path = try path(profile, subject)
        try StateFolder.prepare((path as NSString).deletingLastPathComponent, in: root)
        guard let pin else { return try DurableFile.remove(path) }
        try DurableFile.write(try StoredJSON.encode(pin, path: path), to: path)
    }

    private func path(_ profile: ProfileName, _ subject: RecipientSubject) throws(StoreError) -> String {
        let folder = "\(folder)/\(try checked(profile))/recipients"
        return switch subject {
        case .source(let name): "\(folder)/source-\(try checked(name)).json"
        case .repository(let name): "\(folder)/repository-\(try checked(name)).json"
        }
    }

    private func usedMark(_ profile: ProfileName) throws(StoreError) -> String {
        "\(folder)/\(try checked(profile))/.used"
    }

    private func path(_ profile: ProfileName, _ repository: RepositoryName) throws(StoreError) -> String {
        "\(folder)/\(try checked(profile))/\(try checked(repository)).json"
    }

    private func checked(_ name: some CheckedName) throws(StoreError) -> String {
        guard type(of: name).isValid(name.rawValue) else {
            throw .unusable(path: folder, reason: "\(name.rawValue) is no valid name")
        }
        return name.rawValue
    }
}
