import BackupModel
import Programs
import Testing

struct ResticCommandTests {
    static let stamp = SnapshotStamp(
        host: "vm", profile: ProfileName(unchecked: "web"), run: RunID(unchecked: "20261121T023000Z-7f3a9c"),
        content: .part, source: SourceName(unchecked: "db"), part: PartPath(rawValue: "/postgres/a,b.sql"))

    private static func restic(_ version: String) -> Restic {
        var restic = Restic(
            location: "/backups", version: ResticVersion(version) ?? .oldest, cache: .folder("/cache"))
        restic.secrets = [.memoryFile(variable: "RESTIC_PASSWORD_FILE", Secret("pa55word"))]
        return restic
    }

    @Test func `a backup of files names them on standard input and bears one tag per flag`() {
        var files = FileSelection(roots: ["/srv/a b", "/etc"])
        files.excludes = ["*.tmp"]
        files.excludedPaths = ["/srv/a b/[x]*"]
        files.excludesCacheDirectories = true
        files.excludesLargerThan = .mebibytes(1)
        files.oneFileSystem = true
        let command = Self.restic("0.18.0").backup(files, as: Self.stamp)
        #expect(
            command.arguments == [
                "--repo", "/backups", "--cache-dir", "/cache", "backup", "--json", "--files-from-raw", "-",
                "--exclude", "*.tmp", "--exclude", "/srv/a b/\\[x]\\*", "--exclude-caches",
                "--exclude-larger-than", "1048576", "--one-file-system", "--host", "vm",
                "--tag", "holdfast", "--tag", "profile:web", "--tag", "run:20261121T023000Z-7f3a9c",
                "--tag", "kind:part", "--tag", "source:db", "--tag", "part:/postgres/a%2Cb.sql",
                "--tag", "class:regular",
            ])
        #expect(command.input == .bytes(Array("/srv/a b\0/etc\0".utf8)))
        #expect(command.acceptedExitCodes == [0, 3])
    }

    @Test func `a stream accepts no exit code but zero`() {
        let command = Self.restic("0.14.0").backupStandardInput(as: PartPath(rawValue: "/postgres/db.sql"), Self.stamp)
        #expect(command.acceptedExitCodes == [0])
        #expect(command.arguments.contains("--stdin"))
        #expect(!command.arguments.contains("--stdin-from-command"))
    }

    @Test func `no command shows the password`() {
        let restic = Self.restic("0.18.0")
        let commands = [
            restic.initialize(), restic.catConfig(), restic.list(.locks), restic.snapshots(),
            restic.check(.allData), restic.prune(dryRun: true), restic.unlock(all: false),
            restic.dump(SnapshotID(rawValue: "aa"), path: "/x"),
        ]
        for command in commands {
            #expect(!command.displayed.contains("pa55word"))
            #expect(!command.environment.values.contains { $0.contains("pa55word") })
            #expect(!"\(command)".contains("pa55word"))
            #expect(command.environment["RESTIC_PROGRESS_FPS"] == "1")
        }
    }

    @Test func `a prune packs anew as seldom as it is told to`() {
        var restic = Self.restic("0.14.0")
        #expect(!restic.prune(dryRun: false).arguments.contains("--max-unused"))
        restic.tuning.unusedLimit = "unlimited"
        for dryRun in [false, true] {
            let arguments = restic.prune(dryRun: dryRun).arguments.joined(separator: " ")
            #expect(arguments.contains("prune --max-unused unlimited"))
        }
    }

    @Test func `limits are given in kibibytes a second and never as no limit`() {
        var restic = Self.restic("0.18.0")
        restic.tuning.uploadLimit = .mebibytes(2)
        restic.tuning.downloadLimit = 100
        let arguments = restic.catConfig().arguments
        #expect(arguments.joined(separator: " ").contains("--limit-upload 2048 --limit-download 1 "))
    }

    @Test func `flags a version does not know are left out`() {
        var old = Self.restic("0.14.0")
        old.tuning.readConcurrency = 4
        var new = Self.restic("0.18.0")
        new.tuning.readConcurrency = 4
        let files = FileSelection(roots: ["/etc"])
        #expect(!old.backup(files, as: Self.stamp).arguments.contains("--read-concurrency"))
        #expect(new.backup(files, as: Self.stamp).arguments.contains("--read-concurrency"))
        #expect(!old.check(.structure).arguments.contains("--json"))
        #expect(new.check(.structure).arguments.contains("--json"))
    }

    @Test func `a slice of the data is named by its number and their count`() {
        let command = Self.restic("0.14.0").uncached.check(.data(index: 2, count: 5))
        #expect(command.arguments == ["--repo", "/backups", "--no-cache", "check", "--read-data-subset", "2/5"])
    }

    @Test func `operands stand behind a double dash`() {
        let id = SnapshotID(rawValue: String(repeating: "a", count: 64))
        let command = Self.restic("0.18.0").forget([id])
        #expect(command.arguments.suffix(2) == ["--", id.rawValue])
    }

    @Test(arguments: [
        ("/plain/path", "/plain/path"), ("/a*b?c", "/a\\*b\\?c"), ("/[dir]/x", "/\\[dir]/x"),
        ("/back\\slash", "/back\\\\slash"),
    ])
    func `a literal path has its wildcards escaped`(path: String, pattern: String) {
        #expect(ResticPattern.literal(path) == pattern)
    }
}
