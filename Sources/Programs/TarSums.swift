/// The digests of an archive's files, as `sha256sum` prints them, kept small: a name is stored as what differs from the one
/// before, so that a million files cost about fifty megabytes and a thousand next to nothing.
package struct TarSums {
    /// The member that holds them, the last of an archive: `sha256sum -c .holdfast-sha256sums` proves an unpacked tree.
    package static let memberName = ".holdfast-sha256sums"

    package private(set) var count = 0
    /// Of all lines together.
    package private(set) var textSize: Int64 = 0
    private var chunks: [[UInt8]] = []
    private var previous: [UInt8] = []
    private static let chunkSize = 1 << 18

    package init() {}

    /// True for the member itself, also where `./` stands before its name. One that was there before, as in a tree that was
    /// unpacked by hand, is replaced by the new one when the archive is unpacked, and so is no file of it.
    package static func isSums(_ entry: TarEntry) -> Bool {
        let name = entry.name.starts(with: [46, 47]) ? entry.name.dropFirst(2) : entry.name[...]
        return name.elementsEqual(memberName.utf8)
    }

    /// - Parameters:
    ///   - digest: 32 bytes.
    ///   - name: as in the archive. A slash at its beginning is left out, as `tar` does when it unpacks.
    package mutating func add(digest: [UInt8], name: [UInt8]) {
        precondition(digest.count == 32)
        var name = Array(name.drop { $0 == 47 })
        // By itself it would mean the standard input.
        if name == [45] { name = [46, 47, 45] }
        let shared = zip(previous, name).prefix { $0 == $1 }.count
        let record = digest + TarSums.variable(shared) + TarSums.variable(name.count - shared) + name[shared...]
        if let last = chunks.indices.last, chunks[last].count + record.count <= TarSums.chunkSize {
            chunks[last] += record
        } else {
            chunks.append([])
            chunks[chunks.count - 1].reserveCapacity(max(TarSums.chunkSize, record.count))
            chunks[chunks.count - 1] += record
        }
        previous = name
        count += 1
        let escapes = name.count { $0 == 92 || $0 == 10 }
        textSize += Int64(64 + 2 + name.count + 1 + escapes + (escapes > 0 ? 1 : 0))
    }

    package func lines() -> Lines { Lines(chunks: chunks) }

    /// One line after the other, each with its newline.
    package struct Lines: IteratorProtocol {
        fileprivate let chunks: [[UInt8]]
        private var chunk = 0
        private var index = 0
        /// Of the line that was last returned, without escapes.
        package private(set) var name: [UInt8] = []

        fileprivate init(chunks: [[UInt8]]) { self.chunks = chunks }

        /// - Source: coreutils 9.1, "sha2 utilities": a name with a backslash or a newline is escaped, and a backslash before
        ///   the line says so.
        package mutating func next() -> [UInt8]? {
            if chunk < chunks.count, index == chunks[chunk].count { (chunk, index) = (chunk + 1, 0) }
            guard chunk < chunks.count else { return nil }
            let digest = chunks[chunk][index..<index + 32]
            index += 32
            let shared = number()
            let length = number()
            name.removeSubrange(shared...)
            name += chunks[chunk][index..<index + length]
            index += length

            var line: [UInt8] = []
            line.reserveCapacity(name.count + 70)
            if name.contains(where: { $0 == 92 || $0 == 10 }) { line.append(92) }
            for byte in digest {
                line.append(TarSums.digits[Int(byte >> 4)])
                line.append(TarSums.digits[Int(byte & 15)])
            }
            line += [32, 32]
            for byte in name {
                switch byte {
                case 92: line += [92, 92]
                case 10: line += [92, 110]
                default: line.append(byte)
                }
            }
            line.append(10)
            return line
        }

        private mutating func number() -> Int {
            var value = 0
            var shift = 0
            while true {
                let byte = chunks[chunk][index]
                index += 1
                value |= Int(byte & 0x7f) << shift
                if byte & 0x80 == 0 { return value }
                shift += 7
            }
        }
    }

    private static let digits = Array("0123456789abcdef".utf8)

    private static func variable(_ number: Int) -> [UInt8] {
        var rest = number
        var bytes: [UInt8] = []
        while rest > 0x7f {
            bytes.append(UInt8(rest & 0x7f) | 0x80)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }
}

/// A member of our own making.
package enum TarMember {
    /// The header of a file of mode 0600. Its name has at most 100 bytes, and it less than eight gigabytes.
    package static func header(name: String, size: Int64, modified: Int64, user: UInt32, group: UInt32) -> [UInt8] {
        var block = [UInt8](repeating: 0, count: TarHeader.size)
        func put(_ text: some Collection<UInt8>, at place: Int) {
            block.replaceSubrange(place..<place + text.count, with: text)
        }
        func put(_ number: Int64, at place: Int, digits: Int) {
            let text = String(number, radix: 8)
            put((String(repeating: "0", count: max(0, digits - text.count)) + text).utf8, at: place)
        }
        put(name.utf8, at: 0)
        put(0o600, at: 100, digits: 7)
        // Numbers that do not fit are nobody's: who unpacks as root gets the file, and others get it anyway.
        put(Int64(user) < 1 << 21 ? Int64(user) : 0, at: 108, digits: 7)
        put(Int64(group) < 1 << 21 ? Int64(group) : 0, at: 116, digits: 7)
        put(size, at: 124, digits: 11)
        put(modified, at: 136, digits: 11)
        put([UInt8](repeating: 32, count: 8), at: 148)
        put("0".utf8, at: 156)
        put([117, 115, 116, 97, 114, 0, 48, 48], at: 257)
        let sum = block.reduce(Int64(0)) { $0 + Int64($1) }
        put(sum, at: 148, digits: 6)
        block[154] = 0
        return block
    }

    /// How many zeros stand behind a content of this size.
    package static func padding(_ size: Int64) -> Int { Int((512 - size % 512) % 512) }
}
