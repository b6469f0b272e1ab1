import ArgumentParser
import BackupEngine
import BackupModel
import Foundation
import HostSystem
import Repositories

/// `holdfast mount`
struct Mount: OperatorCommand {
    static let configuration = CommandConfiguration(
        abstract: "Look into restore points as folders, read-only, until Ctrl-C.",
        usage: "holdfast mount [<point>] <folder> [<options>]",
        discussion: """
            For restic repositories, where the system has FUSE (Debian: apt-get install
            fuse3). The folder must be empty. Every snapshot of the repository is in it,
            below ids/; of the restore point that is named (the latest otherwise) is said
            where each part is. While it is mounted, nothing is pruned.

            It ends with Ctrl-C, or when the folder is unmounted from elsewhere.

            Examples:
              holdfast mount /mnt/backup
              holdfast mount "2026-11-20 03:00" /mnt/backup
            """)

    @Argument(
        help: ArgumentHelp("A restore point (latest, an id, a time), then the folder.", valueName: "point> <folder"))
    var words: [String]

    @OptionGroup var place: OffsiteOptions

    @OptionGroup var global: GlobalOptions

    func validate() throws {
        guard (1...2).contains(words.count) else {
            throw ValidationError("Mount takes a restore point, which may be left out, and a folder")
        }
    }

    func perform(_ console: Console) async throws -> ExitStatus {
        let live = try place.live(global, console)
        let engine = try await live.engine(place)
        guard let repository = engine.primary as? ResticRepository else {
            return try await elsewhere(engine, console)
        }
        let folder = try await MountPlace(KeyRotate.absolute(words[words.count - 1]), live).checked()
        let point = try await point(engine, console)
        let purpose = "mounted at \(folder)"
        let lock = try await engine.locks.acquire(
            .repository(location: repository.location), mode: .shared, purpose: purpose,
            wait: engine.profile.settings.lockWait)
        defer { lock.release() }
        let command = try await repository.mount(at: folder)
        let shown = Task { await show(point, at: folder, live, console) }
        let result = try await live.runner.run(command)
        shown.cancel()
        _ = await shown.value
        if MountPlace.isMounted(folder, live) {
            throw Failure(
                "\(folder) is still mounted: something has a file or a folder in it open",
                hint: "leave it, then: fusermount -u \(folder)")
        }
        // Ctrl-C is how it ends.
        if result.stopped == .cancelled { return .success }
        if let failure = repository.failure(ofMount: result) { throw failure }
        return .success
    }

    private func point(_ engine: Engine, _ console: Console) async throws -> RestorePoint {
        let list = try await PointList(engine).load(loadingManifests: true)
        for notice in list.notices { console.say("note: \(Console.harmless(notice))") }
        return try list.restorePoints.resolve(
            words.count == 2 ? words[0] : "latest", now: Date(), timeZone: .current)
    }

    /// Says where things are as soon as they can be seen.
    private func show(_ point: RestorePoint, at folder: String, _ live: Live, _ console: Console) async {
        while !MountPlace.isMounted(folder, live) {
            do { try await Task.sleep(for: .milliseconds(50)) } catch { return }
        }
        let parts = point.entries.map { ($0.part, "\(folder)/ids/\($0.part.snapshot.short)") }
        if console.isJSON {
            console.print(
                JSONValue.object([
                    ("event", "mounted"), ("folder", .string(folder)), ("run", .string(point.run.rawValue)),
                    (
                        "parts",
                        .array(
                            parts.map { part, path in
                                .object([
                                    ("source", .string(part.source.rawValue)), ("part", .string(part.part.rawValue)),
                                    ("path", .string(path)), ("encrypted", JSONValue(part.encryption != nil)),
                                ])
                            })
                    ),
                ]).text())
            return
        }
        var table = Table([("PART", .left), ("CAPTURED", .left), ("IN", .left)])
        for (part, path) in parts {
            let note = part.encryption == nil ? "" : " (encrypted; restore it)"
            table.add([part.title, Format.time(part.capturedAt), path + note])
        }
        console.print("restore point \(point.run) of \(Format.time(point.time)):\n" + Console.harmless(table.text))
        console.say("Ctrl-C ends it")
    }

    /// Other kinds of repositories, which need no mounting or allow none.
    private func elsewhere(_ engine: Engine, _ console: Console) async throws -> ExitStatus {
        let spec = engine.primary.spec
        guard let repository = engine.primary as? RsyncRepository else {
            throw Failure(
                "repository \(spec.name) cannot be mounted: it has encrypted archives, no files that could be opened singly",
                hint: "`holdfast ls` and `find` look into it, `cat` prints one file, `restore --to` brings all",
                kind: .usage)
        }
        let point = try await point(engine, console)
        var table = Table([("PART", .left), ("CAPTURED", .left), ("IN", .left)])
        for entry in point.entries {
            table.add([entry.part.title, Format.time(entry.part.capturedAt), try repository.path(of: entry.part)])
        }
        console.print(
            "nothing has to be mounted: restore point \(point.run) is in plain folders. Change nothing in them.\n"
                + Console.harmless(table.text))
        return .success
    }
}

/// A folder to mount something at.
struct MountPlace {
    let folder: String
    private let live: Live

    init(_ folder: String, _ live: Live) {
        self.folder = folder
        self.live = live
    }

    static func isMounted(_ folder: String, _ live: Live) -> Bool {
        guard let mount = live.host.mount(containing: folder) else { return false }
        return mount.path == folder && mount.fileSystem.hasPrefix("fuse")
    }

    /// - Returns: the folder with links resolved.
    /// - Throws: ``Failure`` naming what is missing.
    func checked() async throws -> String {
        #if os(Linux)
            guard access("/dev/fuse", R_OK | W_OK) == 0 else {
                throw Failure(
                    "nothing can be mounted: /dev/fuse \(errno == ENOENT ? "is not there" : "may not be used by you")",
                    hint: "modprobe fuse, or in a container --device /dev/fuse --cap-add SYS_ADMIN; "
                        + "`holdfast restore --to DIR` needs none of it", kind: .toolMissing)
            }
            guard live.runner.locate(ResticRepository.mountHelper) != nil else {
                throw Failure(
                    "nothing can be mounted: there is no program \(ResticRepository.mountHelper)",
                    hint: "apt-get install fuse3; `holdfast restore --to DIR` needs none of it", kind: .toolMissing)
            }
        #endif
        let real = URL(fileURLWithPath: folder).resolvingSymlinksInPath().path
        try await clearDead(real)
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: real, isDirectory: &isFolder), isFolder.boolValue else {
            throw Failure("\(folder) is no folder", hint: "mkdir -p \(folder)", kind: .usage)
        }
        guard live.host.mount(containing: real)?.path != real else {
            throw Failure(
                "something is mounted at \(folder) already",
                hint: "choose an empty folder, or: fusermount -u \(folder)",
                kind: .usage)
        }
        // A folder that cannot be read may have something in it: the message says both.
        guard (try? FileManager.default.contentsOfDirectory(atPath: real))?.isEmpty == true else {
            throw Failure(
                "\(folder) is not empty, or cannot be read: what is in it would be hidden",
                hint: "choose an empty folder",
                kind: .usage)
        }
        return real
    }

    /// Takes away what a mount left that was killed: nobody serves it any more, and nothing can be done with the folder.
    private func clearDead(_ folder: String) async throws {
        // Whether it is a folder the kernel tells from memory for a while, how much room it has it has to ask for.
        var facts = statvfs()
        guard MountPlace.isMounted(folder, live), statvfs(folder, &facts) != 0, errno == ENOTCONN else { return }
        let result = try await live.runner.run(ToolCommand(ResticRepository.mountHelper, ["-u", "--", folder]))
        guard result.didItsWork else {
            throw Failure(
                "what a killed mount left at \(folder) cannot be taken away: \(result.errors.text)",
                hint: "fusermount -uz \(folder)")
        }
    }
}
