/// Where plugins are looked for.
package struct HookFolders: Sendable {
    /// The value of `HOLDFAST_HOOKS_DIR`: folders separated by `:`.
    private let first: [String]
    private let installed: [String]

    /// - Parameter program: the path of our own program, beside whose folder `share/holdfast/hooks` may be.
    package init(environment: [String: String], program: String) {
        first = (environment["HOLDFAST_HOOKS_DIR"] ?? "").split(separator: ":").map(String.init).filter {
            $0.hasPrefix("/")
        }
        let folder = Self.parent(of: Self.parent(of: program))
        var installed = ["/usr/local/share/holdfast/hooks", "/usr/share/holdfast/hooks"]
        if folder.hasPrefix("/"), folder.count > 1 { installed.insert(folder + "/share/holdfast/hooks", at: 0) }
        self.installed = installed
    }

    /// Each once, the first that has the plugin wins: those of the variable, `hooks` in the profile's folder, `hooks` beside
    /// it, those installed.
    /// - Parameter file: the profile's.
    package func searched(from file: String) -> [String] {
        var folders = first
        let own = Self.parent(of: file)
        if own.hasPrefix("/") {
            folders.append((own == "/" ? "" : own) + "/hooks")
            let above = Self.parent(of: own)
            folders.append((above == "/" ? "" : above) + "/hooks")
        }
        var seen: Set<String> = []
        return (folders + installed).filter { seen.insert($0).inserted }
    }

    static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "" }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
