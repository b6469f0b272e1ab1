import BackupModel
import Foundation

/// Puts a kit together: asks every repository for its restore points, and each part for how it comes back by hand.
package struct KitAssembly: Sendable {
    let engine: Engine
    let point: String
    private let patience: Duration

    /// - Parameters:
    ///   - point: as on the command line: `latest`, a run, a time.
    ///   - patience: how long a repository beside the first may take; a tool that cannot reach a server goes on trying for a
    ///     quarter of an hour.
    package init(_ engine: Engine, point: String, patience: Duration = .seconds(90)) {
        self.engine = engine
        self.point = point
        self.patience = patience
    }

    /// - Throws: what the first repository fails with. Another one that cannot be read is an absence, unless it is known what was
    ///   sent there.
    package func kit(beside places: [KitPlace] = []) async throws -> Kit {
        let list = try await PointList(engine).load(loadingManifests: true)
        let first = try await section(at: engine, list)
        var kit = Kit(
            profile: engine.profile.name, host: engine.profile.host, made: engine.clock.now, sections: [first],
            absences: [], notices: list.notices, sources: engine.profile.sources.map { ($0.name, $0.kind) },
            recipients: try recipients())
        for place in places {
            do {
                if let open = place.open {
                    do {
                        let (section, notices) = try await within(patience) {
                            let there = try await open()
                            let list = try await PointList(there).load(loadingManifests: true)
                            return (try await self.section(at: there, list), list.notices)
                        }
                        kit.sections.append(section)
                        kit.notices += notices.map { "\(place.repository.name): \($0)" }
                        continue
                    } catch {
                        let failure = RunRecorder.failure(of: error)
                        if failure.kind == .interrupted { throw error }
                        guard let section = try await unread(place, list) else { throw error }
                        kit.notices.append(
                            "\(place.repository.name): \(failure.description); its lines are of what was sent there")
                        kit.sections.append(section)
                    }
                } else if let section = try await unread(place, list) {
                    kit.sections.append(section)
                } else {
                    throw Failure(
                        "nothing that is known was sent there yet, and our credential reads nothing there",
                        hint: "feed it, then make the kit again")
                }
            } catch {
                let failure = RunRecorder.failure(of: error)
                if failure.kind == .interrupted { throw error }
                kit.absences.append(
                    Kit.Absence(repository: place.repository, location: place.location, why: failure))
            }
        }
        return kit
    }

    private func section(at engine: Engine, _ list: PointList.Contents) async throws -> Kit.Section {
        let chosen = try list.restorePoints.resolve(point, now: engine.clock.now, timeZone: .current)
        var parts: [Kit.Part] = []
        for part in chosen.entries.map(\.part) {
            parts.append(
                Kit.Part(part: part, restore: try await engine.primary.byHand(part), use: try use(of: part)))
        }
        return try section(
            engine.primary.spec, engine.primary.location, chosen, parts, list, wasRead: true,
            present: Set(list.points.flatMap { $0.entries.map(\.part.snapshot) }))
    }

    /// By what was sent there: the newest point of which all is there.
    private func unread(_ place: KitPlace, _ list: PointList.Contents) async throws -> Kit.Section? {
        guard let follower = place.follower, let sent = list.deliveries[place.repository.name], !sent.isEmpty else {
            return nil
        }
        func isThere(_ point: RestorePoint) -> Bool {
            !point.entries.isEmpty && point.entries.allSatisfy { sent.contains($0.part.snapshot) }
        }
        let wanted =
            point == "latest"
            ? list.points.first(where: isThere)
            : try list.restorePoints.resolve(point, now: engine.clock.now, timeZone: .current)
        guard let chosen = wanted, isThere(chosen) else { return nil }
        var parts: [Kit.Part] = []
        var location = place.location
        for part in chosen.entries.map(\.part) {
            let primary = try await engine.primary.byHand(part)
            guard let there = try await follower.byHand(part, as: primary) else { return nil }
            location = there.location
            parts.append(Kit.Part(part: part, restore: there.restore, use: try use(of: part)))
        }
        return try section(place.repository, location, chosen, parts, list, wasRead: false, present: sent)
    }

    private func section(
        _ spec: RepositorySpec, _ location: String, _ point: RestorePoint, _ parts: [Kit.Part],
        _ list: PointList.Contents, wasRead: Bool, present: Set<SnapshotID>
    ) throws -> Kit.Section {
        let pins = engine.pins
        // A replica that was never read has its leader's identity.
        let pin =
            try pins.pin(profile: engine.profile.name, repository: spec.pinName)
            ?? (wasRead ? nil : pins.pin(profile: engine.profile.name, repository: engine.primary.spec.pinName))
        var parts = parts
        for index in parts.indices { keepIdentity(of: parts, in: &parts[index]) }
        var tools: [String: String] = [:]
        for entry in point.entries { tools.merge(list.tools[entry.run] ?? [:]) { first, _ in first } }
        return Kit.Section(
            repository: spec, location: location, identity: pin?.identity.id, keyIDs: pin?.identity.keyIDs ?? [],
            point: point, parts: parts, tools: tools, wasRead: wasRead, present: present)
    }

    /// Where the profile says that the key is kept that sources were encrypted for; where it names several, it is asked for.
    private func keepIdentity(of all: [Kit.Part], in part: inout Kit.Part) {
        let sealed = Set(all.filter { $0.part.encryption != nil }.map(\.part.source))
        let kept = Set(
            engine.profile.sources.filter { sealed.contains($0.name) }.map { $0.entry["encrypt"]?["identity"]?.secret })
        guard kept.count == 1, let one = kept.first, let identity = one else { return }
        for index in part.restore.keys.indices
        where part.restore.keys[index].isOptional && part.restore.keys[index].kept == nil {
            part.restore.keys[index].kept = identity
        }
    }

    private func use(of part: ManifestPart) throws -> ManualUse? {
        // A tree is of use as it is.
        part.isTree ? nil : try engine.restorer(part).byHand(part)
    }

    private func recipients() throws -> [(subject: RecipientSubject, recipients: Recipients)] {
        let subjects =
            engine.profile.sources.map { RecipientSubject.source($0.name) }
            + engine.profile.repositories.map { RecipientSubject.repository($0.name) }
        return try subjects.compactMap { subject in
            try engine.pins.recipients(profile: engine.profile.name, of: subject).map { (subject, $0.recipients) }
        }
    }

    private func within<Value: Sendable>(
        _ limit: Duration, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let clock = engine.clock
        return try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                try await clock.sleep(for: limit)
                return nil
            }
            defer { group.cancelAll() }
            guard let first = try await group.next(), let value = first else {
                throw Failure("no answer within \(Int(limit.inSeconds)) seconds", kind: .serverUnreachable)
            }
            return value
        }
    }
}
