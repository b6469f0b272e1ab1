import BackupModel
import Programs
import Testing

@Suite struct `git` {
    private let hash = String(repeating: "a", count: 40)

    @Test(arguments: [
        Git.place("/w"), Git.root(of: "/w"), Git.status(of: "/w", withIgnored: true), Git.index(of: "/w"),
        Git.remotes(of: "/w"),
    ])
    func `is asked without locks, without programs of the repository's, and without variables of its own`(
        _ command: ToolCommand
    ) {
        #expect(command.arguments.starts(with: ["--no-optional-locks", "-c", "core.fsmonitor=false"]))
        #expect(!command.arguments.contains { $0.contains("safe.directory") })
        #expect(command.workingDirectory == "/w")
        #expect(command.environment.isEmpty && !command.inheritedVariables.contains { $0.hasPrefix("GIT_") })
    }

    @Test func `names ignored files only when asked to`() {
        #expect(Git.status(of: "/w", withIgnored: false).arguments.contains("--ignored=no"))
        #expect(Git.status(of: "/w", withIgnored: true).arguments.contains("--ignored=traditional"))
    }

    @Test func `says what differs, with names of any bytes`() throws {
        var output = Array(
            "# branch.oid \(hash)\0# branch.head main\0# branch.upstream origin/main\0# branch.ab +3 -2\0# stash 4\0"
                .utf8)
        let sums = "100644 100644 100644 \(hash) \(hash)"
        output += Array("1 .M N... \(sums) a b\n c\01 D. N... \(sums) gone\01 .D N... \(sums) gone too\0".utf8)
        output += Array("1 AM N... \(sums) new\01 M. SC.. \(sums) submodule\0".utf8)
        output += Array("2 R. N... \(sums) R100 moved\0old name\0".utf8)
        output += Array("u UU N... 100644 100644 100644 100644 \(hash) \(hash) \(hash) conflict\0".utf8)
        output += Array("? -dash\0? nested/\0? ".utf8) + [0xff, 0xfe, 0] + Array("! ignored/x\0! ignored/repo/\0".utf8)
        let status = try GitStatus(parsing: output)
        #expect(status.commit == hash && status.branch == "main" && status.upstream == "origin/main")
        #expect(status.ahead == 3 && status.behind == 2)
        #expect(
            status.changes.map { String(decoding: $0.path, as: UTF8.self) + ($0.isDeleted ? " (deleted)" : "") } == [
                "a b\n c", "gone (deleted)", "gone too (deleted)", "new", "moved", "conflict",
            ])
        #expect(status.untracked == [Array("-dash".utf8), [0xff, 0xfe]])
        #expect(status.ignored == [Array("ignored/x".utf8)])
        #expect(status.nested == [Array("nested".utf8), Array("ignored/repo".utf8)])
    }

    @Test func `may have no commit and no branch`() throws {
        let initial = try GitStatus(parsing: Array("# branch.oid (initial)\0# branch.head main\0".utf8))
        #expect(initial.commit == nil && initial.branch == "main" && initial.ahead == nil)
        let detached = try GitStatus(parsing: Array("# branch.oid \(hash)\0# branch.head (detached)\0".utf8))
        #expect(detached.commit == hash && detached.branch == nil)
    }

    @Test(arguments: ["x new kind\0", "1 .M N... short\0", "fatal: no\0", "1 .M\0"])
    func `an answer that is not understood is an error`(_ text: String) {
        #expect(throws: GitStatus.Unreadable.self) { try GitStatus(parsing: Array(text.utf8)) }
    }

    @Test func `marks submodules and what it overlooks`() throws {
        let index = try GitIndex(
            parsing: Array(
                "H 100644 \(hash) 0\ta\0h 100644 \(hash) 0\thid\tden\0S 100755 \(hash) 0\tskip\0H 160000 \(hash) 0\tmod\0"
                    .utf8))
        #expect(index.overlooked == [Array("hid\tden".utf8), Array("skip".utf8)])
        #expect(index.submodules == [Array("mod".utf8)])
        #expect(throws: GitStatus.Unreadable.self) { try GitIndex(parsing: Array("H 100644\0".utf8)) }
    }

    @Test(arguments: [
        ("https://user:s3cret@example.org/a.git", "https://example.org/a.git"),
        ("https://s3cret@example.org:8443/a@b.git?token=s3cret#x", "https://example.org:8443/a@b.git"),
        ("https://us@er:s3cret@example.org/a", "https://example.org/a"),
        ("https://s3cret@example.org", "https://example.org"),
        ("ssh://git:s3cret@example.org:22/a.git", "ssh://git@example.org:22/a.git"),
        ("ssh://git@[::1]/a.git", "ssh://git@[::1]/a.git"),
        ("git@example.org:a/b.git", "git@example.org:a/b.git"), ("/srv/git/a.git", "/srv/git/a.git"),
        ("file:///srv/a?b.git", "file:///srv/a?b.git"), ("ext::ssh -i s3cret %S a", "ext::…"),
        ("crypt::https://u:s3cret@example.org/a", "crypt::https://example.org/a"), ("../a.git", "../a.git"),
    ])
    func `a remote is told of without what opens it`(_ address: String, _ shown: String) {
        #expect(Git.withoutCredentials(address) == shown)
    }

    @Test func `remotes have names of any kind`() {
        let remotes = Git.parseRemotes(Array("remote.origin.url\n/a\0remote.my.fork.url\nhttps://x/y\0".utf8))
        #expect(remotes.map(\.name) == ["origin", "my.fork"] && remotes.map(\.address) == ["/a", "https://x/y"])
        #expect(Git.parseRemotes([]).isEmpty)
        #expect(Git.parseVersion("git version 2.39.5 (Apple Git-154)\n") == "2.39.5")
    }
}
