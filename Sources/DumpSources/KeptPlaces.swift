/// What restores into place have put aside, as far as it lies in what a source captures. These very paths are left out, and nothing
/// else that is called alike: who has such files of his own loses none.
struct KeptPlaces: Sendable {
    /// Absolute.
    let paths: [String]

    /// - Parameter roots: what the source captures. One that lies in such a place itself was named on purpose.
    init(_ kept: [String], below roots: [String]) {
        paths = kept.filter { path in
            roots.contains { path.hasPrefix($0 == "/" ? "/" : $0 + "/") }
                && !roots.contains { $0 == path || $0.hasPrefix(path + "/") }
        }
    }

    func contains(_ path: String) -> Bool { paths.contains { path == $0 || path.hasPrefix($0 + "/") } }

    /// For the operator; `nil` where nothing is there to be left out.
    var notice: String? {
        let present = paths.filter { FileStatus.seen($0) != nil }
        guard let first = present.first else { return nil }
        let more = present.count == 1 ? "" : " and \(present.count - 1) more"
        return "left out what restores have put aside: \(first)\(more) (see `holdfast restore --kept`)"
    }
}
