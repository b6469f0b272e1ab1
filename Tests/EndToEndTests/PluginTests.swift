import Foundation
import TestSupport
import Testing

/// The plugins that come with the program, on the real thing where there is one.
@Suite("Plugins")
struct PluginTests {
    private let program: HoldfastProgram
    private var folder: ScratchFolder { program.folder }

    init() throws {
        var program = try HoldfastProgram("plugin")
        program.environment["HOLDFAST_HOOKS_DIR"] = RealTools.packageRoot + "/hooks"
        program.environment["PATH"] = (program.environment["PATH"] ?? "") + ":/usr/sbin:/sbin"
        self.program = program
        try QuickRepository.lay(at: program.repository)
        try program.folder.write("hello\n", to: "docs/note.txt")
    }

    private func profile(_ hooks: String, docs: String? = nil, repository: String? = nil, more: String = "") throws {
        try program.writeProfile(
            """
            hooks: [\(hooks)]
            sources:
              docs: { files: "\(docs ?? folder["docs"])" }
            repositories:
              local: { restic: "\(repository ?? program.repository)", password: env:RESTIC_PASSWORD\(more) }
            """)
    }

    @discardableResult
    private func shell(_ text: String) throws -> String { try ContainerizedPostgres.run(["sh", "-ec", text]) }

    @Test func `every plugin says what it does and its parameters, and is a program`() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: RealTools.packageRoot + "/hooks").sorted()
        #expect(
            names == [
                "btrfs-snapshot", "command", "container", "mount", "network-reachable", "on-battery", "systemd-unit",
                "wake-on-lan",
            ])
        for name in names {
            let path = RealTools.packageRoot + "/hooks/" + name
            let text = try String(contentsOfFile: path, encoding: .utf8)
            for word in ["Parameters (with:)", "use: \(name)", "Exits"] {
                #expect(text.contains(word), "\(name): \(word)")
            }
            #expect(FileManager.default.isExecutableFile(atPath: path))
        }
    }

    // MARK: Containers

    private func startContainers(_ names: [String]) throws {
        for name in names {
            try ContainerizedPostgres.run(
                ["podman"] + ContainerizedPostgres.runOptions + [
                    "--detach", "--name", name, "--label", "com.docker.compose.service=\(name)", "--label",
                    "set=\(names[0])",
                    "--stop-signal", "KILL", ContainerizedPostgres.image, "sleep", "600",
                ])
        }
    }

    private func status(_ name: String) throws -> String {
        try ContainerizedPostgres.run(["podman", "container", "inspect", "--format", "{{.State.Status}}", name])
    }

    private func started(_ name: String) throws -> String {
        try ContainerizedPostgres.run(["podman", "container", "inspect", "--format", "{{.State.StartedAt}}", name])
    }

    @Test(.enabled(if: ContainerizedPostgres.isPossible), .timeLimit(.minutes(3)))
    func `container stops by name, label or service, and starts in the reverse order what ran before`() async throws {
        let names = ["a", "b", "c"].map { "holdfast-hook-\($0)-" + UUID().uuidString.prefix(6).lowercased() }
        defer { _ = try? ContainerizedPostgres.run(["podman", "rm", "--force", "--time", "0"] + names) }
        try startContainers(names)
        try ContainerizedPostgres.run(["podman", "stop", "-t", "0", names[2]])
        let before = try started(names[0])
        try profile(
            "{ use: container, around: [docs], with: { name: [\(names[0]), \(names[1]), \(names[2])], engine: podman, grace: 0 } }"
        )
        let run = try await program.run("backup")
        #expect(run.code == 0, "\(run)")
        #expect(try names.map(status) == ["running", "running", "exited"])
        let times = try names.prefix(2).map(started)
        #expect(times[0] != before && times[1] < times[0], "the last that was stopped starts first: \(times)")

        // Killed while they are stopped.
        let killed = try await program.run("backup", environment: ["HOLDFAST_FAILPOINT": "resourceHeld:kill"])
        #expect(killed.code == -SIGKILL)
        #expect(try status(names[0]) == "exited")
        let recovered = try await program.run("recover", "--all")
        #expect(recovered.code == 0, "\(recovered)")
        #expect(try names.map(status) == ["running", "running", "exited"])

        // Paused, chosen by label and by service; what nobody has is an error before anything is touched.
        try profile("{ use: container, with: { label: set=\(names[0]), action: pause, engine: podman } }")
        let paused = try await program.run("hook", "run", "resource")
        #expect(paused.code == 0 && paused.output.contains("paused"), "\(paused)")
        #expect(try names.map(status) == ["running", "running", "exited"])
        try profile("{ use: container, with: { service: \(names[1]), engine: podman, grace: 0 } }")
        #expect(try await program.run("hook", "run", "resource").output.contains("stopped \(names[1])"))
        try profile("{ use: container, with: { name: [\(names[0]), no-such-container], engine: podman } }")
        let missing = try await program.run("backup")
        #expect(missing.code == 1 && missing.errors.contains("no such container"), "\(missing)")
        #expect(try status(names[0]) == "running")
    }

    // MARK: Drives

    private static let canLoop: Bool = {
        geteuid() == 0
            && (try? ContainerizedPostgres.run(["sh", "-c", "losetup -f >/dev/null && command -v mkfs.ext4 >/dev/null"]))
                != nil
    }()
    private static let hasBtrfs =
        canLoop
        && (try? ContainerizedPostgres.run(["sh", "-c", "command -v mkfs.btrfs && grep -q btrfs /proc/filesystems"]))
            != nil

    @Test(.enabled(if: canLoop), .timeLimit(.minutes(2)))
    func `mount mounts a drive for its repository and unmounts it, also after kill -9`() async throws {
        let (image, drive) = (folder["disk"], folder["drive"])
        try FileManager.default.createDirectory(atPath: drive, withIntermediateDirectories: true)
        let device = try shell("truncate -s 64M '\(image)'; mkfs.ext4 -q '\(image)'; losetup --show -f '\(image)'")
        defer { _ = try? shell("umount -l '\(drive)' 2>/dev/null || true; losetup -d \(device)") }
        let hook = ", hooks: { use: mount, with: { target: \"\(drive)\", device: \(device) } }"
        try profile("", repository: drive + "/repository", more: hook)
        func isMounted() throws -> Bool { try shell("mountpoint -q '\(drive)' && echo yes || echo no") == "yes" }
        let first = try await program.run("backup")
        #expect(first.code == 0, "\(first)")
        #expect(try !isMounted())
        let killed = try await program.run("backup", environment: ["HOLDFAST_FAILPOINT": "capture:kill"])
        #expect(killed.code == -SIGKILL)
        #expect(try isMounted())
        #expect(try await program.run("recover", "--all").code == 0)
        #expect(try !isMounted())
        let verified = try await program.run("backup", "verify")
        #expect(verified.code == 0, "\(verified)")
        // By somebody else before: left as it was.
        try shell("mount \(device) '\(drive)'")
        #expect(try await program.run("backup").code == 0)
        #expect(try isMounted())
        try shell("umount '\(drive)'")
        try profile(
            "", repository: drive + "/repository",
            more: ", hooks: { use: mount, with: { target: \"\(drive)\", device: /dev/no-such, missing: skip } }")
        let skipped = try await program.run("backup")
        #expect(skipped.code == 75 && skipped.errors.contains("/dev/no-such is not there"), "\(skipped)")
    }

    @Test(.enabled(if: hasBtrfs), .timeLimit(.minutes(2)))
    func `btrfs-snapshot lets a source read a frozen state, and deletes nothing that is not its own`() async throws {
        let (image, disk) = (folder["disk"], folder["disk-mount"])
        try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: true)
        try shell("truncate -s 120M '\(image)'; mkfs.btrfs -q '\(image)'; mount -o loop '\(image)' '\(disk)'")
        defer { _ = try? shell("umount -l '\(disk)'") }
        try shell("btrfs subvolume create '\(disk)/live' >/dev/null; echo frozen > '\(disk)/live/note'")
        let resource =
            "{ use: btrfs-snapshot, with: { subvolume: \"\(disk)/live\", snapshot: \"\(disk)/frozen\" } }, "
            + "{ on: source.before, shell: \"echo changed > '\(disk)/live/note'\" }"
        try profile(resource, docs: disk + "/frozen")
        let run = try await program.run("backup")
        #expect(run.code == 0, "\(run)")
        #expect(!FileManager.default.fileExists(atPath: disk + "/frozen"))
        let target = folder["restored"]
        #expect(try await program.run("restore", "latest", "--to", target, "--yes").code == 0)
        #expect(try String(contentsOfFile: "\(target)/docs\(disk)/frozen/note", encoding: .utf8) == "frozen\n")
        // What a killed run left is in nobody's way.
        _ = try await program.run("backup", environment: ["HOLDFAST_FAILPOINT": "capture:kill"])
        #expect(FileManager.default.fileExists(atPath: disk + "/frozen"))
        #expect(try await program.run("backup").code == 0)
        try shell("mkdir '\(disk)/frozen'; touch '\(disk)/frozen/mine'")
        let refused = try await program.run("backup")
        #expect(refused.code == 1 && refused.errors.contains("no read-only snapshot"), "\(refused)")
        #expect(FileManager.default.fileExists(atPath: disk + "/frozen/mine"))
    }

    // MARK: Units, by a stand-in: no systemd runs as process 1 where tests run

    @Test func `systemd-unit stops what is active and starts it again, and waits for it`() async throws {
        try FileManager.default.createDirectory(atPath: folder["units"], withIntermediateDirectories: true)
        for (unit, present) in [("web.service", "active"), ("db.service", "active"), ("old.service", "inactive")] {
            try folder.write(present, to: "units/\(unit)")
        }
        // Starting takes a while, as `activating`; is-active of what is not ends with 3.
        try program.writeTool(
            "systemctl",
            """
            [ "$1" != --user ] || shift
            verb="$1"; unit="$3"; file="\(folder["units"])/$unit"
            [ -e "$file" ] || exit 4
            case "$verb" in
                cat) ;;
                is-active)
                    state="$(cat "$file")"; echo "$state"
                    case "$state" in activating) echo active > "$file"; exit 3 ;; active) ;; *) exit 3 ;; esac ;;
                stop) echo inactive > "$file"; echo "stop $unit" >> "\(folder["log"])" ;;
                start) echo activating > "$file"; echo "start $unit" >> "\(folder["log"])" ;;
            esac
            """)
        try profile("{ use: systemd-unit, with: { unit: [web.service, db.service, old.service] } }")
        let result = try await program.run("hook", "run", "resource")
        #expect(result.code == 0, "\(result)")
        #expect(
            try String(contentsOfFile: folder["log"], encoding: .utf8)
                == "stop web.service\nstop db.service\nstart db.service\nstart web.service\n")
        try profile("{ use: systemd-unit, with: { unit: gone.service } }")
        let gone = try await program.run("hook", "run", "resource")
        #expect(gone.code == 1 && gone.errors.contains("there is no unit gone.service"), "\(gone)")
    }

    // MARK: Conditions

    @Test func `on-battery skips on the battery alone`() async throws {
        try profile("{ on: run.before, use: on-battery, with: { folder: \"\(folder["power"])\", minimum: 80 } }")
        func supply(_ name: String, _ files: [String: String]) throws {
            for (file, text) in files { try folder.write(text + "\n", to: "power/\(name)/\(file)") }
        }
        #expect(try await program.run("hook", "run", "run.before").code == 0)
        try supply("BAT0", ["type": "Battery", "status": "Discharging", "capacity": "79"])
        let low = try await program.run("hook", "run", "run.before")
        #expect(low.code == 75 && low.output.contains("charged to 79 %"), "\(low)")
        try supply("BAT0", ["capacity": "80"])
        #expect(try await program.run("hook", "run", "run.before").code == 0)
        try supply("BAT0", ["capacity": "10"])
        try supply("mouse", ["type": "Battery", "scope": "Device", "status": "Discharging", "capacity": "1"])
        try supply("AC", ["type": "Mains", "online": "1"])
        #expect(try await program.run("hook", "run", "run.before").code == 0)
    }

    @Test func `network-reachable skips while nobody answers`() async throws {
        let server = try LocalListener()
        try profile("{ on: run.before, use: network-reachable, with: { host: 127.0.0.1, port: \(server.port) } }")
        let there = try await program.run("hook", "run", "run.before")
        #expect(there.code == 0 && there.output.contains("answers"), "\(there)")
        server.stop()
        try profile(
            "{ on: run.before, use: network-reachable, with: { host: 127.0.0.1, port: \(server.port), wait: 0 } }")
        let gone = try await program.run("hook", "run", "run.before")
        #expect(gone.code == 75 && gone.output.contains("cannot be reached"), "\(gone)")
    }

    @Test func `wake-on-lan sends the magic packet, and waits for what must answer`() async throws {
        let listener = try LocalListener(datagrams: true)
        let server = try LocalListener()
        try profile(
            "{ on: run.before, use: wake-on-lan, with: { mac: \"52:54:00:12:34:56\", broadcast: 127.0.0.1, wake-port: \(listener.port) } }"
        )
        let sent = try await program.run("hook", "run", "run.before")
        #expect(sent.code == 0, "\(sent)")
        let mac: [UInt8] = [0x52, 0x54, 0, 0x12, 0x34, 0x56]
        #expect(listener.receive() == [UInt8](repeating: 0xff, count: 6) + (0..<16).flatMap { _ in mac })
        try profile(
            "{ on: run.before, use: wake-on-lan, with: { mac: \"52:54:00:12:34:56\", host: 127.0.0.1, port: \(server.port) } }"
        )
        #expect(try await program.run("hook", "run", "run.before").output.contains("was awake"))
        server.stop()
        try profile(
            "{ on: run.before, use: wake-on-lan, with: { mac: \"52:54:00:12:34:56\", broadcast: 127.0.0.1, host: 127.0.0.1, "
                + "port: \(server.port), wait: 0, missing: skip } }")
        #expect(try await program.run("hook", "run", "run.before").code == 75)
    }

    @Test func `command puts exit codes as one says, and takes nothing that is taken`() async throws {
        try profile("{ on: run.before, use: command, with: { run: [sh, -c, \"exit 4\"], skip-on: [4] } }")
        #expect(try await program.run("hook", "run", "run.before").code == 75)
        try profile("{ on: run.before, use: command, with: { run: [sh, -c, \"exit 4\"], accept: 4 } }")
        #expect(try await program.run("hook", "run", "run.before").code == 0)
        let (mark, log) = (folder["mark"], folder["log"])
        try profile(
            "{ use: command, with: { acquire: [sh, -c, \"touch \(mark); echo a >> \(log)\"], "
                + "release: [sh, -c, \"rm \(mark); echo r >> \(log)\"], test: [test, -e, \(mark)] } }")
        #expect(try await program.run("hook", "run", "resource").code == 0)
        #expect(try String(contentsOfFile: log, encoding: .utf8) == "a\nr\n")
        try folder.write("", to: "mark")
        #expect(try await program.run("hook", "run", "resource").code == 0)
        #expect(try String(contentsOfFile: log, encoding: .utf8) == "a\nr\n")
    }

    @Test func `a resource that is written with an event says what to do`() async throws {
        for name in ["container", "mount", "systemd-unit", "btrfs-snapshot"] {
            let with = "{ name: x, target: /mnt, unit: x, subvolume: /a, snapshot: /b, engine: podman }"
            try profile("{ on: run.before, use: \(name), with: \(with) }")
            let result = try await program.run("hook", "run", "run.before")
            #expect(result.code == 1 && result.output.contains("leave `on:` out"), "\(name): \(result)")
        }
    }
}
