/// The server that a source's databases live on, as a restore into place needs it.
package protocol DatabaseServer: Sendable {
    /// Which of these names are databases there.
    func existing(_ names: [String]) async throws(SourceError) -> Set<String>

    /// Gives `live` the name `aside` and `staged` the name `live`, both or neither, and ends the sessions that would be in
    /// the way. Where `live` does not exist, only the second.
    /// - Parameter adopting: whether the new one gets what the former one has that is no part of its content; a database that comes
    ///   back has its own.
    /// - Returns: what of the former one could not be given to the new one, in words.
    func exchange(
        live: String, staged: String, aside: String, adopting: Bool
    ) async throws(SourceError) -> [String]

    /// - Important: deletes a database with all that is in it.
    func drop(_ name: String) async throws(SourceError)

    /// Makes what the server lacks of a part that is of the whole server, such as roles. What is there is left as it is.
    /// - Parameter content: the part's, which may hold passwords.
    /// - Returns: what was made, in words.
    func addMissing(from content: [UInt8], part: ManifestPart) async throws(SourceError) -> [String]

    /// What tells this server from every other, whatever it is called; `nil` where it does not say.
    func identity() async throws(SourceError) -> String?

    /// The longest name of a database, in bytes.
    var longestName: Int { get }
}

extension DatabaseServer {
    /// As ``exchange(live:staged:aside:adopting:)``, adopting.
    package func exchange(live: String, staged: String, aside: String) async throws(SourceError) -> [String] {
        try await exchange(live: live, staged: staged, aside: aside, adopting: true)
    }
}
