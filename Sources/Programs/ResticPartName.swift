package import BackupModel

/// The name under which a part that is one stream lies in its snapshot: the part's own path, but for one version that cannot
/// store a stream in a folder. There the path becomes a single name, `/holdfast%2Fpostgres%2Fdb.sql`, and is read back as
/// the part's path by every version.
/// - Source: https://github.com/restic/restic/blob/master/changelog/0.18.1_2025-09-21/issue-5324, checked for 0.18.0, where
///   `--stdin-filename /postgres/db.sql` fails with `open /postgres: no such file or directory`.
package enum ResticPartName {
    private static let mark = "/holdfast%2F"

    package static func stored(_ path: PartPath, by version: ResticVersion) -> String {
        version == ResticVersion(0, 18, 0) && isNested(path.rawValue) ? flat(path.rawValue) : path.rawValue
    }

    /// A path in a folder: the only ones that may be stored under two names.
    package static func isNested(_ path: String) -> Bool { path.dropFirst().contains("/") }

    package static func flat(_ path: String) -> String {
        var name = mark
        for scalar in path.unicodeScalars.drop(while: { $0 == "/" }) {
            switch scalar {
            case "/": name += "%2F"
            case "%": name += "%25"
            default: name.unicodeScalars.append(scalar)
            }
        }
        return name
    }

    /// The part's path for a path in a snapshot; other paths are themselves.
    package static func partPath(_ stored: String) -> String {
        guard stored.hasPrefix(mark), !isNested(stored) else { return stored }
        return "/"
            + stored.dropFirst(mark.count).replacing("%2F", with: "/").replacing("%25", with: "%")
    }
}
