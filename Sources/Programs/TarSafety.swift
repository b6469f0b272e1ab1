/// Decides whether an archive stays below the folder that it is unpacked into, whoever made it, and whichever program unpacks
/// it.
///
/// A symbolic link may lead anywhere, for a tree has such links and they harm nobody by being there. But nothing may pass through
/// one, or take the place of one: that is how a later entry gets out.
package struct TarSafety {
    /// Digests of the paths at which there is a symbolic link, by the process's own random seed. Two paths with the same
    /// digest would make us refuse an archive, never let one pass.
    private var links: Set<Int> = []

    package init() {}

    /// - Throws: ``TarError/refused(name:what:)``
    package mutating func admit(_ entry: TarEntry) throws(TarError) {
        switch entry.kind {
        case .file, .directory, .symbolicLink, .hardLink: break
        case .characterDevice, .blockDevice: throw refusal(entry, "is a device")
        case .fifo: throw refusal(entry, "is a pipe")
        case .unknown(let type): throw refusal(entry, "is of an unknown type (\(type))")
        }
        let path = try trace(entry.name, entry, "leads out of its folder")
        guard path.depth > 0 || entry.kind == .directory else { throw refusal(entry, "has no name") }
        if path.depth > 0, links.contains(path.digest) { throw refusal(entry, "takes the place of a symbolic link") }
        switch entry.kind {
        case .symbolicLink: links.insert(path.digest)
        case .hardLink:
            let target = try trace(entry.link, entry, "is a hard link to something outside of its folder")
            // Another name of a symbolic link is one too.
            if links.contains(target.digest) { links.insert(path.digest) }
        case .file, .directory, .characterDevice, .blockDevice, .fifo, .unknown: break
        }
    }

    /// Follows a path by its letters.
    private func trace(
        _ path: [UInt8], _ entry: TarEntry, _ complaint: String
    ) throws(TarError) -> (digest: Int, depth: Int) {
        guard path.first != 47 else { throw refusal(entry, complaint + ": an absolute path") }
        var hasher = Hasher()
        var digest = 0
        var depth = 0
        for component in path.split(separator: 47) where !component.elementsEqual([46]) {
            guard !component.elementsEqual([46, 46]) else { throw refusal(entry, complaint + ", by `..`") }
            if depth > 0, links.contains(digest) {
                throw refusal(entry, complaint + ", through a symbolic link of the archive")
            }
            hasher.combine(component.count)
            component.withUnsafeBytes { hasher.combine(bytes: $0) }
            digest = hasher.finalized
            depth += 1
        }
        return (digest, depth)
    }

    private func refusal(_ entry: TarEntry, _ what: String) -> TarError {
        .refused(name: entry.displayedName, what: what)
    }
}

extension Hasher {
    /// What it comes to so far.
    fileprivate var finalized: Int {
        let copy = self
        return copy.finalize()
    }
}
