/// How old things may be before they count as overdue. What a profile does not name has no objective and is never overdue,
/// but for ``skips``.
package struct Objectives: Sendable, Equatable {
    /// Age of the newest good backup of all sources.
    package var backup: Duration?
    /// Age of the newest complete feed of each follower that names no ``RepositorySpec/objective`` of its own.
    package var offsite: Duration?
    /// Age of the newest test of the primary that found it whole.
    package var verify: Duration?
    /// Age of the newest proof that it restores.
    package var drill: Duration?
    /// Age of the newest retention that was carried out or had nothing to remove.
    package var prune: Duration?
    /// Age of a repository's password.
    package var keyAge: Duration?
    /// How long a restore may take.
    package var restoreTime: Duration?
    /// How long runs may be skipped one after another; then even an operation without an objective is overdue.
    package var skips: Duration = Objectives.usualSkips

    package static let usualSkips = Duration.seconds(7 * 86_400)

    package init() {}
}
