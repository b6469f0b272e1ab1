import BackupModel
import DumpSources
import Foundation
import TestSupport
import Testing

/// With real work trees.
struct `A git work tree` {
    let bench: Bench
    let tree: String

    init() throws {
        bench = try Bench()
        tree = bench.folder["tree"]
        try git("init", "--quiet", "--initial-branch=main", tree, in: bench.folder.path)
        try bench.folder.write("ignored/\n*.o\n", to: "tree/.gitignore")
        for name in ["kept", "changed", "staged", "deleted", "sub/kept"] {
            try bench.folder.write("\(name)\n", to: "tree/\(name)")
        }
        try git("add", ".")
        try git("commit", "--quiet", "--message=first")
    }

    @discardableResult
    private func git(_ arguments: String..., in folder: String? = nil) throws -> String {
        let quoted = arguments.map { "'\($0)'" }.joined(separator: " ")
        return try shell(
            "git -C \"$1\" -c user.name=a -c user.email=a@b -c core.hooksPath=/dev/null \(quoted) 2>&1", folder ?? tree)
    }

    private func change() throws {
        for name in ["changed", "staged", "untracked", "sub/untracked", "ignored/x", "a.o"] {
            try bench.folder.write("new\n", to: "tree/\(name)")
        }
        try git("add", "staged")
        try FileManager.default.removeItem(atPath: "\(tree)/deleted")
    }

    private func source(_ path: String? = nil, ignored: Bool = false, exclude: [String] = []) throws -> any DumpSource {
        try bench.source(
            "git-untracked", settings(("path", path ?? tree), ("ignored", ignored), ("exclude", exclude)))
    }

    /// Below the work tree.
    private var stored: [String] {
        (bench.store.selection?.roots ?? []).map {
            $0.hasPrefix(tree + "/") ? String($0.dropFirst(tree.count + 1)) : $0
        }
        .sorted()
    }

    private var page: [String: Any] {
        get throws {
            let file = bench.store.file(PartPath(rawValue: "/git/work-tree.json"))
            let data = try Data(contentsOf: URL(fileURLWithPath: file))
            return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        }
    }

    @Test func `is captured with what is untracked and what is changed, and its facts`() async throws {
        try change()
        try git("remote", "add", "origin", "https://me:s3cret@example.org/app.git")
        let preview = try await source().preflight(bench.context)
        #expect(preview.summary == "2 modified, 1 deleted, 2 untracked in the git work tree \(tree)")
        #expect(preview.parts.map(\.rawValue) == ["/git/work-tree.json", "/"] && preview.estimatedFiles == 4)
        #expect(preview.tools["git"]?.hasPrefix("2.") == true)
        let reports = try await bench.capture(source())
        #expect(stored == ["changed", "staged", "sub/untracked", "untracked"])
        #expect(reports.map(\.path.rawValue) == ["/git/work-tree.json", "/"])
        let notes = try #require(reports[1].facts.notes)
        let head = try git("rev-parse", "HEAD")
        #expect(notes["branch"] == "main" && notes["commit"] == head)
        #expect(notes["remote"] == "https://example.org/app.git" && notes["dirty"] == "yes")
        #expect(notes["modified"] == "2" && notes["modified-files"] == "changed, staged" && notes["untracked"] == "2")
        #expect(notes["ahead"] == nil)
        #expect(reports[1].restoreNotes["roots"] == "[\"\(tree)\"]")
        #expect(try page["modified"] as? [String] == ["changed", "staged"])
        let text = "\(reports) \(try page)"
        #expect(!text.contains("s3cret"))
        #expect(bench.scratchContent.isEmpty)
    }

    @Test func `has ignored files captured only when asked, and its own folder never`() async throws {
        try change()
        _ = try await bench.capture(source(ignored: true))
        #expect(stored == ["a.o", "changed", "ignored/x", "staged", "sub/untracked", "untracked"])
    }

    @Test func `is captured without what restores have put aside in it, also through a link`() async throws {
        try change()
        try bench.folder.write("old\n", to: "tree/untracked.before-20261121T020000Z-000001")
        try bench.folder.write("mine\n", to: "tree/mine.before-20261121T020000Z-000001")
        try FileManager.default.createSymbolicLink(atPath: bench.folder["link"], withDestinationPath: tree)
        for folder in [tree, bench.folder["link"]] {
            let kept = folder + "/untracked.before-20261121T020000Z-000001"
            let reports = try await bench.capture(source(folder), keptAside: [kept])
            #expect(
                stored == ["changed", "mine.before-20261121T020000Z-000001", "staged", "sub/untracked", "untracked"])
            #expect(reports[0].notices.contains { $0.hasPrefix("left out what restores have put aside") })
        }
    }

    @Test func `is captured below the folder that is named, also through a link`() async throws {
        try change()
        try FileManager.default.createSymbolicLink(atPath: bench.folder["link"], withDestinationPath: tree)
        let reports = try await bench.capture(source(bench.folder["link/sub"]))
        #expect(stored == ["sub/untracked"])
        #expect(reports[0].facts.notes?["untracked"] == "1" && reports[0].facts.notes?["modified"] == "0")
    }

    @Test func `leaves out what the excludes match, and names those that match nothing`() async throws {
        try change()
        let source = try source(ignored: true, exclude: ["*.o", "/sub", "/untracked", "/kept", "never"])
        let preview = try await source.preflight(bench.context)
        #expect(preview.notices.filter { $0.contains("matches nothing") } == ["the exclude `never` matches nothing"])
        _ = try await bench.capture(source)
        #expect(stored == ["changed", "ignored/x", "staged"])
    }

    @Test func `with nothing of its own is a capture of its facts alone`() async throws {
        let reports = try await bench.capture(source())
        #expect(bench.store.selection == nil)
        #expect(reports.map(\.path.rawValue) == ["/git/work-tree.json"])
        #expect(reports[0].facts.notes?["state"] == "nothing that a commit lacks")
        #expect(reports[0].facts.notes?["dirty"] == "no")
        #expect(try await source().preflight(bench.context).parts == reports.map(\.path))
    }

    @Test func `tells how far ahead of its upstream it is`() async throws {
        try git("init", "--quiet", "--bare", bench.folder["up.git"])
        try git("remote", "add", "elsewhere", bench.folder["up.git"])
        try git("push", "--quiet", "--set-upstream", "elsewhere", "main")
        try git("commit", "--quiet", "--allow-empty", "--message=second")
        let notes = try #require(try await bench.capture(source())[0].facts.notes)
        #expect(notes["ahead"] == "1" && notes["behind"] == "0" && notes["upstream"] == "elsewhere/main")
        #expect(notes["remote"] == bench.folder["up.git"])
        try git("checkout", "--quiet", "--detach")
        let detached = try #require(try await bench.capture(source())[0].facts.notes)
        let head = try git("rev-parse", "HEAD")
        #expect(detached["branch"] == "(detached)" && detached["commit"] == head)
    }

    @Test func `without a commit has everything captured`() async throws {
        let empty = bench.folder["empty"]
        try git("init", "--quiet", empty)
        try bench.folder.write("x", to: "empty/one")
        try bench.folder.write("x", to: "empty/two")
        try git("add", "one", in: empty)
        let reports = try await bench.capture(source(empty))
        #expect(bench.store.selection?.roots.map { ($0 as NSString).lastPathComponent }.sorted() == ["one", "two"])
        #expect(reports[0].facts.notes?["commit"] == "(none yet)")
    }

    @Test func `has deleted files named and not captured`() async throws {
        try git("rm", "--quiet", "staged")
        try FileManager.default.removeItem(atPath: "\(tree)/deleted")
        let source = try source()
        let notices = try await source.preflight(bench.context).notices
        #expect(notices.contains { $0.contains("deleted, staged") })
        let reports = try await bench.capture(source)
        #expect(reports.map(\.path.rawValue) == ["/git/work-tree.json"])
        #expect(reports[0].facts.notes?["deleted-files"] == "deleted, staged")
        #expect(try page["deleted"] as? [String] == ["deleted", "staged"])
    }

    @Test func `may have names with a newline, a leading dash, or bytes that are not UTF-8`() async throws {
        try shell(
            "cd \"$1\" && : > -dash && echo x > 'a\nb' && echo odd > \"$(printf 'odd\\377')\" && ln -s nowhere link",
            tree)
        let reports = try await bench.capture(source())
        #expect(stored == ["-dash", "a\nb", "link"])
        let odd = try #require(reports.first { $0.path.rawValue == "/git/names-not-utf-8.tar" })
        let restored = try await bench.restore(odd, with: source())
        #expect(restored.notices.first?.contains("tar --extract") == true)
        let content = try shell("tar --extract --to-stdout --file=\"$1\"", restored.place)
        #expect(content == "odd")
    }

    @Test func `has links and empty files captured as they are, and a live database copied`() async throws {
        try bench.folder.write("", to: "tree/empty")
        try FileManager.default.createSymbolicLink(atPath: "\(tree)/out", withDestinationPath: "/etc/passwd")
        let database = try BusySQLite(at: "\(tree)/live.db")
        defer { database.stop() }
        let reports = try await bench.capture(source())
        let selection = try #require(bench.store.selection)
        #expect(!selection.roots.contains { $0.hasSuffix("-wal") || $0.hasSuffix("-shm") })
        #expect(Set(selection.roots).isSuperset(of: ["\(tree)/empty", "\(tree)/out"]))
        #expect(
            selection.substitutes["\(tree)/live.db"] != nil
                || reports.contains { $0.path.rawValue == "\(tree)/live.db" })
    }

    @Test func `names the repositories inside, and what git overlooks`() async throws {
        for name in ["nested", "ignored/other"] {
            try git("init", "--quiet", "\(tree)/\(name)")
            try bench.folder.write("x", to: "tree/\(name)/x")
        }
        try git("worktree", "add", "--quiet", "\(tree)/second", "-b", "second")
        try git("update-index", "--skip-worktree", "kept")
        let source = try source(ignored: true)
        let notices = try await source.preflight(bench.context).notices
        #expect(notices.contains { $0.hasSuffix("ignored/other, nested, second") })
        #expect(notices.contains { $0.hasPrefix("of 1 tracked file git is told to overlook changes") })
        _ = try await bench.capture(source)
        #expect(stored == ["kept"])
    }

    @Test func `restores its page with where the files belong`() async throws {
        let report = try await bench.capture(source())[0]
        let restored = try await bench.restore(report, with: source("/nowhere"))
        #expect(restored.place.hasSuffix("/work-tree.json") && restored.unproven.isEmpty)
        let head = try git("rev-parse", "HEAD")
        #expect(restored.notices == ["the files belong into a checkout of commit \(head), branch main"])
    }

    // MARK: - What is none

    @Test func `that is missing, a file, a plain folder or bare is an error that says so`() async throws {
        await #expect { try await source(bench.folder["nowhere"]).preflight(bench.context) } throws: {
            isCase($0, "missing")
        }
        await #expect { try await source("\(tree)/kept").preflight(bench.context) } throws: {
            "\($0)".contains("no folder")
        }
        try bench.folder.write("x", to: "plain/x")
        await #expect { try await source(bench.folder["plain"]).preflight(bench.context) } throws: {
            "\($0)".contains("is in no git work tree")
        }
        try git("init", "--quiet", "--bare", bench.folder["bare.git"])
        await #expect { try await source(bench.folder["bare.git"]).preflight(bench.context) } throws: {
            "\($0)".contains("is a bare repository")
        }
        await #expect { try await source("\(tree)/.git").preflight(bench.context) } throws: {
            "\($0)".contains("is no work tree")
        }
        #expect(throws: SourceError.self) { try source("relative") }
    }

    @Test func `without git is an error that names the package`() async throws {
        let bench = try Bench(path: bench.folder["nothing"])
        await #expect {
            try await bench.source("git-untracked", settings(("path", tree))).preflight(bench.context)
        } throws: {
            isCase($0, "tool") && ($0 as? SourceError)?.hint == "install it: apt install git"
        }
    }

    @Test(.enabled(if: geteuid() == 0, "only root can give a folder away"))
    func `of another user is refused by git, and the error says what to do`() async throws {
        try shell("chown -R 65534:65534 \"$1\"", tree)
        await #expect { try await source().preflight(bench.context) } throws: {
            isCase($0, "notPermitted") && "\($0)".contains("dubious ownership")
                && ($0 as? SourceError)?.hint?.contains("safe.directory \(tree)") == true
        }
    }

    @Test func `of which git prints what is not understood is an error, not an empty capture`() async throws {
        let tools = bench.folder["tools"]
        try bench.folder.write(
            """
            #!/bin/sh
            case "$*" in
            *rev-parse*--show-toplevel*) echo "\(tree)";;
            *rev-parse*) printf 'false\\ntrue\\n';;
            *status*) printf 'gibberish\\0';;
            esac
            """, to: "tools/git", mode: 0o755)
        let bench = try Bench(path: tools)
        await #expect {
            try await bench.capture(bench.source("git-untracked", settings(("path", tree))))
        } throws: {
            isCase($0, "toolFailed") && "\($0)".contains("gibberish")
        }
    }
}
