package import BackupModel
import Foundation

/// What was asked of a restore into place.
package struct InPlaceOptions: Sendable {
    /// `nil`: all.
    package var only: [SourceName]?
    /// Absolute; only these files and folders.
    package var paths: [String] = []
    /// Goes on although programs are writing there.
    package var whileInUse = false
    package init() {}
}

/// What a restore into place would do, before it does anything.
package struct InPlacePlan: Sendable {
    /// One part and where it goes.
    package struct Target: Sendable {
        package var item: RestorePlan.Item
        package var live: LivePlace
        /// What is there now, for people.
        package var present: String
    }

    package struct RoomNeeded: Sendable, Equatable {
        /// A folder on the file system.
        package var path: String
        package var needed: ByteCount
        package var free: ByteCount
        package var neededFiles: Int64
        /// `nil` where the file system makes room for them as it goes.
        package var freeFiles: Int64?

        package var isTooSmall: Bool { free < needed || freeFiles.map { $0 < neededFiles } ?? false }

        /// Where the room is not enough.
        package var failure: Failure {
            let lacking =
                free < needed
                ? "\(free) free, and \(needed) are needed"
                : "room for \(freeFiles ?? 0) more files, and \(neededFiles) are needed"
            return Failure(
                "\(path) has \(lacking) beside what is there",
                hint: "make room, choose less with --only or --path, or restore elsewhere with --to DIR",
                kind: .destinationFull)
        }
    }

    package var point: RestorePoint
    package var targets: [Target]
    /// Parts that have no live place.
    package var leftOut: [(part: ManifestPart, reason: String)]
    package var rooms: [RoomNeeded]
    /// Resources that are taken while things change places.
    package var services: [String]
    /// As long as restores have taken lately; `nil` where none is known.
    package var expected: Duration?
    package var warnings: [String]
    package var options: InPlaceOptions

    package var bytes: ByteCount { targets.reduce(ByteCount.zero) { $0 + $1.item.part.bytes } }
}

/// Makes a plan, and finds out what is in the way before anything is read from a repository.
package struct InPlacePlanner: Sendable {
    private let engine: Engine
    package init(_ engine: Engine) { self.engine = engine }

    /// - Throws: ``Failure`` where the point lacks what was asked for, or a place cannot be restored into.
    package func plan(_ point: RestorePoint, _ options: InPlaceOptions) async throws -> InPlacePlan {
        var folder = RestoreOptions(directory: "")
        folder.only = options.only
        let base = try RestorePlan(point, folder, sources: engine.profile.sources.map(\.name))
        var targets: [InPlacePlan.Target] = []
        var leftOut: [(part: ManifestPart, reason: String)] = []
        for var item in base.items {
            if let reason = stranger(item, point, options) {
                leftOut.append((item.part, reason))
                continue
            }
            let source = try engine.restorer(item.part)
            var live = try await source.livePlace(of: item.part)
            if live == .unneeded { continue }
            if case .nowhere(let reason) = live {
                leftOut.append((item.part, reason))
                continue
            }
            // A part that is one file, such as a dump, is chosen by the name that it has in the backup, too.
            if !options.paths.isEmpty, item.part.isTree || !options.paths.contains(item.part.part.rawValue) {
                // A database that is a part of its own is not in the tree around it.
                let apart = base.items.map(\.part).filter {
                    item.part.isTree && !$0.isTree && $0.source == item.part.source
                }.map(\.part.rawValue)
                let chosen = options.paths.filter { !apart.contains($0) }
                guard let narrowed = InPlacePlanner.narrowed(live, to: chosen) else { continue }
                live = narrowed
            }
            try check(live)
            try checkServer(live, item.part)
            item.place = InPlacePlanner.words(live)
            targets.append(InPlacePlan.Target(item: item, live: live, present: try present(live)))
        }
        try checkIsSomething(targets, leftOut, options)
        try checkTheyDiffer(targets)
        var plan = InPlacePlan(
            point: point, targets: targets, leftOut: leftOut, rooms: [], services: [], expected: nil,
            warnings: base.warnings, options: options)
        plan.rooms = options.paths.isEmpty ? rooms(targets) : []
        plan.services = engine.profile.resources.filter { $0.isFor(.restore, of: plan.sources) }.map(\.name)
        plan.expected = try expected(plan.bytes)
        for target in targets {
            guard case .whole(let paths) = target.live, let path = paths.first(where: { !$0.leavesOut.isEmpty }) else {
                continue
            }
            plan.warnings.append(
                "\(target.item.part.source): what its `exclude:` leaves out (\(path.leavesOut.prefix(5).joined(separator: ", "))) is "
                    + "in no restore point, and goes aside with the folder")
        }
        plan.warnings += leftOut.map {
            "\($0.part.title) is left out: \($0.reason)"
        }
        return plan
    }

    /// What the profile no longer has, and the point's run did not capture either, is of another time: putting it back by the way
    /// would undo what has become of it since.
    private func stranger(_ item: RestorePlan.Item, _ point: RestorePoint, _ options: InPlaceOptions) -> String? {
        guard options.only == nil, options.paths.isEmpty, item.run != point.run,
            !engine.profile.sources.contains(where: { $0.name == item.part.source })
        else { return nil }
        return "the profile no longer has this source, and run \(item.run) captured it last "
            + "(`--only \(item.part.source)` puts it back)"
    }

    /// - Throws: where a database's server cannot be known, for the profile alone names it.
    private func checkServer(_ live: LivePlace, _ part: ManifestPart) throws(Failure) {
        switch live {
        case .database, .server:
            guard !engine.knowsSource(of: part) else { return }
            throw Failure(
                "the profile no longer has the source \(part.source), so nobody knows which server \(part.title) belongs to",
                hint: "put the source back into the profile, or restore it with --to DIR, or leave it out with --only")
        case .whole, .merged, .unneeded, .nowhere: return
        }
    }

    /// - Throws: where two parts would take the same place.
    private func checkTheyDiffer(_ targets: [InPlacePlan.Target]) throws(Failure) {
        var owners: [String: SourceName] = [:]
        for target in targets {
            var places = InPlacePlanner.paths(target.live).map(\.live)
            if case .database(let name) = target.live { places = ["database \(target.item.part.source) \(name)"] }
            for place in places {
                guard let other = owners.updateValue(target.item.part.source, forKey: place) else { continue }
                throw Failure(
                    "both \(other) and \(target.item.part.source) live at \(place)",
                    hint: "choose one of them with --only", kind: .usage)
            }
        }
    }

    private func checkIsSomething(
        _ targets: [InPlacePlan.Target], _ leftOut: [(part: ManifestPart, reason: String)], _ options: InPlaceOptions
    ) throws {
        for path in options.paths
        where !targets.contains(where: {
            InPlacePlanner.covers($0.live, path) || !$0.item.part.isTree && $0.item.part.part.rawValue == path
        }) {
            throw Failure(
                "nothing in this restore point lives at \(path)",
                hint: "give the absolute path as it was when it was backed up; `holdfast find` looks for a name",
                kind: .notFound)
        }
        guard targets.isEmpty else { return }
        throw Failure(
            leftOut.first.map { "\($0.part.title) cannot be restored into place: \($0.reason)" }
                ?? "there is nothing to restore",
            hint: leftOut.first?.reason.contains("--identity") == true
                ? "give the key, or put the encrypted file down with --to DIR" : "restore it into a folder: --to DIR",
            kind: .usage)
    }

    // MARK: Places

    static func paths(_ live: LivePlace) -> [LivePlace.Path] {
        switch live {
        case .whole(let paths), .merged(let paths): paths
        case .database, .server, .unneeded, .nowhere: []
        }
    }

    static func words(_ live: LivePlace) -> String {
        switch live {
        case .whole(let paths), .merged(let paths):
            paths.count <= 3
                ? paths.map(\.live).joined(separator: ", ") : "\(paths[0].live) and \(paths.count - 1) more"
        case .database(let name): "database \(name)"
        case .server: "the server: what is missing there"
        case .unneeded, .nowhere: "nowhere"
        }
    }

    private static func covers(_ live: LivePlace, _ path: String) -> Bool {
        paths(live).contains { path == $0.live || path.hasPrefix($0.live + "/") }
    }

    /// What of a place the chosen paths are; `nil` where none of them is in it.
    private static func narrowed(_ live: LivePlace, to chosen: [String]) -> LivePlace? {
        var found: [LivePlace.Path] = []
        for place in paths(live) {
            for path in chosen where path == place.live || path.hasPrefix(place.live + "/") {
                let rest = path.dropFirst(place.live.count)
                found.append(
                    LivePlace.Path(
                        restored: place.restored + rest, live: path, sideFiles: rest.isEmpty ? place.sideFiles : []))
            }
        }
        guard !found.isEmpty else { return nil }
        if case .merged = live { return .merged(found) }
        return .whole(found)
    }

    /// - Throws: why something cannot take such a place.
    func check(_ live: LivePlace) throws {
        for path in InPlacePlanner.paths(live).map(\.live) {
            guard path.hasPrefix("/"), path.count > 1, !path.split(separator: "/").contains("..") else {
                throw Failure(
                    "\(path) cannot be replaced as a whole",
                    hint: "restore with --to DIR, or choose what you need with --path")
            }
            try checkLinks(path)
            guard case .whole = live, let entry = try engine.host.entry(at: path), entry.kind == .folder else {
                continue
            }
            if let mount = engine.host.mounts(below: path).first {
                throw Failure(
                    "something is mounted at \(mount), below \(path), which therefore cannot be replaced as a whole",
                    hint: "choose what you need with --path, or restore with --to DIR and move it yourself")
            }
        }
    }

    /// A link could lead what is restored anywhere. Above the place, those of root and of the invoking user are theirs to set.
    private func checkLinks(_ path: String) throws {
        var place = path
        while place.count > 1 {
            if let entry = try engine.host.entry(at: place), entry.kind == .link {
                guard place != path, entry.owner == 0 || entry.owner == engine.host.effectiveUserID else {
                    throw Failure(
                        "\(place) is a symbolic link now",
                        hint: "see where it leads, and move it away or restore with --to DIR")
                }
            }
            place = (place as NSString).deletingLastPathComponent
        }
    }

    private func present(_ live: LivePlace) throws -> String {
        switch live {
        case .whole(let paths), .merged(let paths):
            let entries = try paths.compactMap { try engine.host.entry(at: $0.live) }
            if entries.isEmpty { return "nothing there now" }
            if paths.count > 1 { return "\(entries.count) of \(paths.count) are there now" }
            // What was committed to a database last may be in its log alone.
            let beside = try paths[0].sideFiles.compactMap { try engine.host.entry(at: paths[0].live + $0)?.modified }
            let changed = ([entries[0].modified] + beside).max() ?? entries[0].modified
            let age = Age.words(.seconds(max(0, engine.clock.now.timeIntervalSince(changed))))
            return entries[0].kind == .folder
                ? "a folder, changed \(age) ago" : "\(ByteCount(entries[0].size)), changed \(age) ago"
        case .database: return "its sessions are ended, and it is renamed"
        case .server, .unneeded, .nowhere: return ""
        }
    }

    // MARK: Room and time

    /// Where what goes to a place is put together: on its file system, so that it can take the place by its name alone.
    static func stagingRoot(of live: String, _ engine: Engine) -> String {
        isMountPoint(live, engine) ? live : (live as NSString).deletingLastPathComponent
    }

    static func isMountPoint(_ path: String, _ engine: Engine) -> Bool {
        engine.host.mount(containing: path)?.path == path
    }

    private func rooms(_ targets: [InPlacePlan.Target]) -> [InPlacePlan.RoomNeeded] {
        var needed: [UInt64: InPlacePlan.RoomNeeded] = [:]
        for target in targets {
            guard let first = InPlacePlanner.paths(target.live).first else { continue }
            let root = InPlacePlanner.stagingRoot(of: first.live, engine)
            guard let device = engine.host.device(of: root), let room = engine.host.room(at: root) else { continue }
            let none = InPlacePlan.RoomNeeded(
                path: root, needed: .zero, free: room.free, neededFiles: 0, freeFiles: room.freeInodes)
            needed[device, default: none].needed += target.item.part.bytes
            needed[device, default: none].neededFiles += target.item.part.files ?? 1
        }
        return needed.values.sorted { $0.path < $1.path }
    }

    /// By the pace of the newest drill or restore that went well.
    private func expected(_ bytes: ByteCount) throws -> Duration? {
        let drills = try engine.store.runs(RunQuery(profile: engine.profile.name, operation: .drill, limit: 20))
        let restores = try engine.store.runs(RunQuery(profile: engine.profile.name, operation: .restore, limit: 20))
        for run in (drills + restores).sorted(by: { $0.started > $1.started }) where run.outcome == .succeeded {
            let (read, time) = InPlacePlanner.pace(of: run)
            guard read > 1 << 20, time > .zero else { continue }
            return time * (Double(bytes.bytes) / Double(read))
        }
        return nil
    }

    private static func pace(of run: RunRecord) -> (bytes: Int64, time: Duration) {
        if let drill = run.drill { return (drill.bytes.bytes, drill.restoreTime) }
        let steps = run.steps.filter { $0.step == .restore }
        return (
            steps.reduce(0) { $0 + ($1.bytes?.bytes ?? 0) }, steps.reduce(.zero) { $0 + ($1.duration ?? .zero) }
        )
    }
}

extension InPlacePlan {
    package var sources: [SourceName] { Array(Set(targets.map(\.item.part.source))).sorted() }

    /// File systems that have not the room.
    package var tooSmall: [RoomNeeded] { rooms.filter(\.isTooSmall) }
}
