import Foundation

/// Paths as text: nothing here asks whether they exist, except ``resolvingLinks(_:)``.
enum PathText {
    static func folder(of path: String) -> String {
        let parts = path.split(separator: "/", omittingEmptySubsequences: true).dropLast()
        return path.hasPrefix("/")
            ? "/" + parts.joined(separator: "/") : (parts.isEmpty ? "." : parts.joined(separator: "/"))
    }

    /// `~` is the home folder, a relative path is below `folder`. `.` and doubled slashes go; `..` stays, because after a
    /// symbolic link it does not mean what the text suggests.
    static func absolute(_ path: String, below folder: String, home: String) -> String {
        var full = path
        if path == "~" { full = home } else if path.hasPrefix("~/") { full = home + path.dropFirst() }
        if !full.hasPrefix("/") { full = folder + "/" + full }
        let isAbsolute = full.hasPrefix("/")
        let parts = full.split(separator: "/", omittingEmptySubsequences: true).filter { $0 != "." }
        return (isAbsolute ? "/" : "") + parts.joined(separator: "/")
    }

    /// The file's name without folder and ending.
    static func stem(of path: String) -> String {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return name }
        return String(name[..<dot])
    }

    static func resolvingLinks(_ path: String) -> String {
        guard let resolved = realpath(path, nil) else { return path }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}
