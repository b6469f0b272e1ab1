/// The folder that the names in a stored tree are relative to.
struct TreeBase {
    /// What stands before the names: the folder, with a slash.
    let prefix: String

    /// - Parameter folder: absolute; `nil` is the root.
    init(_ folder: String?) {
        let folder = folder ?? "/"
        prefix = folder.hasSuffix("/") ? folder : folder + "/"
    }

    /// The name in the tree of an absolute path; `nil` for what is not in it.
    func name(of path: String) -> String? {
        guard path.hasPrefix(prefix), path.utf8.count > prefix.utf8.count else { return nil }
        return String(path.dropFirst(prefix.count))
    }
}
