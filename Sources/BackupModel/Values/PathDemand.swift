import Foundation

/// What a profile says must be in a snapshot: a path, the end of one, or a pattern.
package enum PathDemand {
    /// A pattern (`secrets/*.age`) is held against as many of the path's last components as it has itself, one that begins with a
    /// slash against all of it; `*` and `?` stay within a component.
    /// - Parameter path: absolute.
    package static func matches(_ path: String, _ demand: String) -> Bool {
        if path == demand || path.hasSuffix("/" + demand) { return true }
        guard demand.contains(where: { "*?[".contains($0) }) else { return false }
        let depth = demand.split(separator: "/").count
        let end = path.split(separator: "/").suffix(depth).joined(separator: "/")
        return fnmatch(demand, demand.hasPrefix("/") ? path : end, FNM_PATHNAME) == 0
    }
}

/// What an operator looks for: a path, the end of one, or a pattern, as ``PathDemand`` has it.
package struct PathPattern: Sendable, Equatable {
    package var text: String
    package var ignoresCase: Bool

    package init(_ text: String, ignoresCase: Bool = false) {
        self.text = text
        self.ignoresCase = ignoresCase
    }

    package func matches(_ path: String) -> Bool {
        ignoresCase ? PathDemand.matches(path.lowercased(), text.lowercased()) : PathDemand.matches(path, text)
    }

    /// The part of it that a path's last component must match.
    package var lastComponent: String { text.split(separator: "/").last.map(String.init) ?? text }
}
