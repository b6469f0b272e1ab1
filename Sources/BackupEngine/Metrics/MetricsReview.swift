package import BackupModel
import Foundation

/// Puts together the figures of a profile from what is on record: nothing is started, and no password is needed.
package struct MetricsReview: Sendable {
    private let engine: Engine
    private let version: String

    /// - Parameters:
    ///   - engine: at the profile's primary repository.
    ///   - version: of this program.
    package init(_ engine: Engine, version: String) {
        self.engine = engine
        self.version = version
    }

    /// Where the history cannot be read, the figures are of the run at hand alone, and say so.
    /// - Parameter run: one that has just ended, known also when the history is not.
    package func document(after run: RunRecord? = nil) -> MetricsDocument {
        var facts = ProfileMetrics.Facts(
            profile: engine.profile, runs: run.map { [$0] } ?? [], now: engine.clock.now, version: version)
        do {
            facts.runs = try engine.store.runs(
                RunQuery(profile: engine.profile.name, limit: StandingReview.lookBack))
            // The outcome of this run may be what could not be written down.
            if let run, let index = facts.runs.firstIndex(where: { $0.id == run.id }) {
                facts.runs[index] = run
            } else if let run {
                facts.runs.insert(run, at: 0)
            }
            try addPoints(to: &facts)
        } catch {
            facts.isHistoryReadable = false
        }
        facts.size = try? engine.primary.sizeOnDisk()  // away: told of by the runs that miss it
        return ProfileMetrics(facts).document
    }

    private func addPoints(to facts: inout ProfileMetrics.Facts) throws {
        let pin = try engine.pins.pin(profile: engine.profile.name, repository: engine.primary.spec.pinName)
        facts.ownKeys = try StandingReview.ownKeys(engine)
        guard let key = pin?.identity.id else { return }
        let snapshots = try engine.store.snapshots(of: key)
        let points = RestorePoints(
            snapshots: snapshots, manifests: try engine.store.manifests(of: key), profile: engine.profile.name,
            host: engine.profile.host)
        facts.points = points.all
        facts.snapshots = snapshots.count
        facts.deliveries = try engine.store.deliveries(from: key)
    }
}
