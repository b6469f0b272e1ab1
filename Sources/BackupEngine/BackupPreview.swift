package import BackupModel
import Foundation

/// What a backup would do, found out without changing anything (`--dry-run`).
package struct BackupPreview: Sendable {
    let engine: Engine
    let request: BackupRequest

    package init(_ engine: Engine, _ request: BackupRequest) {
        self.engine = engine
        self.request = request
    }

    package struct Contents: Sendable {
        package var sources: [(name: SourceName, kind: String, preview: SourcePreview)] = []
        /// What would fail.
        package var problems: [Failure] = []
        package var destination: String
        /// In words: `repository 1a2b3c4d5e, 12 GiB free`.
        package var destinationState: String
        package var retention: RetentionPlan?
        package var notices: [String] = []
    }

    package func make() async throws -> Contents {
        let later = Set(request.notDue.map(\.source))
        let chosen = try engine.sources(named: request.sources).filter { !later.contains($0.spec.name) }
        var contents = Contents(destination: engine.primary.location, destinationState: "")
        let run = RunID(startedAt: engine.clock.now, entropy: engine.entropy())
        for source in chosen {
            // Nothing can be written there, and nothing may.
            var context = CaptureContext(run: run, scratch: "/dev/null/\(run)")
            try context.leaveOut(engine)
            do {
                _ = try await RecipientPinning(engine).standing(of: source)
                let preview = try await source.preflight(context)
                contents.sources.append((source.spec.name, source.spec.kind, preview))
            } catch {
                let failure = RunRecorder.failure(of: error)
                contents.problems.append(
                    Failure("\(source.spec.name): \(failure.description)", hint: failure.hint, kind: failure.kind))
            }
        }
        let room = engine.host.room(at: engine.primary.location).map { ", \($0.free) free" } ?? ""
        let pin = try engine.pins.pin(profile: engine.profile.name, repository: engine.primary.spec.name)
        do {
            switch try await engine.primary.inspect(pin: pin) {
            case .absent:
                contents.destinationState = "no repository yet" + room
                if pin != nil {
                    contents.problems.append(Failure(RepositoryError.absent(location: engine.primary.location)))
                }
            case .occupied(let what):
                contents.problems.append(
                    Failure(RepositoryError.occupied(location: engine.primary.location, by: what)))
            case .present(let identity):
                contents.destinationState = "repository \(identity.id.prefix(10))" + room
                if let pin, pin.identity.id != identity.id || pin.identity.keyIDs != identity.keyIDs {
                    contents.problems.append(
                        Failure(
                            RepositoryError.changed(
                                location: engine.primary.location, pinned: pin.identity, found: identity)))
                } else if engine.profile.retention.hasRules {
                    let catalog = RepositoryCatalog(engine, repository: engine.primary, identity: identity)
                    let work = RetentionWork(engine, catalog: catalog, allowedRemovals: request.allowedRemovals)
                    contents.retention = try await work.plan(loadingManifests: false, upcoming: upcoming(contents)).plan
                }
            }
        } catch let error as RepositoryError {
            contents.problems.append(Failure(error))
        }
        return contents
    }

    /// The snapshots that the backup would make, for they count in what retention would keep.
    private func upcoming(_ contents: Contents) -> [RetentionCandidate] {
        let now = engine.clock.now
        return contents.sources.flatMap { name, _, preview in
            preview.parts.map { part in
                RetentionCandidate(
                    id: SnapshotID(rawValue: "upcoming \(name)\(part)"),
                    group: RetentionGroup(
                        host: engine.profile.host, profile: engine.profile.name, source: name, part: part,
                        retentionClass: request.retentionClass),
                    time: now, utcOffset: engine.timeZone.secondsFromGMT(for: now))
            }
        }
    }
}
