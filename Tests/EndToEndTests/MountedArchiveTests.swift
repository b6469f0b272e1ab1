import Foundation
import TestSupport
import Testing

/// Looking into archives, which hold nothing that could be opened singly: they are unpacked where nobody else sees them, and
/// shown from there.
@Suite("Mounted archives")
struct MountedArchiveTests {
    private let world: World
    private var program: HoldfastProgram { world.program }
    private var folder: ScratchFolder { world.folder }
    private var key: String { folder["key.txt"] }

    static let canMount = MountTests.canMount && FileManager.default.isExecutableFile(atPath: "/usr/bin/bindfs")

    init() async throws {
        world = try World("mounted-archive")
        let made = try await world.program.runTool("age-keygen", "-o", world.folder["key.txt"])
        #expect(made.code == 0, "\(made)")
        let recipient = try await world.program.runTool("age-keygen", "-y", world.folder["key.txt"])
        let to = recipient.output.trimmingCharacters(in: .whitespacesAndNewlines)
        try world.folder.write("hush\n", to: "secrets/token")
        try world.program.writeProfile(
            """
            sources:
              documents: { files: "\(world.documents)" }
              dump: { command: { run: [seq, "1", "50000"], name: numbers.txt } }
              secrets: { files: "\(world.folder["secrets"])", encrypt: { age: ["\(to)"] } }
            repositories:
              local: { archive: "\(world.program.repository)", encrypt: openssl, password: env:RESTIC_PASSWORD }
              nas: { archive: "\(world.folder["nas"])", password: env:RESTIC_PASSWORD, follows: local }
            retention: { last: 1, minimum: 1, max-removal: 1.0 }
            """)
        try FileManager.default.createDirectory(
            atPath: world.folder["mnt"], withIntermediateDirectories: true)
    }

    /// Mounted, with what it said of where things are.
    private func mount(_ words: String...) async throws -> (HoldfastProgram.Running, [String: Any]) {
        let mounted = try program.start(["mount"] + words + ["--json"])
        #expect(try await mounted.wait { mounted.output.contains(#""mounted""#) }, "\(mounted.errors)")
        let event = try JSONText.lines(mounted.output).last { $0.text("event") == "mounted" }
        return (mounted, try #require(event))
    }

    /// What is in the folder, and what is unpacked anywhere.
    private func remains() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder["mnt"])
            + FileManager.default.contentsOfDirectory(atPath: folder["state/scratch"])
            + Processes.mentioning(folder["home"]).map(String.init(describing:))
    }

    @Test(.enabled(if: canMount)) func `an encrypted archive is read as folders, and nothing of it stays`() async throws
    {
        let first = try await world.backUp().text("run")
        let (mounted, event) = try await mount(first, "mnt", "--identity", key)
        #expect(event.text("point") == first && event.text("folder") == folder["mnt"])
        let parts = event.objects("parts")
        #expect(parts.map { $0.text("source") }.sorted() == ["documents", "dump", "secrets"], "\(event)")
        #expect(parts.allSatisfy { $0["encrypted"] as? Bool == false }, "\(event)")
        let shown = folder["mnt/documents"] + world.documents
        #expect(try await world.differences(world.documents, shown) == "")
        let token = folder["mnt/secrets"] + folder["secrets/token"]
        #expect(try String(contentsOfFile: token, encoding: .utf8) == "hush\n")
        let dump = try #require(parts.first { $0.text("source") == "dump" }).text("path")
        #expect(try String(contentsOfFile: dump, encoding: .utf8).hasSuffix("\n50000\n"))
        // Nobody writes to it, and what is unpacked is ours alone.
        #expect(!FileManager.default.createFile(atPath: shown + "/new", contents: nil))
        #expect(chmod(shown + "/one.txt", 0o777) != 0 && errno == EROFS)
        let scratch = try #require(FileManager.default.contentsOfDirectory(atPath: folder["state/scratch"]).first)
        let mode = try FileManager.default.attributesOfItem(atPath: folder["state/scratch/\(scratch)"])
        #expect((mode[.posixPermissions] as? NSNumber)?.intValue == 0o700)
        // Other work goes on, even what removes it from the repository: what is looked at does not come from there any more.
        try folder.write("changed\n", to: "documents/one.txt")
        try await world.backUp()
        #expect(try await !world.points().contains(first))
        #expect(try String(contentsOfFile: shown + "/one.txt", encoding: .utf8) == "one\n")
        mounted.signal(SIGINT)
        let ended = await mounted.result()
        #expect(ended.code == 0, "\(ended)")
        #expect(try remains() == [])
        #expect(try ended.record().text("outcome") == "succeeded")
    }

    @Test(.enabled(if: canMount)) func `an offsite copy is mounted, some of its sources alone, until it is unmounted`()
        async throws
    {
        try await world.backUp()
        let (mounted, event) = try await mount("latest", "mnt", "--offsite", "--only", "documents")
        #expect(event.objects("parts").map { $0.text("source") } == ["documents"])
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder["mnt"]) == ["documents"])
        let unmount = try await program.runTool("fusermount", "-u", folder["mnt"])
        #expect(unmount.code == 0, "\(unmount)")
        let ended = await mounted.result()
        #expect(ended.code == 0, "\(ended)")
        #expect(try remains() == [])
    }

    @Test(.enabled(if: canMount))
    func `cancel ends it, and one that was killed leaves nothing readable to the next run`()
        async throws
    {
        try await world.backUp()
        let (first, _) = try await mount("mnt", "--only", "documents")
        let cancel = try await program.run("cancel")
        #expect(cancel.code == 0 && cancel.output.contains("has ended; nothing of it is left"), "\(cancel)")
        #expect(await first.result().code == 0)
        #expect(try remains() == [])
        let (second, _) = try await mount("mnt", "--only", "documents")
        second.signal(SIGKILL)
        _ = await second.result()
        // What showed it ends by itself, and says so to nobody.
        for _ in 0..<600 where try !Processes.mentioning(folder["home"]).isEmpty {
            try await Task.sleep(for: .milliseconds(50))
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder["mnt"]).isEmpty)
        // Whatever runs next, also what has no use for scratch.
        let verify = try await program.run("backup", "verify")
        #expect(verify.code == 0, "\(verify)")
        #expect(try remains() == [])
    }

    @Test(.enabled(if: canMount), arguments: [SIGINT, SIGTERM])
    func `stopped while it is still unpacked, it shows nothing and leaves nothing`(signal: Int32) async throws {
        try await world.backUp()
        var stopped = program
        stopped.environment["HOLDFAST_FAILPOINT"] = "restore:\(signal == SIGINT ? "int" : "term")"
        let result = try await stopped.run("mount", "mnt", "--only", "documents")
        #expect(result.code == (signal == SIGINT ? 130 : 143), "\(result)")
        #expect(!result.output.contains(folder["mnt"]), "\(result)")
        #expect(try remains() == [])
    }

    @Test(.enabled(if: canMount))
    func `without its key a source of its own encryption is an encrypted file, and it says so`()
        async throws
    {
        try await world.backUp()
        let (mounted, event) = try await mount("mnt", "--only", "secrets")
        let part = try #require(event.objects("parts").first)
        #expect(part["encrypted"] as? Bool == true && part.text("path").hasPrefix(folder["mnt/secrets/"]), "\(event)")
        #expect(FileManager.default.fileExists(atPath: part.text("path")))
        mounted.signal(SIGINT)
        let ended = await mounted.result()
        #expect(ended.said.contains("secrets /files/secrets.tar.age is encrypted for age1"), "\(ended)")
        #expect(ended.said.contains("--identity") && !ended.said.contains("holdfast-2"), "\(ended)")
    }

    @Test(.enabled(if: canMount)) func `an archive that is not what was captured is not shown`() async throws {
        try await world.backUp()
        let files = try await program.runTool("find", program.repository, "-name", "*documents*.enc")
        let file = files.output.trimmingCharacters(in: .whitespacesAndNewlines)
        var bytes = try Data(contentsOf: URL(fileURLWithPath: file))
        bytes[bytes.count / 2] ^= 1
        try bytes.write(to: URL(fileURLWithPath: file))
        let result = try await program.run("mount", "mnt", "--only", "documents")
        #expect(result.code == 65 && result.errors.contains("documents"), "\(result)")
        #expect(try remains() == [])
        var wrong = program
        wrong.environment["RESTIC_PASSWORD"] = "another"
        let locked = try await wrong.run("mount", "mnt", "--only", "dump")
        #expect(locked.code == 12, "\(locked)")
        #expect(try remains() == [])
    }

    @Test(.enabled(if: canMount && geteuid() == 0)) func `what does not fit into scratch is not begun`() async throws {
        try await world.backUp()
        let small = folder["small"]
        let disk = try TemporaryFileSystem(at: small, kibibytes: 1024)
        defer { disk.unmount() }
        let result = try await program.run("mount", "mnt", "--scratch", small)
        #expect(result.code == 74 && result.errors.contains("--only"), "\(result)")
        #expect(result.errors.contains("stay free"), "\(result)")
        #expect(try remains() == [] && FileManager.default.contentsOfDirectory(atPath: small).isEmpty)
    }

    @Test func `what it takes and has not is named before anything is decrypted`() async throws {
        try await world.backUp()
        guard access("/dev/fuse", R_OK | W_OK) == 0 else { return }
        var bare = program
        bare.environment["PATH"] = folder["bin"]
        let result = try await bare.run("mount", "mnt")
        #expect(result.code == 69 && result.errors.contains("apt-get install bindfs fuse3"), "\(result)")
        #expect(result.errors.contains("restore --to"), "\(result)")
    }

    /// Else what is encrypted for others would lie in it as it is.
    @Test(.enabled(if: canMount)) func `a backup beside it has nothing of what is unpacked and shown`() async throws {
        try await world.backUp()
        // With a space bindfs does not say what it shows, and a link does not say where it is.
        let (mnt, real) = (folder["documents/mnt"], folder["documents/My Disk, 2"])
        let scratch = folder["scratch link"]
        try FileManager.default.createSymbolicLink(atPath: scratch, withDestinationPath: real)
        for path in [mnt, real] {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        }
        let (mounted, _) = try await mount(mnt, "--identity", key, "--scratch", scratch)
        let second = try await world.backUp()
        #expect(second.texts("notices").contains { $0.contains("left out where a backup is mounted: \(mnt)") })
        let list = try await program.run("ls", "latest", "documents")
        #expect(list.code == 0 && list.output.contains("two.txt"), "\(list)")
        #expect(!list.output.contains("token") && !list.output.contains("shown"), "\(list)")
        mounted.signal(SIGINT)
        #expect(await mounted.result().code == 0)
    }

    @Test(.enabled(if: canMount)) func `what somebody else mounts there meanwhile is not taken for its own`()
        async throws
    {
        try await world.backUp()
        try folder.write("#!/bin/sh\nsleep 4\nexec /usr/bin/openssl \"$@\"\n", to: "slow/openssl", mode: 0o755)
        let path = try #require(program.environment["PATH"])
        let slow = try program.start(
            ["mount", "mnt", "--only", "dump"], environment: ["PATH": folder["slow"] + ":" + path])
        let state = folder["state/scratch"]
        #expect(
            try await slow.wait {
                (try? FileManager.default.subpathsOfDirectory(atPath: state))?.contains { $0.hasSuffix("shown/dump") }
                    == true
            })
        let (quick, _) = try await mount("mnt", "--only", "documents")
        let late = await slow.result()
        #expect(late.code == 64 && late.errors.contains("something is mounted at"), "\(late)")
        #expect(!late.output.contains("restore point"), "\(late)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder["mnt"]) == ["documents"])
        quick.signal(SIGINT)
        #expect(await quick.result().code == 0)
        #expect(try remains() == [])
    }

    @Test(.enabled(if: canMount))
    func `while it is shown it is known to run, and hooks of the repository have had their end`()
        async throws
    {
        let hook = try folder.write("#!/bin/sh\necho \"$1\" >> '\(folder["log"])'\n", to: "hook", mode: 0o755)
        let profile = try String(contentsOfFile: folder["config/test.yaml"], encoding: .utf8)
        try folder.write(
            profile + """

                hooks:
                  - { on: repository.before, run: ["\(hook)", before] }
                  - { on: repository.after, run: ["\(hook)", after] }

                """, to: "config/test.yaml")
        try await world.backUp()
        try FileManager.default.removeItem(atPath: folder["log"])
        let (mounted, _) = try await mount("mnt", "--only", "documents")
        #expect(try String(contentsOfFile: folder["log"], encoding: .utf8) == "before\nafter\n")
        let why = try await program.run("why")
        #expect(why.code == 0 && why.output.contains("is running") && !why.output.contains("killed"), "\(why)")
        // Its program dies, and nobody has anything open.
        for process in try Processes.mentioning(folder["home"]) where process.contains("bindfs") {
            let pid = try #require(process.split(separator: " ").first.flatMap { Int32($0) })
            kill(pid, SIGKILL)
        }
        let ended = await mounted.result()
        #expect(ended.code == 1 && ended.said.contains("bindfs ended with signal 9"), "\(ended)")
        #expect(try remains() == [])
        #expect(try String(contentsOfFile: folder["log"], encoding: .utf8) == "before\nafter\n")
    }

    @Test(.enabled(if: canMount)) func `what is to be known of the point is said in JSON too, and kept`() async throws {
        let first = try await world.backUp().text("run")
        try await world.backUp("documents")
        let (mounted, event) = try await mount("mnt", "--only", "documents,dump")
        #expect(event.texts("warnings").contains { $0.contains("comes from run \(first)") }, "\(event)")
        #expect(event.objects("parts").first { $0.text("source") == "dump" }?.text("run") == first)
        mounted.signal(SIGTERM)
        let record = try await mounted.result().record()
        #expect(record.texts("notices").contains { $0.contains("comes from run \(first)") }, "\(record)")
    }
}
