#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A tree that rsync has made from a list of names.
enum CopiedTree {
    /// Looks for every name.
    /// - Parameters:
    ///   - names: a list (``NameList``).
    ///   - tree: absolute.
    /// - Returns: names that are not there: how many, and which the first hundred are.
    static func missing(
        _ names: String, in tree: String, stop: Blocking.Stop
    ) throws(SystemFailure) -> (names: [String], count: Int) {
        var missing: [String] = []
        var count = 0
        let root = Array(tree.utf8) + [47]
        try NameList.read(names) { (name: ArraySlice<UInt8>) throws(SystemFailure) in
            if stop.isWanted { throw SystemFailure(code: ECANCELED, path: names) }
            var status = stat()
            guard SelectionWalk.look(root + name, &status) != 0 else { return }
            count += 1
            if missing.count < 100 { missing.append(String(decoding: name, as: UTF8.self)) }
        }
        return (missing, count)
    }
}
