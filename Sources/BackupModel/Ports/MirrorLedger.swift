/// What a mirror has acknowledged, file by file: a server that only takes cannot be asked. Losing it costs sending
/// everything once more.
package protocol MirrorLedger: Sendable {
    /// Files that are there, by their paths in the repository, with the digest that was sent.
    func mirrored(at place: String) throws(StoreError) -> [String: MirroredFile]
    /// Enters files once they have been acknowledged.
    func enter(_ files: [String: MirroredFile], at place: String) throws(StoreError)
    /// How much is there, as far as it was acknowledged.
    func mirroredSize(at place: String) throws(StoreError) -> (files: Int, bytes: ByteCount)
    /// Forgets files that are about to be removed there.
    func remove(_ paths: [String], at place: String) throws(StoreError)
    /// Forgets what is there: nothing goes there any more.
    func dropMirrored(at place: String) throws(StoreError)

    /// The generations below an address, oldest first.
    func generations(at place: String) throws(StoreError) -> [MirrorGeneration]
    /// Enters new ones and replaces those of the same name, all or none.
    func save(_ generations: [MirrorGeneration], at place: String) throws(StoreError)
    /// Forgets one whose name turned out to be taken.
    func removeGeneration(_ name: String, at place: String) throws(StoreError)
}

package struct MirroredFile: Sendable, Equatable {
    /// SHA-256 of what was sent, 64 hexadecimal digits.
    package var digest: String
    package var bytes: Int64
    package init(digest: String, bytes: Int64) {
        self.digest = digest
        self.bytes = bytes
    }
}
