import Foundation

/// What `~` stands for: the folder in `HOME`, as for every shell; without one, the user database's.
package enum HomeFolder {
    package static func path(_ environment: [String: String] = ProcessInfo.processInfo.environment) -> String {
        if let home = environment["HOME"], home.hasPrefix("/") { return home }
        return NSHomeDirectory()
    }
}
