import BackupEngine
import BackupModel
import Foundation

/// The doctor's look at the primary and at those that follow it: whether each is there, is the one that is pinned, has room
/// and is not locked.
struct RepositoryExamination {
    private let live: Live
    private let engine: Engine
    init(_ live: Live, _ engine: Engine) {
        self.live = live
        self.engine = engine
    }

    func run() async -> [Finding] {
        var findings = await look(at: engine.primary, untouched: "the first backup makes it")
        for follower in engine.followers { findings += await look(at: follower) }
        return findings
    }

    private func look(at follower: any Follower) async -> [Finding] {
        guard follower.spec.access.mayRead else {
            return [
                Finding(
                    state: .good, subject: RepositoryExamination.subject(follower.spec),
                    detail: "\(follower.location) cannot be looked at: its credential may write and nothing else")
            ]
        }
        if let obstacle = follower.obstacle {
            return [.bad(RepositoryExamination.subject(follower.spec), obstacle)]
        }
        guard let repository = follower.repository else {
            return [
                Finding(
                    state: .good, subject: RepositoryExamination.subject(follower.spec),
                    detail: "\(follower.location) is fed, and cannot be looked at from here")
            ]
        }
        do {
            let findings = await look(at: try live.generation(of: repository), untouched: "the first feed makes it")
            // A mirror's credential need not read, and the profile need not say so.
            if follower.follow.method == .mirror, follower.spec.access == .auto,
                findings.contains(where: { $0.status == .notPermitted })
            {
                return [
                    Finding(
                        state: .good, subject: RepositoryExamination.subject(follower.spec),
                        detail: "\(follower.location) cannot be looked at: its credential may not read")
                ]
            }
            return findings
        } catch let error as any OperatorError {
            return [.bad(RepositoryExamination.subject(follower.spec), error)]
        } catch {
            return [
                Finding(
                    state: .bad, subject: RepositoryExamination.subject(follower.spec), detail: "\(error)",
                    status: .failed)
            ]
        }
    }

    static func subject(_ spec: RepositorySpec) -> String { "repository \(spec.name)" }

    /// - Parameter untouched: what happens where nothing is there yet.
    private func look(at repository: any Repository, untouched: String) async -> [Finding] {
        let subject = RepositoryExamination.subject(repository.spec)
        do {
            let pin = try engine.pins.pin(profile: live.profile.name, repository: repository.spec.pinName)
            let look = try await RepositoryLook.at(repository, pin: nil, clock: engine.clock)
            switch look.state {
            case .absent:
                return [
                    pin == nil
                        ? Finding(
                            state: .good, subject: subject,
                            detail: "nothing at \(repository.location) yet; \(untouched)")
                        : .bad(subject, RepositoryError.absent(location: repository.location))
                ]
            case .occupied(let what):
                return [.bad(subject, RepositoryError.occupied(location: repository.location, by: what))]
            case .present(let identity):
                if let pin, pin.identity.id != identity.id || pin.identity.keyIDs != identity.keyIDs {
                    return [
                        .bad(
                            subject,
                            RepositoryError.changed(
                                location: repository.location, pinned: pin.identity, found: identity))
                    ]
                }
                return present(identity, look.locks, repository, subject)
            }
        } catch let error as any OperatorError {
            return [.bad(subject, error)]
        } catch {
            return [Finding(state: .bad, subject: subject, detail: "\(error)", status: .failed)]
        }
    }

    private func present(
        _ identity: RepositoryIdentity, _ locks: [RepositoryLock], _ repository: any Repository, _ subject: String
    ) -> [Finding] {
        let room = engine.host.room(at: repository.location)
        var findings = [
            Finding(
                state: .good, subject: subject,
                detail: "\(repository.location), id \(identity.id.prefix(10))"
                    + (room.map { ", \($0.free) free of \($0.total)" } ?? ""))
        ]
        if repository.location.hasPrefix("/"),
            engine.host.mount(containing: repository.location)?.isReadOnly == true
        {
            findings.append(
                .bad(
                    subject,
                    RepositoryError.readOnly(location: repository.location, detail: "its disk is mounted read-only")))
        }
        if let room, room.free.bytes * 20 < room.total.bytes {
            findings.append(
                Finding(
                    state: .warning, subject: subject, detail: "less than 5 % of its disk is free",
                    hint: "free room, or shorten `retention:` and run `holdfast backup prune`"))
        }
        for lock in locks {
            findings.append(
                Finding(
                    state: .warning, subject: subject, detail: RepositoryViews.words(lock),
                    hint: "`holdfast repository unlock` removes it if its owner is dead"))
        }
        return findings
    }
}
