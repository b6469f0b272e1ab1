import ArgumentParser
import BackupEngine
import BackupModel
import Foundation
import Programs
import Repositories

/// `holdfast mount`
struct Mount: OperatorCommand {
    static let configuration = CommandConfiguration(
        abstract: "Look into a restore point as folders, read-only, until Ctrl-C.",
        usage: "holdfast mount [<point>] <folder> [--only <source> ...] [<options>]",
        discussion: """
            The folder must be empty; you are told where in it each part of the restore
            point is (the latest, where none is named). Needs FUSE (Debian: apt-get
            install fuse3), and ends with Ctrl-C, or when the folder is unmounted.

            A restic repository is shown as it is, with all its snapshots below ids/.
            While it is mounted, nothing is pruned.

            Archives are decrypted and unpacked into private scratch first, and proven
            there; the restore point is shown from there (Debian: apt-get install
            bindfs), laid out as `restore --to` does, and removed again at the end.
            Name the sources that you want with --only. rsync's restore points are
            plain folders: it says where they are.

            Examples:
              holdfast mount /mnt/backup
              holdfast mount "2026-11-20 03:00" /mnt/backup
              holdfast mount latest /mnt/backup --offsite --only files --scratch /srv/tmp
            """)

    @Argument(
        help: ArgumentHelp("A restore point (latest, an id, a time), then the folder.", valueName: "point> <folder"))
    var words: [String]

    @Option(help: ArgumentHelp("Only these sources (repeatable, or separated by commas).", valueName: "source"))
    var only: [String] = []

    @Option(
        help: ArgumentHelp("Unpack archives into a private folder below this one.", valueName: "folder"))
    var scratch: String?

    @OptionGroup var key: IdentityOption

    @OptionGroup var place: OffsiteOptions

    @OptionGroup var global: GlobalOptions

    func validate() throws {
        guard (1...2).contains(words.count) else {
            throw ValidationError("Mount takes a restore point, which may be left out, and a folder")
        }
    }

    func perform(_ console: Console) async throws -> ExitStatus {
        let live = try place.live(global, console, identity: key.path)
        var engine = try await live.engine(place)
        if let identity = key.path { engine.restorer = live.restorer(identity: identity) }
        if let repository = engine.primary as? ResticRepository {
            try refuseUnpacking(engine)
            return try await mount(repository, engine, live, console)
        }
        if let repository = engine.primary as? RsyncRepository {
            try refuseUnpacking(engine)
            return try await point(to: repository, engine, live, console)
        }
        if let scratch { engine.profile.settings.scratch = IdentityOption.path(scratch) }
        return try await unpack(engine, live, console)
    }

    // MARK: - By the kind of repository

    /// A file system that restic serves.
    private func mount(
        _ repository: ResticRepository, _ engine: Engine, _ live: Live, _ console: Console
    ) async throws -> ExitStatus {
        let folder = try await folder(live, ["fuse3": ResticRepository.mountHelper])
        let plan = try await plan(engine, at: folder, live, console)
        warn(plan, console)
        let lock = try await engine.locks.acquire(
            .repository(location: repository.location), mode: .shared, purpose: "mounted at \(folder)",
            wait: engine.profile.settings.lockWait)
        defer { lock.release() }
        let view = MountedPoint(
            plan: plan, closed: "encrypted; restore it",
            places: plan.items.map(\.part).map { part in
                (part, .init(path: "\(folder)/ids/\(part.snapshot.short)", isClosed: part.encryption != nil))
            })
        let command = try await repository.mount(at: folder)
        let result = try await MountPlace.show(
            folder, live, by: command, as: \.showsRestic
        ) { view.show(at: folder, console) }
        if let failure = result.flatMap(repository.failure(ofMount:)) { throw failure }
        return .success
    }

    /// What is put together in scratch first.
    private func unpack(_ engine: Engine, _ live: Live, _ console: Console) async throws -> ExitStatus {
        let folder = try await folder(live, ["fuse3": ResticRepository.mountHelper, "bindfs": Bindfs.program])
        let plan = try await plan(engine, at: folder, live, console)
        // Whichever run's it is, nothing was mounted there before.
        let unpacked: @Sendable (MountPoint) -> Bool = { $0.shownRun != nil }
        let run = await MountRun(engine, plan) { empty in
            var trial = Bindfs.show(empty, at: folder)
            trial.limits.total = .seconds(60)
            let result = try await MountPlace.tryOut(folder, live, by: trial, as: unpacked)
            if let result { throw Mount.failure(result, at: folder) }
        } show: { laid, parts in
            let view = MountedPoint(
                plan: plan, closed: "encrypted; give --identity",
                places: parts.map { ($0.part, .init(path: "\(folder)/\($0.path)", isClosed: $0.isClosed)) })
            let result = try await MountPlace.show(
                folder, live, by: Bindfs.show(laid, at: folder),
                as: { $0.shownRun.map { laid.contains($0.rawValue) } == true }
            ) { view.show(at: folder, console) }
            if let result { throw Mount.failure(result, at: folder) }
        }.run()
        let status = RunReport.show(run, console)
        await live.tell(of: run, engine)
        return status
    }

    private static func failure(_ result: ToolResult, at folder: String) -> Failure {
        let said = result.errors.text.split(whereSeparator: \.isNewline).last.map(String.init)
        return Failure(
            "nothing can be shown at \(folder): \(Bindfs.program) ended with \(result.termination)"
                + (said.map { ": \($0)" } ?? ""),
            hint: "in a container --device /dev/fuse --cap-add SYS_ADMIN; `holdfast restore --to DIR` needs none of it")
    }

    /// What lies there as plain folders needs no mounting.
    private func point(
        to repository: RsyncRepository, _ engine: Engine, _ live: Live, _ console: Console
    ) async throws -> ExitStatus {
        let plan = try await plan(engine, at: KeyRotate.absolute(words[words.count - 1]), live, console)
        warn(plan, console)
        let view = MountedPoint(
            plan: plan, closed: "encrypted; restore it",
            places: try plan.items.map(\.part).map { part in
                (part, .init(path: try repository.path(of: part), isClosed: part.encryption != nil))
            })
        view.point(at: console)
        return .success
    }

    private func refuseUnpacking(_ engine: Engine) throws(Failure) {
        guard let option = scratch != nil ? "--scratch" : key.path != nil ? "--identity" : nil else { return }
        throw Failure(
            "\(option) goes with archives, and repository \(engine.primary.spec.name) has none",
            hint: key.path == nil
                ? "leave it out"
                : "leave it out; `holdfast restore --identity FILE --to DIR` opens what is encrypted by itself",
            kind: .usage)
    }

    // MARK: - What and where

    private func folder(_ live: Live, _ programs: [String: String]) async throws -> String {
        try await MountPlace(KeyRotate.absolute(words[words.count - 1]), live).checked(programs)
    }

    private func warn(_ plan: RestorePlan, _ console: Console) {
        for warning in plan.warnings { console.say("note: \(Console.harmless(warning))") }
    }

    private func plan(
        _ engine: Engine, at folder: String, _ live: Live, _ console: Console
    ) async throws -> RestorePlan {
        let list = try await PointList(engine).load(loadingManifests: true)
        for notice in list.notices { console.say("note: \(Console.harmless(notice))") }
        let point = try list.restorePoints.resolve(
            words.count == 2 ? words[0] : "latest", now: Date(), timeZone: .current)
        var options = RestoreOptions(directory: folder)
        options.only = try SourceNames.read(only, among: list, live.profile)
        let plan = try RestorePlan(point, options, sources: live.profile.sources.map(\.name))
        return plan
    }
}

/// Says where the parts of a mounted restore point are.
private struct MountedPoint: Sendable {
    struct Place: Sendable {
        var path: String
        /// An encrypted file.
        var isClosed: Bool
    }

    let plan: RestorePlan
    /// What is said of such a file.
    let closed: String
    let places: [(part: ManifestPart, place: Place)]

    private var table: String {
        var table = Table([("PART", .left), ("CAPTURED", .left), ("IN", .left)])
        for (part, place) in places {
            table.add(
                [part.title, Format.time(part.capturedAt), place.path + (place.isClosed ? " (\(closed))" : "")])
        }
        return Console.harmless(table.text)
    }

    func show(at folder: String, _ console: Console) {
        guard !console.isJSON else { return console.print(document(folder).text()) }
        console.print("restore point \(plan.point.run) of \(Format.time(plan.point.time)):\n" + table)
        console.say("Ctrl-C ends it")
    }

    /// Of what needs no mounting.
    func point(at console: Console) {
        guard !console.isJSON else { return console.print(document(nil).text()) }
        console.print(
            "nothing has to be mounted: restore point \(plan.point.run) is in plain folders. Change nothing in them.\n"
                + table)
    }

    private func document(_ folder: String?) -> JSONValue {
        .object([
            ("event", "mounted"), ("folder", JSONValue(folder)), ("point", .string(plan.point.run.rawValue)),
            ("warnings", JSONValue(plan.warnings)),
            (
                "parts",
                .array(
                    places.map { part, place in
                        .object([
                            ("source", .string(part.source.rawValue)), ("part", .string(part.part.rawValue)),
                            (
                                "run",
                                JSONValue(
                                    plan.items.first { $0.part.snapshot == part.snapshot }?.run.rawValue)
                            ),
                            ("path", .string(place.path)), ("encrypted", JSONValue(place.isClosed)),
                        ])
                    })
            ),
        ])
    }
}
