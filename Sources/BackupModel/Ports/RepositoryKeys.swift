package import Foundation

/// The keys of a repository that is encrypted with one master key, which each password opens through a key file of its own.
///
/// Passwords can be added and taken away; the master key stays the same for as long as the repository lives. So whoever kept a
/// copy of a key file and knows its password opens all of it, also when that key is long gone from the repository.
package protocol RepositoryKeys: Sendable {
    /// Where the password in use comes from: what the profile names, or the file that was written where that is empty.
    func place() async throws(RepositoryError) -> SecretReference
    /// All there are. Needs the password.
    func list() async throws(RepositoryError) -> [RepositoryKey]
    /// Which of them a password opens; `nil` when none.
    func opened(by password: Secret) async throws(RepositoryError) -> RepositoryKey?
    /// Adds a key for a further password.
    /// - Returns: its id, found by comparing what was there before and after.
    func add(_ password: Secret, user: String?, host: String?) async throws(RepositoryError) -> String
    /// Removes a key, then looks whether it is gone.
    /// - Parameter password: opens the repository, with another key than this one.
    /// - Important: whoever knows that key's password alone gets nothing more out of the repository.
    func remove(_ id: String, with password: Secret) async throws(RepositoryError)
}

package struct RepositoryKey: Sendable, Equatable, Codable {
    /// Whole.
    package var id: String
    package var user: String
    package var host: String
    /// `nil` where the repository's tool says nothing that can be read.
    package var created: Date?
    /// The one that the password in use opens.
    package var isOurs: Bool

    package init(id: String, user: String, host: String, created: Date?, isOurs: Bool) {
        self.id = id
        self.user = user
        self.host = host
        self.created = created
        self.isOurs = isOurs
    }
}
