/// Where the figures of a profile are left for a monitoring system.
package struct MetricsSpec: Sendable, Equatable {
    /// One file, replaced whole at the end of every run.
    package var textfile: String

    /// - Parameter path: a file that ends in `.prom`, or the folder that it goes to.
    package init(path: String, profile: ProfileName) {
        textfile = path.hasSuffix(".prom") ? path : "\(path)/holdfast-\(profile).prom"
    }
}

/// A log for people and programs beside the history, which has no end of its own.
package struct LogSpec: Sendable, Equatable {
    package enum Format: String, Sendable, CaseIterable { case plain, json }

    package var path: String
    /// A file that would grow larger is put aside first.
    package var size: ByteCount = .mebibytes(10)
    /// Older files beside it: `PATH.1` is the newest of them.
    package var keep = 5
    package var format = Format.plain
    /// What matters less is left out.
    package var level = LogLevel.info

    package init(path: String) { self.path = path }
}
