package import Foundation

/// A source that a scheduled run left to a later one, for its `cadence:` did not ask for it: no gap, and no failure.
package struct NotDue: Codable, Sendable, Equatable {
    package var source: SourceName
    /// The run that last captured it.
    package var captured: RunID?
    /// From when on it is due again.
    package var next: Date?

    package init(source: SourceName, captured: RunID?, next: Date?) {
        self.source = source
        self.captured = captured
        self.next = next
    }
}
