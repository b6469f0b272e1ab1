import BackupEngine
import BackupModel
import Foundation
import HostSystem
import Synchronization

/// Leaves the figures of a profile where it says, at the end of every run, however that ended. A place that cannot be written
/// to is told of and costs the run nothing.
final class MetricsWriter: RunObserver {
    private let path: String?
    private let profile: ProfileName
    private let console: Console
    private let review = Mutex<MetricsReview?>(nil)

    init(_ profile: Profile, _ console: Console) {
        path = profile.metrics?.textfile
        self.profile = profile.name
        self.console = console
    }

    /// - Parameter engine: at the profile's primary; the runs may be of others.
    func follow(_ engine: Engine) {
        review.withLock { $0 = MetricsReview(engine, version: ProgramVersion.text) }
    }

    func observe(_ event: RunEvent) {
        guard case .ended(let run) = event, let path, let review = review.withLock({ $0 }) else { return }
        do throws(Failure) {
            try MetricsWriter.write(to: path, of: profile) { review.document(after: run) }
        } catch {
            console.warn("the metrics: " + error.description + (error.hint.map { "; \($0)" } ?? ""))
        }
    }

    static func write(
        to path: String, of profile: ProfileName, _ document: () -> MetricsDocument
    ) throws(Failure) {
        // A file of another profile would lose its series to ours without anybody noticing.
        let mark = "# holdfast metrics of profile \(profile)\n"
        let failure = PublishedFile.oneAtATime(in: (path as NSString).deletingLastPathComponent) { () -> Failure? in
            do throws(Failure) {
                try PublishedFile.write(mark + document().text, to: path, mark: mark)
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw failure }
    }
}
