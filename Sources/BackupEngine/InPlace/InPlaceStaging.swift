import BackupModel
import Foundation

/// Where a restore into place is put together: a private folder on the file system of each place, and databases under names of
/// their own. All of it is in the journal before it is made.
actor InPlaceStaging {
    private let engine: Engine
    private let plan: InPlacePlan
    private let record: RunRecord
    private let recorder: RunRecorder
    private let journal: InPlaceJournal
    /// By device.
    private var folders: [UInt64: Folder] = [:]
    private var databases: [Database] = []
    private var staged: [Staged] = []
    /// In places that keep their names.
    private var keptFolders: [String] = []

    private struct Folder {
        /// Holds the staging folder.
        var root: String
        var path: String
        var entry: JournalEntry
    }

    private struct Database {
        var part: ManifestPart
        var staged: String
        var live: String
        var aside: String
        var entry: JournalEntry
    }

    private struct Staged {
        var source: SourceName
        var place: LivePlace.Path
        var path: String
        var isMerged: Bool

        var depth: Int { place.live.split(separator: "/").count }
    }

    init(_ engine: Engine, _ plan: InPlacePlan, _ record: RunRecord, _ recorder: RunRecorder) {
        self.engine = engine
        self.plan = plan
        self.record = record
        self.recorder = recorder
        journal = InPlaceJournal(engine)
    }

    /// It may have been long since the plan was made.
    func checkPlaces() throws {
        let planner = InPlacePlanner(engine)
        for target in plan.targets { try planner.check(target.live) }
    }

    // MARK: Restoring

    func addMissing(_ part: ManifestPart) async throws {
        try await recorder.step(.restore, subject: part.title) {
            let server = try await engine.requiredServer(of: part, for: record.id)
            let content = try await engine.primary.reader(for: part)
                .content(of: part.part, limit: .mebibytes(16))
            for notice in try await server.addMissing(from: content, part: part) {
                recorder.notice("\(part.source): \(notice)")
            }
        }
    }

    func restore(_ target: InPlacePlan.Target) async throws -> RestoreReport {
        switch target.live {
        case .whole(let paths): try await restore(target.item.part, paths, isMerged: false)
        case .merged(let paths): try await restore(target.item.part, paths, isMerged: true)
        case .database(let name): try await load(target.item.part, name)
        case .server, .unneeded, .nowhere: RestoreReport(place: "", bytes: .zero, proofs: [])
        }
    }

    private func restore(
        _ part: ManifestPart, _ paths: [LivePlace.Path], isMerged: Bool
    ) async throws -> RestoreReport {
        var groups: [(device: UInt64, paths: [LivePlace.Path])] = []
        for path in paths {
            let root = try stagingRoot(of: path.live)
            let device = engine.host.device(of: root) ?? 0
            if folders[device] == nil { try makeFolder(root, device) }
            if let index = groups.firstIndex(where: { $0.device == device }) {
                groups[index].paths.append(path)
            } else {
                groups.append((device, [path]))
            }
        }
        let isPartial = groups.count > 1 || !plan.options.paths.isEmpty
        var result: RestoreReport?
        for group in groups {
            guard let folder = folders[group.device] else { continue }
            let directory = folder.path + "/" + part.source.rawValue
            try make(directory)
            var request = request(part, directory)
            if isPartial { request.include = group.paths.map(\.restored) }
            let report = try await source(part).restore(request, context(in: folder.path))
            for path in group.paths {
                let place = directory + path.restored
                guard try engine.host.entry(at: place) != nil else {
                    throw Failure(
                        "\(part.title) was read and left nothing at \(path.restored)",
                        hint: "look what snapshot \(part.snapshot) holds: holdfast ls \(part.snapshot)")
                }
                staged.append(Staged(source: part.source, place: path, path: place, isMerged: isMerged))
            }
            result = merged(result, report, directory)
        }
        var report = result ?? RestoreReport(place: "", bytes: .zero, proofs: [])
        report.place = InPlacePlanner.words(isMerged ? .merged(paths) : .whole(paths))
        return report
    }

    private func merged(_ first: RestoreReport?, _ second: RestoreReport, _ directory: String) -> RestoreReport {
        var second = second
        second.notices = second.notices.map { $0.replacingOccurrences(of: directory, with: "") }
        guard var sum = first else { return second }
        sum.bytes = sum.bytes + second.bytes
        sum.files = (sum.files ?? 0) + (second.files ?? 0)
        for proof in second.proofs where !sum.proofs.contains(proof) { sum.proofs.append(proof) }
        for gap in second.unproven where !sum.unproven.contains(gap) { sum.unproven.append(gap) }
        sum.notices += second.notices
        return sum
    }

    private func load(_ part: ManifestPart, _ name: String) async throws -> RestoreReport {
        let server = try await engine.requiredServer(of: part, for: record.id)
        let staged = server.name(name, marked: "_new_" + String(record.id.rawValue.suffix(6)))
        let entry = try journal.loading(staged, databases.count + 1, part, record)
        databases.append(
            Database(
                part: part, staged: staged, live: name, aside: server.asideName(of: name, by: record.id), entry: entry))
        var request = request(part, "/")
        request.database = staged
        var report = try await source(part).restore(request, context(in: "/"))
        report.place = "database \(name)"
        return report
    }

    private func source(_ part: ManifestPart) throws(SourceError) -> any DumpSource { try engine.restorer(part) }

    private func request(_ part: ManifestPart, _ directory: String) -> RestoreRequest {
        let observer = engine.observer
        return RestoreRequest(part: part, reader: engine.primary.reader(for: part), directory: directory) {
            observer.observe(.progress(subject: part.title, $0))
        }
    }

    private func context(in scratch: String) -> CaptureContext {
        let recorder = recorder
        return CaptureContext(run: record.id, scratch: scratch) { recorder.notice($0) }
    }

    // MARK: Folders

    private func stagingRoot(of live: String) throws -> String {
        if InPlacePlanner.isMountPoint(live, engine) { return live }
        let parent = besideAll((live as NSString).deletingLastPathComponent)
        if try engine.host.entry(at: parent) == nil {
            do {
                try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
            } catch { throw Failure("\(parent) cannot be made: \(error.localizedDescription)") }
            recorder.notice("made the folder \(parent), which was missing")
        }
        return parent
    }

    /// What is put together must not lie in a folder that itself goes aside.
    private func besideAll(_ root: String) -> String {
        var root = root
        let device = engine.host.device(of: root)
        let places = plan.targets.flatMap { target in
            if case .whole(let paths) = target.live { paths.map(\.live) } else { [String]() }
        }
        while let place = places.first(where: { root == $0 || root.hasPrefix($0 + "/") }) {
            let above = (place as NSString).deletingLastPathComponent
            // Something mounted there keeps its name, and what is in it stays in it.
            guard !InPlacePlanner.isMountPoint(place, engine), engine.host.device(of: above) == device else { break }
            root = above
        }
        return root
    }

    private func makeFolder(_ root: String, _ device: UInt64) throws {
        let path = root + "/.holdfast-restore-\(record.id)"
        let entry = try journal.staging(path, folders.count + 1, record)
        folders[device] = Folder(root: root, path: path, entry: entry)
        try make(path)
    }

    private func make(_ path: String) throws {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            engine.host.disinherit(path)
        } catch {
            throw Failure(
                "\(path) cannot be made: \(error.localizedDescription)",
                hint:
                    "what is restored is put together beside its place: run as a user who may write there, or restore with "
                    + "--to DIR")
        }
    }

    func flush() throws(Failure) {
        for folder in folders.values { try engine.host.flush(folder.path) }
    }

    // MARK: Settling

    /// What lies beside a file that is to leave its place and belongs to it, after databases were closed where that could be
    /// done. A file that is restored alone may be a database as well.
    private func sideFiles(beside place: String, restored: String, _ source: SourceName) async throws -> [String] {
        guard try engine.host.entry(at: restored)?.kind == .file else { return [] }
        let part = plan.targets.first { $0.item.part.source == source }?.item.part
        return try await Settling(engine: engine, run: record.id).sideFiles(
            Settlement.databaseSideFiles, at: place, part)
    }

    func settlement() async throws -> Settlement {
        var steps: [Settlement.Step] = []
        // What lies inside something else that takes its place comes after it, and goes back before it.
        let ordered = staged.filter { item in !staged.contains { isInside(item, $0) } }
            .enumerated().sorted { ($0.element.depth, $0.offset) < ($1.element.depth, $1.offset) }.map(\.element)
        for item in ordered {
            if item.isMerged {
                try await merge(item.path, item.place.live, item.source, &steps)
            } else if InPlacePlanner.isMountPoint(item.place.live, engine) {
                try await fill(item, &steps)
            } else {
                let sideFiles = try await sideFiles(beside: item.place.live, restored: item.path, item.source)
                steps.append(try step(item.source, item.path, item.place.live, sideFiles))
            }
        }
        for database in databases {
            let server = try await engine.requiredServer(of: database.part, for: record.id)
            let wasThere = try await server.existing([database.live]).contains(database.live)
            steps.append(
                .database(
                    Settlement.Renaming(
                        part: database.part, staged: database.staged, live: database.live, aside: database.aside,
                        wasThere: wasThere, server: try await server.identity())))
        }
        return Settlement(run: record.id, origin: plan.point.run.rawValue, began: engine.clock.now, steps: steps)
    }

    /// What a tree that takes its place brings along needs no step of its own.
    private func isInside(_ item: Staged, _ other: Staged) -> Bool {
        item.path.hasPrefix(other.path + "/") && item.place.live.hasPrefix(other.place.live + "/")
    }

    private func step(
        _ source: SourceName, _ path: String, _ place: String, _ sideFiles: [String] = [], aside: String? = nil
    ) throws -> Settlement.Step {
        guard let entry = try engine.host.entry(at: path) else {
            throw Failure("what was restored is no longer at \(path)", hint: "restore again")
        }
        return .path(
            Settlement.Exchange(
                source: source, staged: path, place: place, aside: aside ?? place + ".before-\(record.id)",
                identity: entry.identity, sideFiles: sideFiles,
                stagedSideFiles: try Settling(engine: engine, run: record.id).identities(sideFiles, at: path),
                wasThere: try willBeThere(place)))
    }

    /// Whether something is in a place when its turn comes: by then a folder around it may have taken its own place.
    private func willBeThere(_ place: String) throws -> Bool {
        let around = staged.filter { !$0.isMerged && place.hasPrefix($0.place.live + "/") }
            .max { $0.depth < $1.depth }
        guard let around else { return try engine.host.entry(at: place) != nil }
        return try engine.host.entry(at: around.path + place.dropFirst(around.place.live.count)) != nil
    }

    /// A place that something is mounted at keeps its name: what is in it changes, entry by entry.
    private func fill(_ item: Staged, _ steps: inout [Settlement.Step]) async throws {
        let place = item.place.live
        let kept = place + "/.holdfast-before-\(record.id)"
        try make(kept)
        keptFolders.append(kept)
        let own = Set(
            folders.values.map { ($0.path as NSString).lastPathComponent } + [".holdfast-before-\(record.id)"])
        let names = try engine.host.names(in: item.path)
        var taken: Set<String> = []
        // A database comes before the files beside it, which go where it goes.
        for name in names.sorted() where !taken.contains(name) {
            let sideFiles = try await sideFiles(
                beside: place + "/" + name, restored: item.path + "/" + name, item.source)
            taken.formUnion(sideFiles.map { name + $0 })
            steps.append(
                try step(item.source, item.path + "/" + name, place + "/" + name, sideFiles, aside: kept + "/" + name))
        }
        for name in try engine.host.names(in: place)
        where !names.contains(name) && !taken.contains(name) && !own.contains(name) && name != "lost+found"
            && !name.hasPrefix(".holdfast-before-")
        {
            guard let entry = try engine.host.entry(at: place + "/" + name) else { continue }
            steps.append(
                .path(
                    Settlement.Exchange(
                        source: item.source, staged: nil, place: place + "/" + name, aside: kept + "/" + name,
                        identity: entry.identity, wasThere: true)))
        }
    }

    /// Folders are gone into; what is there and was not backed up stays.
    /// - Returns: paths of files beside it that go where it goes.
    @discardableResult
    private func merge(
        _ path: String, _ place: String, _ source: SourceName, _ steps: inout [Settlement.Step]
    ) async throws -> [String] {
        let new = try engine.host.entry(at: path)
        let old = try engine.host.entry(at: place)
        guard new?.kind == .folder, old?.kind == .folder else {
            let sideFiles = try await sideFiles(beside: place, restored: path, source)
            steps.append(try step(source, path, place, sideFiles))
            return sideFiles.map { path + $0 }
        }
        var taken: Set<String> = []
        for name in try engine.host.names(in: path).sorted() where !taken.contains(path + "/" + name) {
            taken.formUnion(try await merge(path + "/" + name, place + "/" + name, source, &steps))
        }
        return []
    }

    // MARK: Giving back

    /// Removes what was put together and took no place. What resists stays in the journal, so that a later run tries again.
    func remove() async {
        do {
            let unsettled = try engine.journal.entries(profile: record.profile).contains { entry in
                if case .settle = entry.action, entry.run == record.id { return true }
                return false
            }
            // It is needed to put things right.
            if unsettled { return }
        } catch { return say(error) }
        for database in databases {
            do {
                if let server = try await engine.databaseServer(of: database.part, for: record.id),
                    try await server.existing([database.staged]).contains(database.staged)
                {
                    try await server.drop(database.staged)
                }
                try engine.journal.remove(database.entry.id)
            } catch { say(error) }
        }
        for folder in keptFolders {
            do {
                // What is kept in it stays.
                if try engine.host.names(in: folder).isEmpty { try engine.scratch.remove(folder) }
            } catch { say(error) }
        }
        for folder in folders.values {
            do {
                try engine.scratch.remove(folder.path)
                try engine.journal.remove(folder.entry.id)
            } catch { say(error) }
        }
    }

    private func say(_ error: any Error) {
        recorder.notice("left for the next run to sweep: \(RunRecorder.failure(of: error).description)")
    }
}
