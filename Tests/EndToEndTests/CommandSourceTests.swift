import Foundation
import TestSupport
import Testing

/// A dump that does not come to its proper end leaves nothing that counts, whatever the consumer made of it.
@Suite("Producers that fail", .enabled(if: !RealTools.restics.isEmpty))
struct CommandSourceTests {
    static let failures: [(name: String, script: String)] = [
        ("exits 3 after its output", "head -c 3000000 /dev/zero; exit 3"),
        ("prints nothing", "exit 0"),
        ("kills itself half way", "head -c 3000000 /dev/zero; kill -9 $$"),
        ("cannot be found", ""),
    ]

    @Test(.timeLimit(.minutes(5)), arguments: RealTools.oldestAndNewest)
    func `a producer that fails leaves a gap, no snapshot that counts, and the others as they are`(
        restic: RealTools.Restic
    ) async throws {
        let world = try World("producer", restic: restic)
        let script = world.folder["produce"]
        try world.writeProfile(
            """
              documents: { files: "\(world.documents)" }
              dump: { command: { run: ["\(script)"], name: app.dump } }
            """)
        try world.folder.write("#!/bin/sh\necho whole\n", to: "produce", mode: 0o755)
        let good = try await world.backUp()

        for failure in Self.failures {
            if failure.script.isEmpty {
                try FileManager.default.removeItem(atPath: script)
            } else {
                try world.folder.write("#!/bin/sh\n\(failure.script)\n", to: "produce", mode: 0o755)
            }
            let result = try await world.program.run("backup", "--json")
            let record = try result.record()
            #expect(result.code == (failure.script.isEmpty ? 69 : 1), "\(failure.name): \(result)")
            #expect(record.objects("gaps").map { $0.text("source") } == ["dump"], "\(failure.name)")
            #expect(record.objects("parts").map { $0.text("source") } == ["documents"], "\(failure.name)")
        }
        let list = try await world.program.run("backup", "list", "--json").document()
        #expect(list.objects("points").count == 1 + Self.failures.count)
        let dumps = list.objects("points").flatMap { $0.objects("entries") }.map { $0.object("part") }
            .filter { $0.text("source") == "dump" }
        #expect(Set(dumps.map { $0.text("snapshot") }).count == 1, "only the good one counts")

        let restore = try await world.program.run("restore", "latest", "--to", world.folder["r"], "--yes")
        #expect(restore.code == 0, "\(restore)")
        #expect(restore.errors.contains("comes from run \(good.text("run"))"), "\(restore)")
        let whole = try await world.program.runTool(
            "find", world.folder["r/dump"], "-type", "f", "-exec", "cat", "{}", "+")
        #expect(whole.output == "whole\n")
    }

    @Test(.timeLimit(.minutes(5)))
    func `a producer that writes a file is captured from private scratch, which is gone afterwards`() async throws {
        let world = try World("writes")
        try world.folder.write(
            "#!/bin/sh\nstat -c %a \"$(dirname \"$1\")\" > '\(world.folder["mode"])'\nseq 10000 > \"$1\"\n",
            to: "produce",
            mode: 0o755)
        try world.writeProfile(
            """
              dump:
                command: { run: ["\(world.folder["produce"])", "{scratch}/out"], writes: "{scratch}/out", name: numbers.txt }
            """)
        try await world.backUp()
        #expect(try String(contentsOfFile: world.folder["mode"], encoding: .utf8) == "700\n")
        let left = try await world.program.runTool("find", world.program.state, "-name", "out")
        #expect(left.output == "")
        let restore = try await world.program.run("restore", "latest", "--to", world.folder["r"], "--yes")
        #expect(restore.code == 0, "\(restore)")
        let numbers = try await world.program.runTool("sh", "-c", "find \(world.folder["r"]) -type f -exec wc -l {} +")
        #expect(numbers.output.contains("10000"), "\(numbers)")
    }
}
