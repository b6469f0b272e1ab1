import BackupEngine
import BackupModel
import Foundation

/// The repositories that a kit is made of.
struct KitPlaces {
    private let live: Live
    private let options: OffsiteOptions

    init(_ live: Live, _ options: OffsiteOptions) {
        self.live = live
        self.options = options
    }

    /// Of all repositories, or of the one that is named.
    func kit(_ point: String) async throws -> Kit {
        if options.isWanted { return try await one(point) }
        return try await KitAssembly(try live.engine(), point: point).kit(beside: try places())
    }

    /// Also of a follower that cannot be read: by what was sent there.
    private func one(_ point: String) async throws -> Kit {
        let spec = try options.spec(live)
        if spec.access.mayRead { return try await KitAssembly(try await live.engine(options), point: point).kit() }
        let place = try places().first { $0.repository.name == spec.name }
        var kit = try await KitAssembly(try live.engine(), point: point).kit(beside: place.map { [$0] } ?? [])
        kit.sections.removeFirst()
        if let absence = kit.absences.first { throw absence.why }
        return kit
    }

    private func places() throws -> [KitPlace] {
        try live.engine().followers.map { follower in
            let (live, spec) = (live, follower.spec)
            var open: (@Sendable () async throws -> Engine)?
            if spec.access.mayRead, follower.obstacle == nil { open = { try await live.engine(at: spec) } }
            return KitPlace(spec, at: follower.location, follower: follower, open: open)
        }
    }

    /// The engine at a section of a kit.
    func engine(at section: Kit.Section) async throws -> Engine {
        section.repository.follow == nil ? try live.engine() : try await live.engine(at: section.repository)
    }
}
