import Foundation
import TestSupport
import Testing

/// Trees that are hard to archive, and archives that are cut, by the whole program.
@Suite struct ArchiveFaultTests {
    private func world(_ more: String = "", paths: String = "[FOLDER/documents]") throws -> World {
        let world = try World("archive-fault")
        let text = """
            sources:
              documents: { files: { paths: \(paths)\(more) } }
            repositories:
              local: { archive: FOLDER/repository, encrypt: openssl, password: env:RESTIC_PASSWORD }
            """
        try world.program.writeProfile(text.replacingOccurrences(of: "FOLDER", with: world.folder.path))
        return world
    }

    @discardableResult
    private func shell(_ world: World, _ script: String, _ arguments: String...) async throws -> String {
        let command = ["bash", "-ec", "cd \"$1\"; shift; " + script, "bash", world.folder.path] + arguments
        let result = try await world.program.startTool(command).result()
        #expect(result.code == 0, "\(result)")
        return result.output
    }

    /// Backs up, reads all of it back, restores, and compares.
    private func roundTrip(_ world: World, leavesOut: Bool = false) async throws {
        let record = try await world.backUp()
        #expect(record.text("outcome") == "succeeded", "\(record)")
        let verify = try await world.program.run("backup", "verify", "--data", "100%")
        #expect(verify.code == 0, "\(verify)")
        let restore = try await world.program.run("restore", "latest", "--to", world.folder["r"], "--yes")
        #expect(restore.code == 0, "\(restore)")
        if leavesOut {
            #expect(record.texts("notices").contains { $0.contains("sockets, pipes and devices") }, "\(record)")
        } else {
            #expect(try await world.differences(world.documents, world.folder["r/documents"] + world.documents) == "")
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func `names that are no text, have line breaks, escapes or 255 bytes come back, and drive no terminal`()
        async throws
    {
        let world = try world()
        try await shell(
            world,
            #"""
            cd documents
            touch $'not-text-\xff\xfe' $'line\nerror: faked' $'tab\tesc\e[31mred' $'bidi\u202egnp' -- '-dash' ' space ' '*' 'q"\'
            touch "$(printf 'x%.0s' {1..255})"
            long="$(printf 'd%.0s' {1..200})/$(printf 'e%.0s' {1..200})"; mkdir -p "$long"; echo deep > "$long/deep"
            """#)
        try await roundTrip(world)
        let list = try await world.program.run("ls", "latest", "documents")
        #expect(list.code == 0)
        #expect(list.output.contains("line\\u{a}error: faked") && list.output.contains("esc\\u{1b}[31mred"), "\(list)")
        #expect(!list.output.contains("\nerror: faked") && !list.output.contains("\u{1b}"))
    }

    @Test(.timeLimit(.minutes(3)))
    func `links, modes, holes, attributes and times come back, and no pipe or device keeps a reader waiting`()
        async throws
    {
        let world = try world()
        try await shell(
            world,
            """
            cd documents
            ln one.txt hard; ln -s ../../outside link; cp /bin/true suid; chmod 4751 suid; chmod 0 deep/two.txt
            truncate -s 30M hole; echo end >> hole; mkdir empty; chmod 1777 empty; touch -d 2001-02-03T04:05:06.789 old
            """)
        let plain = try await shell(world, "cp -a documents plain; echo done")
        #expect(plain == "done\n")
        // Left out, each of them, and said.
        try await shell(
            world,
            """
            cd documents; mkfifo pipe; python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'
            [ "$(id -u)" != 0 ] || mknod device c 1 3 || true
            """)
        try await roundTrip(world, leavesOut: true)
        let back = world.folder["r/documents"] + world.documents
        // Making them changed the time of their folder.
        try await shell(world, "touch -r \"$1\" plain", back)
        #expect(try await world.differences(world.folder["plain"], back) == "")
        #expect(try await shell(world, "stat -c %h \"$1/hard\"; stat -c %b \"$1/hole\"", back).hasPrefix("2\n"))
    }

    @Test(.timeLimit(.minutes(3)))
    func `links that go round are stored as links, and one as a source's root is refused with its target`()
        async throws
    {
        let world = try world()
        try await shell(world, "ln -s . documents/loop; ln -s ../documents documents/deep/up; ln -s documents root")
        try await roundTrip(world)
        try world.program.writeProfile(
            """
            sources:
              documents: { files: "\(world.folder["root"])" }
            repositories:
              local: { archive: "\(world.program.repository)", encrypt: openssl, password: env:RESTIC_PASSWORD }
            """)
        let refused = try await world.program.run("backup")
        #expect(refused.code != 0 && refused.errors.contains("name its target"), "\(refused)")
    }

    @Test(.timeLimit(.minutes(3)), .enabled(if: geteuid() == 0, "mounting needs root"))
    func `a file system mounted inside a source goes in or stays out, as the profile says`() async throws {
        for staysOut in [false, true] {
            let world = try world(staysOut ? ", one-file-system: true" : "")
            try FileManager.default.createDirectory(
                atPath: world.folder["documents/mounted"], withIntermediateDirectories: true)
            let mounted = try TemporaryFileSystem(at: world.folder["documents/mounted"], kibibytes: 512)
            defer { mounted.unmount() }
            try world.folder.write("inside\n", to: "documents/mounted/inside")
            try await world.backUp()
            let list = try await world.program.run("ls", "latest", "documents")
            #expect(list.output.contains("/mounted/inside") != staysOut, "\(list)")
            #expect(list.output.contains("/mounted\n"))
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func `a file that grows while it is read makes the run partial, and all else is whole`() async throws {
        let world = try world()
        try await shell(world, "head -c 30000000 /dev/urandom > documents/growing")
        // It is written to from before tar begins until tar has ended.
        try world.program.writeTool(
            "tar",
            """
            case "$*" in *--create*) ;; *) exec /usr/bin/tar "$@" ;; esac
            (while [ ! -e '\(world.folder["stop"])' ]; do echo more >> '\(world.documents)/growing'; done) </dev/null >/dev/null 2>&1 &
            /usr/bin/tar "$@"; code=$?; touch '\(world.folder["stop"])'; wait; exit "$code"
            """)
        let result = try await world.program.run("backup", "--json")
        let record = try result.record()
        #expect(record.text("outcome") == "partial" && result.said.contains("growing"), "\(result)")
        let verify = try await world.program.run("backup", "verify", "--data", "100%")
        #expect(verify.code == 0, "\(verify)")
        let restore = try await world.program.run("restore", "latest", "--to", world.folder["r"], "--yes")
        #expect(restore.code == 0, "\(restore)")
        #expect(
            try String(contentsOfFile: world.folder["r/documents"] + world.documents + "/one.txt", encoding: .utf8)
                == "one\n")
    }

    @Test(.timeLimit(.minutes(3)))
    func `a file of one tebibyte of holes is named before anything is read, and can be left out`() async throws {
        let world = try world(", larger-than: 1G")
        let made = try await world.program.runTool("truncate", "-s", "1T", world.folder["documents/huge"])
        guard made.code == 0 else { return }  // Not every file system holds a file of this size.
        try await world.backUp()
        let list = try await world.program.run("ls", "latest", "documents")
        #expect(list.code == 0 && !list.output.contains("huge"), "\(list)")
        let unbounded = try self.world()
        try FileManager.default.moveItem(
            atPath: world.folder["documents/huge"], toPath: unbounded.folder["documents/huge"])
        let preview = try await unbounded.program.run("backup", "--dry-run")
        #expect(preview.said.contains("1.0 TiB, of which 0 B are on the disk"), "\(preview)")
        // It can be stopped at any time.
        let running = try unbounded.program.start(["backup"])
        #expect(
            try await running.wait {
                FileManager.default.subpaths(atPath: unbounded.program.repository)?
                    .contains { $0.contains(".incomplete-") } ?? false
            })
        running.signal(SIGINT)
        let stopped = await running.result()
        #expect(stopped.code == 130, "\(stopped)")
        #expect(try await unbounded.points().isEmpty)
    }

    @Test(
        .timeLimit(.minutes(5)),
        arguments: ["openssl gzip", "openssl zstd", "gpg gzip", "gpg zstd", "age gzip", "age zstd"])
    func `a file that was cut short, and has no manifest any more, gives nothing back`(ways: String) async throws {
        let words = ways.split(separator: " ")
        var program = try HoldfastProgram("archive-cut")
        program.environment["GNUPGHOME"] = program.folder["g"]
        let world = World(program: program)
        try await shell(world, "mkdir -m700 g; mkdir -p documents; head -c 3000000 /dev/urandom > documents/random")
        var key = "password: env:RESTIC_PASSWORD"
        var opening = ["--password-file", try world.folder.write("correct horse\n", to: "password")]
        if words[0] == "age" {
            let recipient = try await shell(world, "age-keygen -o key 2>/dev/null; age-keygen -y key")
            key = "recipients: [\(recipient.trimmingCharacters(in: .newlines))]"
            opening = ["--identity", world.folder["key"]]
        }
        try program.writeProfile(
            """
            sources:
              documents: { files: "\(world.documents)" }
            repositories:
              local: { archive: "\(program.repository)", compress: \(words[1]), encrypt: \(words[0]), \(key) }
            """)
        try await world.backUp()
        let made = try await shell(world, "find repository -name 'test-*.tar.*'")
        let archive = world.folder.path + "/" + made.trimmingCharacters(in: .newlines)
        let size = try #require(try FileManager.default.attributesOfItem(atPath: archive)[.size] as? Int)
        for cut in [size - 1, size - 16, size / 2, 40, 8, 0] {
            try await shell(
                world, "rm -rf alone; mkdir alone; head -c \"$2\" \"$1\" > \"alone/${1##*/}\"", archive, String(cut))
            let file = world.folder["alone/" + (archive as NSString).lastPathComponent]
            let restore = try await program.run(["restore", "--archive", file, world.folder["into"]] + opening)
            #expect(restore.code != 0, "\(cut) of \(size): \(restore)")
            #expect(restore.errorLines.count == 1, "\(restore)")
            let left = try? FileManager.default.contentsOfDirectory(atPath: world.folder["into"])
            #expect(left ?? [] == [], "\(cut) of \(size)")
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func `a key of gpg's that needs a passphrase is told at once where nobody can be asked`() async throws {
        var program = try HoldfastProgram("archive-agent")
        program.environment["GNUPGHOME"] = program.folder["g"]
        let world = World(program: program)
        try await shell(
            world,
            """
            mkdir -m700 g; mkdir documents; echo one > documents/one.txt
            gpg --batch --quiet --pinentry-mode loopback --passphrase secret --quick-generate-key t@example.org default default never
            gpgconf --kill all
            """)
        try program.writeProfile(
            """
            sources:
              documents: { files: "\(world.documents)" }
            repositories:
              local: { archive: "\(program.repository)", encrypt: gpg, recipients: [t@example.org] }
            """)
        try await world.backUp()
        let restore = try await program.run("restore", "latest", "--to", world.folder["r"], "--yes")
        #expect(restore.code == 12 && restore.errors.contains("passphrase"), "\(restore)")
        #expect(!FileManager.default.fileExists(atPath: world.folder["r/documents"]))
        try await program.runTool("gpgconf", "--kill", "all")
    }
}
