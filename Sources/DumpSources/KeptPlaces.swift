import BackupModel

/// What lies in what a source captures and is no part of it: what restores into place have put aside, what runs work in, and backups
/// that are mounted. These very paths are left out, and nothing else that is called alike: who has such files of his own loses none.
struct KeptPlaces: Sendable {
    /// Absolute.
    let paths: [String]
    private let keptAside: [String]
    private let shown: [String]

    /// - Parameters:
    ///   - roots: what the source captures. One that lies in such a place itself was named on purpose.
    ///   - naming: turns a path of the context's into what the source calls it; `nil` for one that it cannot have.
    init(
        _ context: CaptureContext, below roots: [String], naming: (String) -> String? = { $0 }
    ) {
        func inside(_ places: [String]) -> [String] {
            places.compactMap(naming).filter { path in
                roots.contains { path.hasPrefix($0 == "/" ? "/" : $0 + "/") }
                    && !roots.contains { $0 == path || $0.hasPrefix(path + "/") }
            }
        }
        keptAside = inside(context.keptAside)
        shown = inside(context.shown)
        paths = keptAside + shown + inside(context.workedIn)
    }

    /// Nothing is left out.
    static let none = KeptPlaces(CaptureContext(run: RunID(unchecked: ""), scratch: ""), below: [])

    func contains(_ path: String) -> Bool { paths.contains { path == $0 || path.hasPrefix($0 + "/") } }

    /// For the operator: what is there to be left out, and somebody might miss.
    var notices: [String] {
        [
            ("what restores have put aside", keptAside, " (see `holdfast restore --kept`)"),
            ("where a backup is mounted", shown, ""),
        ].compactMap { what, paths, more in
            let present = paths.filter { FileStatus.seen($0) != nil }
            guard let first = present.first else { return nil }
            let others = present.count == 1 ? "" : " and \(present.count - 1) more"
            return "left out \(what): \(first)\(others)\(more)"
        }
    }
}
