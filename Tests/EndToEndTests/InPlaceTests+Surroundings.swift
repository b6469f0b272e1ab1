import BackupModel
import Foundation
import TestSupport
import Testing

/// Who works beside a restore: services, git, and somebody at a terminal.
extension InPlaceTests {
    // MARK: Services

    @Test(.timeLimit(.minutes(5)))
    func `a service rests only while things change places, and is started again whatever happens`() async throws {
        let scene = try HookScene("inplace-hook", more: "for: [restore]")
        let backup = try await scene.program.run("backup")
        #expect(backup.code == 0, "\(backup)")
        #expect(scene.log.isEmpty, "not for a backup: \(scene.log)")
        let plan = try await scene.program.run("restore", "latest", "--dry-run")
        #expect(plan.output.contains("stopped meanwhile: app"), "\(plan)")
        let restored = try await scene.program.run("restore", "latest", "--yes")
        #expect(restored.code == 0, "\(restored)")
        #expect(
            scene.log.map { $0.split(separator: " ")[0] } == [
                "resource.inspect", "resource.acquire", "resource.release",
            ])
        #expect(scene.isServing)
        let killed = try await scene.program.run(
            "restore", "latest", "--yes", environment: ["HOLDFAST_FAILPOINT": "settlementJournaled:kill"])
        #expect(killed.code == -SIGKILL && !scene.isServing, "\(killed)")
        let recovered = try await scene.program.run("recover")
        #expect(recovered.code == 0 && scene.isServing, "\(recovered)")
    }

    // MARK: Git

    @Test(.timeLimit(.minutes(5)))
    func `untracked files go back among those that git keeps, which stay`() async throws {
        let world = try World("inplace-git")
        let tree = world.folder["tree"]
        let made = try await world.program.runTool(
            "bash", "-c",
            """
            git init -q '\(tree)' && cd '\(tree)' && git config user.email a@b && git config user.name a && echo tracked > t &&
            git add t && git commit -qm x && mkdir -p plans && echo plan > plans/p.md && echo env > .env
            """)
        #expect(made.code == 0, "\(made)")
        try world.writeProfile("  plans: { git-untracked: \"\(tree)\" }")
        try await world.backUp()
        try write("tracked and newer", tree + "/t")
        try write("changed", tree + "/plans/p.md")
        try FileManager.default.removeItem(atPath: tree + "/.env")
        let restored = try await world.program.run("restore", "latest", "--yes")
        #expect(restored.code == 0, "\(restored)")
        #expect(content(tree + "/plans/p.md") == "plan\n" && content(tree + "/.env") == "env\n")
        #expect(content(tree + "/t") == "tracked and newer" && FileManager.default.fileExists(atPath: tree + "/.git"))
    }

    // MARK: Backups

    /// What is kept aside lies in the folder that is backed up.
    @Test(.timeLimit(.minutes(5)))
    func `what is kept aside is not backed up again, is told with its size, and can be taken back`() async throws {
        let world = try World("inplace-kept")
        let (program, file) = (world.program, world.documents + "/one.txt")
        try world.writeDocumentsProfile()
        try await world.backUp()
        try write("changed, and more of it\n", file)
        let restored = try await program.run("restore", "latest", "--path", file, "--yes")
        #expect(restored.code == 0 && content(file) == "one\n", "\(restored)")
        let kept = try #require(try names(world.documents).first { $0.hasPrefix("one.txt.before-") })
        try write("mine\n", file + ".before-now")
        let second = try await program.run("backup")
        #expect(second.code == 0 && second.errors.contains("left out what restores have put aside: "), "\(second)")
        let listed = try await program.run("ls", "latest")
        #expect(listed.output.contains("one.txt.before-now") && !listed.output.contains(kept), "\(listed)")
        let shown = try await program.run("restore", "--kept")
        #expect(shown.output.contains("\(kept), 24 B\n1 restore kept 24 B aside"), "\(shown)")
        let document = try await program.run("restore", "--kept", "--json").document()
        let places = document.objects("kept").flatMap { $0.objects("places") }
        #expect(document.number("bytes") == 24 && places.map { $0.number("bytes") } == [24], "\(document)")
        #expect(places.map { $0["there"] as? Bool } == [true])
        let undone = try await program.run("restore", "--undo", "--yes")
        #expect(undone.code == 0 && content(file) == "changed, and more of it\n", "\(undone)")
        #expect(try await program.run("restore", "--discard", "--yes").code == 0)
        #expect(try names(world.documents) == ["deep", "one.txt", "one.txt.before-now"])
    }

    // MARK: The dialogue

    @Test(.timeLimit(.minutes(5)))
    func `somebody at a terminal is led from a list to one file`() async throws {
        let world = try World("inplace-tmux")
        let other = world.folder["other"]
        try FileManager.default.createDirectory(atPath: other, withIntermediateDirectories: true)
        try write("o\n", other + "/o.txt")
        try world.writeProfile("  documents: { files: \"\(world.documents)\" }\n  other: { files: \"\(other)\" }")
        try await world.backUp()
        try write("changed\n", world.documents + "/one.txt")
        try write("changed\n", world.documents + "/deep/two.txt")
        let terminal = try Terminal(world.program)
        try await terminal.start()
        try await terminal.type("\(world.program.path) restore; echo code $?")
        #expect(try await terminal.shows("Which one?"))
        try await terminal.press("C-c")
        #expect(try await terminal.shows("code 130"), "Ctrl-C ends a question")
        try await terminal.type("clear")
        try await terminal.type("\(world.program.path) restore")
        for (question, answer) in [
            ("Which one?", ""), ("Which sources?", "1"), ("All of it?", "two"), ("Which? Numbers", "1"), ("More?", ""),
            ("Where to?", ""), ("Put this into place?", "y"),
        ] {
            let isAsked = try await terminal.shows(question)
            let screen = try await terminal.screen()
            #expect(isAsked, "\(question): \(screen)")
            try await terminal.type(answer)
        }
        let isDone = try await terminal.shows("restore succeeded")
        let screen = try await terminal.screen()
        #expect(isDone, "\(screen)")
        #expect(content(world.documents + "/deep/two.txt") == "two\n")
        #expect(content(world.documents + "/one.txt") == "changed\n")
    }
}
