import Foundation
import TestSupport
import Testing

/// The stages that Holdfast puts between the programs of a pipeline, run as it runs them.
@Suite("Stages of pipelines")
struct StreamTests {
    /// A folder, the program, and a shell with both at hand.
    struct Bench {
        let program: HoldfastProgram
        var folder: ScratchFolder { program.folder }

        init(_ label: String) throws { program = try HoldfastProgram("stream-\(label)", restic: nil) }

        func shell(_ script: String) async throws -> HoldfastProgram.Result {
            try await program.runTool("/bin/bash", "-o", "pipefail", "-c", script, environment: ["H": program.path])
        }

        func tree() async throws {
            let made = try await shell(
                """
                mkdir -p tree/sub && cd tree && echo hello > 'a file' && seq 100000 > sub/numbers && : > empty &&
                ln sub/numbers again && ln -s /nowhere link && echo odd > $'new\\nline' && echo odd > 'back\\slash' &&
                echo odd > $'not\\xffutf8' && head -c 300000 /dev/urandom > random && truncate -s 3M hole &&
                printf x | dd of=hole bs=1 seek=1000000 conv=notrunc status=none && chmod 750 sub
                """)
            try #require(made.code == 0, "\(made)")
        }
    }

    @Test(.timeLimit(.minutes(2)), arguments: ["gnu", "posix", "oldgnu"])
    func `a tree that was unpacked by hand is proven by the digests in its archive`(format: String) async throws {
        let bench = try Bench("digest")
        try await bench.tree()
        let made = try await bench.shell(
            "tar --sparse --format=\(format) -cf - tree | tee plain.tar | \"$H\" stream digest-tar > whole.tar")
        #expect(made.code == 0, "\(made)")
        let said = try JSONText.object(made.errors)
        #expect(said["entries"] as? Int == 12 && said["files"] as? Int == 8, "\(made)")
        let proven = try await bench.shell(
            """
            mkdir out && tar -xf whole.tar -C out && cd out && sha256sum --strict --quiet -c .holdfast-sha256sums &&
            test "$(stat -c %a .holdfast-sha256sums)" = 600 && test "$(wc -l < .holdfast-sha256sums)" = 8 &&
            diff -r --no-dereference tree ../tree && test "$(($(stat -c %s ../whole.tar) % 10240))" = 0
            """)
        #expect(proven.code == 0, "\(proven)")
        let same = try await bench.shell(
            "n=$(($(tar -R -tf plain.tar | sed -n 's/^block \\([0-9]*\\): \\*\\* Block of NULs.*/\\1/p') * 512)); cmp -n $n plain.tar whole.tar"
        )
        #expect(same.code == 0, "what came before is as it was: \(same)")
        let listed = try await bench.shell("\"$H\" stream list-tar --safe --check < whole.tar")
        #expect(listed.code == 0, "\(listed)")
        #expect(try JSONText.lines(listed.output).count == 12 && listed.errors == made.errors)
        #expect(listed.output.contains(#""path":"tree/not%ffutf8","type":"file","size":4"#), "\(listed)")
        let again = try await bench.shell(
            """
            tar -cf - -C out .holdfast-sha256sums tree | "$H" stream digest-tar > twice.tar &&
            "$H" stream list-tar --check < twice.tar > /dev/null && mkdir out2 && tar -xf twice.tar -C out2 &&
            cd out2 && sha256sum --strict --quiet -c .holdfast-sha256sums
            """)
        #expect(again.code == 0, "digests of before are replaced: \(again)")
    }

    @Test(.timeLimit(.minutes(2)))
    func `a stream that is cut off, damaged or no tar ends in a failure, without an end of archive`() async throws {
        let bench = try Bench("cut")
        try await bench.tree()
        let result = try await bench.shell(
            """
            tar -cf plain.tar tree; size=$(stat -c %s plain.tar)
            try() { "$H" stream digest-tar > out.tar 2> err; code=$?; test $code = 1 || { echo "$1: $code"; return; }
                test -s err || echo "$1: silent"
                cmp -s -n "$(stat -c %s out.tar)" plain.tar out.tar || echo "$1: more than what came"; }
            : | try nothing
            seq 100000 | try numbers
            for n in 512 1024 5000 100000 $((size / 2)); do head -c $n plain.tar | try "cut $n"; done
            { head -c 512 plain.tar; printf '\\1'; tail -c +514 plain.tar; } | try flipped; :
            """)
        #expect(result.code == 0 && result.output == "", "\(result)")
    }

    @Test(.timeLimit(.minutes(2)))
    func `a listing tells a changed content, a missing list and what leads out, and ends with 65`() async throws {
        let bench = try Bench("list")
        try await bench.tree()
        let made = try await bench.shell("tar -cf plain.tar tree && \"$H\" stream digest-tar < plain.tar > whole.tar")
        #expect(made.code == 0, "\(made)")
        let changed = try await bench.shell(
            "sed 's/hello$/hallo/' whole.tar > changed.tar; \"$H\" stream list-tar --check < changed.tar > /dev/null")
        #expect(changed.code == 65 && changed.errors.contains("`tree/a file` in the archive is not what"), "\(changed)")
        let unnoticed = try await bench.shell("\"$H\" stream list-tar < changed.tar > /dev/null")
        #expect(unnoticed.code == 0)
        let without = try await bench.shell("\"$H\" stream list-tar --check < plain.tar > /dev/null")
        #expect(without.code == 65 && without.errors.contains("has no .holdfast-sha256sums"), "\(without)")
        let optional = try await bench.shell("\"$H\" stream list-tar --check-when-present < plain.tar > /dev/null")
        #expect(optional.code == 0, "\(optional)")
        let late = try await bench.shell(
            "cp whole.tar late.tar && echo late > late && tar -rf late.tar late && \"$H\" stream list-tar --check < late.tar"
        )
        #expect(late.code == 65, "a file behind the digests is not covered by them: \(late)")

        let evil = TarBuilder().adding("good", content: "x").adding("out", type: "2", link: "/etc")
            .adding("out/passwd", content: "x")
        try bench.folder.write(Data(evil.archive), to: "evil.tar")
        let refused = try await bench.shell("\"$H\" stream list-tar --safe < evil.tar")
        #expect(
            refused.code == 65 && refused.errors.contains("`out/passwd` in the tar archive leads out"), "\(refused)")
        #expect(try JSONText.lines(refused.output).count == 2, "what came before it is listed: \(refused)")
    }

    @Test(.timeLimit(.minutes(2)))
    func `keep writes a new private file, and says its digest and size`() async throws {
        let bench = try Bench("keep")
        let kept = try await bench.shell(
            "umask 0; head -c 3000001 /dev/urandom | tee copy | \"$H\" stream keep kept && cmp copy kept && stat -c %a kept"
        )
        #expect(kept.code == 0, "\(kept)")
        let lines = kept.output.split(separator: "\n")
        let said = try JSONText.object(String(try #require(lines.first)))
        let digest = try await bench.shell("sha256sum < copy | cut -d' ' -f1")
        #expect(said["sha256"] as? String == digest.output.trimmingCharacters(in: .whitespacesAndNewlines))
        #expect(said["bytes"] as? Int == 3_000_001 && lines.last == "600", "\(kept)")
        let taken = try await bench.shell(
            "echo other | \"$H\" stream keep kept; code=$?; cmp copy kept || exit 9; exit $code")
        #expect(taken.code == 1 && taken.errors.contains("is there already"), "\(taken)")
        let link = try await bench.shell(
            "ln -s elsewhere dangling; echo x | \"$H\" stream keep dangling; code=$?; test ! -e elsewhere || exit 9; exit $code"
        )
        #expect(link.code == 1, "a link is not followed: \(link)")
        let short = try await bench.shell(
            "mkdir d; for name in k d/k; do echo x | \"$H\" stream keep $name || exit 1; done")
        #expect(short.code == 0, "\(short)")
        let nowhere = try await bench.shell("echo x | \"$H\" stream keep no/such/folder")
        #expect(nowhere.code == 1, "\(nowhere)")
    }

    @Test(.timeLimit(.minutes(2)), .enabled(if: geteuid() == 0))
    func `keep on a full disk leaves nothing and ends with 74`() async throws {
        let bench = try Bench("full")
        let disk = try TemporaryFileSystem(at: bench.folder["small"], kibibytes: 1024)
        defer { disk.unmount() }
        let full = try await bench.shell(
            "head -c 5000000 /dev/zero | \"$H\" stream keep small/kept; code=$?; ls -A small; exit $code")
        #expect(full.code == 74 && full.output == "", "\(full)")
        #expect(full.errors.contains("small/kept cannot be written: No space left on device"), "\(full)")
        try disk.remount(readOnly: true)
        let readOnly = try await bench.shell("echo x | \"$H\" stream keep small/kept")
        #expect(readOnly.code == 74, "\(readOnly)")
    }

    @Test(.timeLimit(.minutes(2)), arguments: [SIGINT, SIGTERM])
    func `keep that is interrupted leaves no file`(signal: Int32) async throws {
        let bench = try Bench("interrupted")
        let fifo = bench.folder["fifo"]
        try #require(mkfifo(fifo, 0o600) == 0)
        let feeder = try bench.program.startTool(
            ["/bin/sh", "-c", "exec 3> fifo; head -c 3000000 /dev/zero >&3; exec sleep 60"])
        let keep = try bench.program.startTool(
            ["/bin/sh", "-c", "exec \"$0\" stream keep kept < fifo", bench.program.path])
        let kept = bench.folder["kept"]
        let sawIt = try await keep.wait {
            var facts = stat()
            return stat(kept, &facts) == 0 && facts.st_size == 3_000_000
        }
        #expect(sawIt)
        keep.signal(signal)
        let result = await keep.result()
        #expect(result.code == 128 + signal && result.output == "", "\(result)")
        #expect(!FileManager.default.fileExists(atPath: kept))
        feeder.signal(SIGKILL)
    }

    @Test(.timeLimit(.minutes(2)))
    func `match lets the end of a stream through only when it is the one that was expected`() async throws {
        let bench = try Bench("match")
        for size in [0, 1, 4096, 4097, 3_000_001] {
            let same = try await bench.shell(
                """
                head -c \(size) /dev/urandom > in; "$H" stream match "$(sha256sum < in | cut -d' ' -f1)" < in > out && cmp in out
                """)
            #expect(same.code == 0, "\(same)")
            let other = try await bench.shell(
                "\"$H\" stream match $(printf '0%.0s' {1..64}) < in > out; code=$?; test ! -s in || test $(stat -c %s out) -lt \(size); test $? = 0 && exit $code"
            )
            #expect(other.code == 65 && other.errors.contains("was changed while it was read"), "\(other)")
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `the stages are hidden from help and completions`() async throws {
        let bench = try Bench("hidden")
        let help = try await bench.program.run("--help")
        #expect(help.code == 0 && !help.output.contains("stream "), "\(help)")
        for shell in ["bash", "zsh", "fish"] {
            let script = try await bench.program.run("--generate-completion-script", shell)
            #expect(script.code == 0 && !script.output.contains("digest-tar"), "\(shell)")
        }
        let typo = try await bench.program.run("strem")
        #expect(typo.code == 64 && !typo.errors.contains("stream"), "\(typo)")
    }
}
