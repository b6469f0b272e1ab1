package import BackupModel

/// What was asked of `drill`.
package struct DrillRequest: Sendable {
    package enum Point: Sendable, Equatable, CustomStringConvertible {
        case latest
        /// One that is not the newest, any.
        case random
        /// An id or a time, as a restore takes it.
        case named(String)

        package var description: String {
            switch self {
            case .latest: "latest"
            case .random: "random"
            case .named(let text): text
            }
        }
    }

    package var point: Point
    /// `nil`: all.
    package var sources: [SourceName]?
    package var lockWait: Duration?
    package var trigger = "manual"
    /// So many restored files are compared with the live ones.
    package var sample = DrillSpec.usualSample
    /// What it may take of the disk at any time.
    package var room: ByteCount?
    /// The list of what the repository holds goes here in place of the history: one that knows nothing yet makes of this a
    /// drill as if on a new machine.
    package var catalog: (any RunStore)?

    package init(point: Point = .latest, sources: [SourceName]? = nil) {
        self.point = point
        self.sources = sources
    }
}
