import BackupModel
import Foundation

/// A disk that must be mounted before a repository is used: a folder on one that is not looks like an empty one, and a
/// repository made there would fill the wrong disk.
package enum RequiredMount: Sendable, Equatable {
    /// The folder itself, or one above it, other than `/`.
    case anyAbove
    case at(String)

    /// As `must-be-mounted:` says it.
    init?(_ value: ConfigValue?) {
        switch value?.content {
        case .boolean(true): self = .anyAbove
        case .string(let path): self = .at(path)
        default: return nil
        }
    }

    /// - Parameter path: the repository's folder.
    /// - Throws: ``RepositoryError/misplaced(location:detail:)``
    func require(for path: String, location: String, _ host: any HostFacts) throws(RepositoryError) {
        switch self {
        case .anyAbove:
            guard let mount = host.mount(containing: path), mount.path != "/" else {
                throw .misplaced(location: location, detail: "no disk is mounted at it or above it")
            }
        case .at(let place):
            let resolved = URL(fileURLWithPath: place).resolvingSymlinksInPath().path
            guard let mount = host.mount(containing: place), mount.path == resolved else {
                throw .misplaced(location: location, detail: "nothing is mounted at \(place)")
            }
        }
    }
}

extension HostFacts {
    /// A repository on the disk that it backs up is lost together with it.
    /// - Throws: ``RepositoryError/misplaced(location:detail:)``
    func requireOtherDevice(_ path: String, than roots: [String], location: String) throws(RepositoryError) {
        let own = device(of: path)
        if let root = roots.first(where: { device(of: $0) == own }) {
            throw .misplaced(location: location, detail: "it lies on the same disk as \(root), which it backs up")
        }
    }
}
