import Foundation
import TestSupport
import Testing

/// A work tree is lost, cloned anew, and has again what no commit had.
@Suite("git work trees", .enabled(if: !RealTools.restics.isEmpty))
struct GitUntrackedTests {
    private func makeTree(_ world: World) async throws -> String {
        let tree = world.folder["tree"]
        let made = try await world.program.runTool(
            "bash", "-ec",
            """
            cd "$1"
            export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
            git init --quiet --bare --initial-branch=main up.git
            git init --quiet --initial-branch=main tree
            cd tree
            mkdir sub cache plans
            echo 'cache/' > .gitignore
            for name in kept changed deleted sub/kept; do echo "$name" > "$name"; done
            git add .; git commit --quiet --message=first
            git remote add origin "$1/up.git"; git push --quiet --set-upstream origin main
            echo more >> changed; rm deleted; echo staged > staged; git add staged
            echo x > -dash; echo y > $'new\\nline'; mkdir -p sub/deep; echo z > sub/deep/untracked; chmod 750 -- -dash
            ln -s nowhere link; : > empty; echo c > cache/c; echo p > plans/p.md
            touch --date=2020-01-02 sub/deep/untracked
            """, "bash", world.folder.path)
        try #require(made.code == 0, "\(made)")
        return tree
    }

    @Test(.timeLimit(.minutes(5)), arguments: ["restic", "archive"])
    func `what no commit has comes back as it was, over a new clone`(kind: String) async throws {
        let world = try World("git")
        let tree = try await makeTree(world)
        let source = "sources:\n  app: { git-untracked: { path: \"\(tree)\", ignored: true } }\n"
        try world.program.writeProfile(
            source
                + (kind == "restic"
                    ? world.repositories
                    : "repositories:\n  local: { archive: \"\(world.program.repository)\", encrypt: openssl, password: env:RESTIC_PASSWORD }")
        )
        // Variables of git's own would point it elsewhere.
        let run = try await world.program.run("backup", "--json", environment: ["GIT_DIR": "/nonexistent"])
        #expect(run.code == 0, "\(run)")
        let record = try run.record()
        #expect(record.text("outcome") == "succeeded", "\(record)")
        let notes = record.objects("parts").map { $0.object("facts").object("notes") }
        #expect(
            notes.count == 2 && notes.allSatisfy { $0.text("branch") == "main" && $0.text("ahead") == "0" }, "\(record)"
        )
        #expect(notes.allSatisfy { $0.text("modified-files") == "changed, staged" && $0.text("deleted") == "1" })

        let restored = try await world.program.run("restore", "latest", "--to", world.folder["r"], "--yes")
        #expect(restored.code == 0, "\(restored)")
        #expect(restored.said.contains("belong into a checkout of commit"), "\(restored)")
        let compared = try await world.program.runTool(
            "bash", "-ec",
            """
            cd "$1"
            git clone --quiet up.git clone
            from=$(dirname "$(find r -name changed)")
            test ! -e "$from/kept" && test ! -e "$from/.git" && test ! -e "$from/deleted"
            cp -a "$from/." clone/
            rm clone/deleted
            list() { (cd "$1" && find . -path ./.git -prune -o ! -type d -printf '%P %y %m %s %l\\0' | sort -z | tr '\\0' '\\n'); }
            diff <(list tree) <(list clone)
            diff --recursive --no-dereference --exclude=.git tree clone
            test "$(stat -c %Y tree/sub/deep/untracked)" = "$(stat -c %Y clone/sub/deep/untracked)"
            """, "bash", world.folder.path)
        #expect(compared.code == 0, "\(compared)")
    }

    @Test(.timeLimit(.minutes(5)))
    func `a work tree that has nothing of its own is a backup of its facts, and a later one of its files`() async throws
    {
        let world = try World("git-clean")
        let tree = try await makeTree(world)
        try world.writeProfile("  app: { git-untracked: \"\(tree)/sub\" }")
        try await world.backUp()
        try FileManager.default.removeItem(atPath: "\(tree)/sub/deep")
        try await world.backUp()
        let restored = try await world.program.run("restore", "latest", "--to", world.folder["r"], "--yes")
        #expect(restored.code == 0, "\(restored)")
        let files = try await world.program.runTool("find", world.folder["r"], "-type", "f")
        #expect(files.output == world.folder["r/app/work-tree.json"] + "\n", "\(files)")
    }
}
