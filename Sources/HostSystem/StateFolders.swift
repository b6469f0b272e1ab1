import BackupModel
import Foundation

/// Where things live on this host.
package struct StateFolders: Sendable, Equatable {
    /// Pins, resource journal, history, profile locks.
    package var state: String
    /// What can be made again, such as caches of tools.
    package var cache: String

    package var scratch: String { state + "/scratch" }

    package init(state: String, cache: String) {
        self.state = state
        self.cache = cache
    }

    /// The operator's word in the environment (`HOLDFAST_STATE_DIR`, `HOLDFAST_CACHE_DIR`) comes first, then the profile's,
    /// then the usual place: below `/var` for root, below the home folder or its XDG folders for everybody else.
    /// - Source: XDG Base Directory Specification 0.8: relative paths in its variables are to be ignored.
    package static func resolve(
        profileState: String? = nil, profileCache: String? = nil,
        environment: [String: String] = ProcessInfo.processInfo.environment, userID: UInt32 = geteuid()
    ) -> StateFolders {
        func place(variable: String, profile: String?, system: String, xdg: String, home: String) -> String {
            for chosen in [environment[variable], profile] {
                if let chosen, !chosen.isEmpty { return absolute(chosen) }
            }
            if userID == 0 { return "/var/\(system)/holdfast" }
            if let base = environment[xdg], base.hasPrefix("/") { return absolute(base) + "/holdfast" }
            return "\(homeFolder(environment, userID))/\(home)/holdfast"
        }
        return StateFolders(
            state: place(
                variable: "HOLDFAST_STATE_DIR", profile: profileState, system: "lib", xdg: "XDG_STATE_HOME",
                home: ".local/state"),
            cache: place(
                variable: "HOLDFAST_CACHE_DIR", profile: profileCache, system: "cache", xdg: "XDG_CACHE_HOME",
                home: ".cache"))
    }

    private static func homeFolder(_ environment: [String: String], _ userID: UInt32) -> String {
        if let home = environment["HOME"], home.hasPrefix("/") { return absolute(home) }
        return UserDatabase.user(id: userID)?.home ?? "/"
    }

    private static func absolute(_ path: String) -> String {
        let whole = path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
        return (whole as NSString).standardizingPath
    }
}
