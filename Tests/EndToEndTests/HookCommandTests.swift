import Foundation
import TestSupport
import Testing

/// Hooks as an operator writes and tries them.
@Suite("Hooks on the command line")
struct HookCommandTests {
    private let scene: HookScene
    private var program: HoldfastProgram { scene.program }
    private var folder: ScratchFolder { scene.folder }

    init() throws { scene = try HookScene() }

    private func profile(_ hooks: String) throws {
        try program.writeProfile(
            """
            hooks:
            \(hooks)
            sources:
              docs: { files: "\(folder["docs"])" }
            repositories:
              local: { restic: "\(program.repository)", password: env:RESTIC_PASSWORD }
            """)
    }

    @Test func `list shows what runs when, and whether it could`() async throws {
        let list = try await program.run("hook", "list")
        #expect(list.code == 0, "\(list)")
        let lines = list.output.split(separator: "\n").map(String.init)
        func place(_ text: String) -> Int { lines.firstIndex { $0.contains(text) } ?? -1 }
        #expect(place("acquire") < place("– capture docs –") && place("– capture docs –") < place("release"), "\(list)")
        let json = try await program.run("hook", "list", "--json").document()
        let order = json.objects("order")
        #expect(order.first { $0.text("event") == "acquire" }?.text("file") == folder["hooks/service"])
        #expect(chmod(folder["hooks/service"], 0o777) == 0)
        let unsafe = try await program.run("hook", "list")
        #expect(unsafe.code == 1 && unsafe.errors.contains("lets everybody write to it"), "\(unsafe)")
        #expect(unsafe.errors.contains("chmod go-w \(folder["hooks/service"])"))
        let refused = try await program.run("backup")
        #expect(refused.code == 77 || refused.code == 1, "\(refused)")
        #expect(scene.log.isEmpty && scene.isServing)
    }

    @Test func `run tries an event by hand, and says how it ended and what it said`() async throws {
        try profile(
            """
              - { on: run.before, name: greet, shell: 'echo "trial $HOLDFAST_TRIAL"; echo "{\\"message\\":\\"hi\\",\\"facts\\":{\\"n\\":1}}"' }
              - { on: run.before, name: wait, shell: "exit 75" }
              - { on: run.after, name: bad, shell: "echo no >&2; exit 3" }
            """)
        let before = try await program.run("hook", "run", "run.before")
        #expect(before.code == 75, "\(before)")
        for text in ["run.before greet", "exit code 0: hi", "| trial 1", "fact n: 1", "exit code 75"] {
            #expect(before.output.contains(text), "\(text): \(before)")
        }
        let after = try await program.run("hook", "run", "run.after", "--json")
        #expect(after.code == 1, "\(after)")
        let hook = try #require(try after.document().objects("hooks").first)
        #expect(hook.text("ended") == "exit code 3: no")
        #expect(try await program.run("hook", "run", "run.before", "--hook", "greet").code == 0)
        let typo = try await program.run("hook", "run", "run.befor")
        #expect(typo.code == 64 && typo.errors.contains("did you mean `run.before`"), "\(typo)")
        #expect(try await program.run("hook", "run", "run.failed").output.contains("nothing runs at run.failed"))
    }

    @Test func `run takes a resource and gives it back at once`() async throws {
        let result = try await program.run("hook", "run", "resource")
        #expect(result.code == 0, "\(result)")
        #expect(scene.log == ["resource.inspect", "resource.acquire", "resource.release yes"])
        scene.expectGivenBack()
    }

    @Test func `a hook that hangs is ended with all that it started, and one that floods is capped`() async throws {
        try profile(
            """
              - { on: run.before, name: hang, shell: "sleep 987 & sleep 987", time-limit: 1s }
              - { on: run.after, name: flood, shell: "yes | head -c 50000000" }
            """)
        let hang = try await program.run("hook", "run", "run.before")
        #expect(hang.code == 1 && hang.output.contains("stopped after 1 s"), "\(hang)")
        #expect(try Processes.mentioning(folder["home"]).filter { $0.contains("sleep 987") }.isEmpty)
        let flood = try await program.run("hook", "run", "run.after")
        #expect(flood.code == 0 && flood.output.utf8.count < 20_000)
    }

    @Test func `secrets reach a hook by its environment alone, and are blotted out of what it says`() async throws {
        try profile(
            """
              - on: run.before
                name: tell
                shell: 'tr "\\0" " " < /proc/self/cmdline; cat; echo "token $TOKEN"; env | grep -c RESTIC_PASSWORD'
                environment: { TOKEN: env:RESTIC_PASSWORD }
            """)
        let result = try await program.run("hook", "run", "run.before")
        #expect(result.output.contains("token ‹redacted›"), "\(result)")
        #expect(!result.output.contains("correct horse") && result.output.contains("| 0"), "\(result)")
    }

    @Test(.enabled(if: !RealTools.restics.isEmpty))
    func `a restore, a test and a removal have hooks too, and one that says no keeps all of them from the repository`()
        async throws
    {
        let log = folder["said"]
        try profile(
            """
              - on: [restore.before, restore.succeeded, restore.failed, restore.after, repository.before, repository.after]
                shell: 'echo "$HOLDFAST_OPERATION $HOLDFAST_EVENT" >> \(log); [ ! -e \(folder["no"]) ]'
            """)
        func said() -> [String] {
            let text = String(decoding: FileManager.default.contents(atPath: log) ?? Data(), as: UTF8.self)
            _ = try? FileManager.default.removeItem(atPath: log)
            return text.split(separator: "\n").map(String.init)
        }
        #expect(try await program.run("backup").code == 0)
        #expect(said() == ["backup repository.before", "backup repository.after"])
        let restored = try await program.run("restore", "latest", "--to", folder["r"], "--yes")
        #expect(restored.code == 0, "\(restored)")
        #expect(
            said() == [
                "restore restore.before", "restore repository.before", "restore repository.after",
                "restore restore.succeeded", "restore restore.after",
            ])
        #expect(try await program.run("backup", "verify").code == 0)
        #expect(said() == ["verify repository.before", "verify repository.after"])
        try folder.write("", to: "no")
        let refused = try await program.run("restore", "latest", "--to", folder["r2"], "--yes")
        #expect(refused.code == 1 && !FileManager.default.fileExists(atPath: folder["r2"]), "\(refused)")
        #expect(said() == ["restore restore.before", "restore restore.failed", "restore restore.after"])
        #expect(try await program.run("backup", "verify").code == 1)
        #expect(said() == ["verify repository.before", "verify repository.after"])
    }

    /// The two of docs/hooks.md, as they stand there.
    @Test(.enabled(if: !RealTools.restics.isEmpty), arguments: ["sh", "python"])
    func `the examples of the documentation do what it says`(language: String) async throws {
        let text = try String(contentsOfFile: RealTools.packageRoot + "/docs/hooks.md", encoding: .utf8)
        let block = try #require(text.components(separatedBy: "```\(language)\n").dropFirst().first)
        let script = try #require(block.components(separatedBy: "```").first)
        try folder.write(script, to: "config/example", mode: 0o755)
        try profile("  - { on: [run.before, run.succeeded], run: [./example, \"\(folder["said"])\"] }")
        let run = try await program.run("backup")
        #expect(run.code == 0, "\(run)")
        let said = String(decoding: FileManager.default.contents(atPath: folder["said"]) ?? Data(), as: UTF8.self)
        #expect(said.contains("test") && said.contains("succeeded"), "\(said)")
        let shown = try await program.run("show", "--json").document()
        #expect(shown.objects("hooks").allSatisfy { !$0.text("message").isEmpty }, "\(shown)")
    }
}
