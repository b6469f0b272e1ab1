/// The digest of a file, and of each of the parts that it is to be sent in, from one reading.
package struct PartDigests: Sendable {
    package var whole: SHA256Digest
    /// Each is as large as was asked for, the last perhaps smaller.
    package var parts: [SHA256Digest]

    /// - Parameters:
    ///   - partSize: in bytes.
    ///   - isStopped: asked after each portion.
    /// - Throws: ``DigestError``
    package init(
        ofFile path: String, partSize: Int64, isStopped: () -> Bool = { false }
    ) throws(DigestError) {
        let part = try SHA256()
        var parts: [SHA256Digest] = []
        var room = partSize
        whole = try FileDigest().digest(ofFile: path) { (bytes: UnsafeRawBufferPointer) throws(DigestError) in
            var rest = bytes
            while !rest.isEmpty {
                let count = Int(min(room, Int64(rest.count)))
                try part.update(UnsafeRawBufferPointer(rebasing: rest[..<count]))
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
                room -= Int64(count)
                if room == 0 {
                    parts.append(try part.finish())
                    room = partSize
                }
            }
            return !isStopped()
        }
        if room < partSize || parts.isEmpty { parts.append(try part.finish()) }
        self.parts = parts
    }
}
