import BackupModel
import Foundation
import ProfileLoader
import TestSupport
import Testing

@Suite("Hooks in a profile")
struct HookEntriesTests {
    private let fixture: LoaderFixture

    init() throws { fixture = try LoaderFixture(["APP_PASSWORD": "x"]) }

    private func load(_ hooks: String, source: String = "", repository: String = "") throws -> Profile {
        try fixture.load(
            """
            hooks:
            \(hooks)
            sources:
              db: { postgres: app\(source) }
              files: { files: /srv }
            repositories:
              local: { restic: /r, password: env:P\(repository) }
            """
        ).profile
    }

    @Test func `events, programs and parameters are read`() throws {
        let profile = try load(
            """
              - { on: run.failed, run: [./notify.sh, now], time-limit: 30s, on-failure: abort }
              - { on: [run.before, restore.before], shell: "test -e /x", name: gate }
              - { on: run.before, use: network-reachable, with: { host: nas, port: 22 }, environment: { T: env:TOKEN, P: plain } }
            """, source: ", hooks: { on: source.before, shell: \"true\" }",
            repository: ", hooks: [{ on: repository.before, use: wake }]")
        #expect(profile.hooks.map(\.action.name) == ["notify.sh", "gate", "network-reachable", "shell", "wake"])
        #expect(profile.hooks[0].action.program == .run(["./notify.sh", "now"]))
        #expect(profile.hooks[0].action.timeLimit == .seconds(30) && profile.hooks[0].onFailure == .abort)
        #expect(profile.hooks[1].events.map(\.description) == ["run.before", "restore.before"])
        #expect(profile.hooks[2].action.parameters == ["host": .text("nas"), "port": .integer(22)])
        #expect(profile.hooks[2].action.secrets == ["T": .environment("TOKEN")])
        #expect(profile.hooks[2].action.variables == ["P": "plain"])
        #expect(profile.hooks[2].action.timeLimit == .seconds(600))
        #expect(profile.hooks[3].owner == .source(SourceName(unchecked: "db")))
        #expect(profile.hooks[4].owner == .repository(RepositoryName(unchecked: "local")))
        #expect(profile.hooks[1].rule(at: .before) == .abort && profile.hooks[1].rule(at: .failed) == .warn)
        #expect(profile.ignoredKeys.isEmpty)
    }

    @Test func `resources are read, with what they are around`() throws {
        let profile = try load(
            """
              - { use: mount, with: { target: /mnt } }
              - { name: app, acquire: [app, freeze], release: app thaw, around: [db, files] }
              - { use: container, around: sources, with: { name: web } }
            """, source: ", hooks: [{ use: container, with: { name: web } }]",
            repository: ", hooks: { use: mount, with: { target: /nas } }")
        #expect(
            profile.resources.map(\.around) == [
                .run, .these([SourceName(unchecked: "db"), SourceName(unchecked: "files")]), .sources,
                .these([SourceName(unchecked: "db")]), .repository(RepositoryName(unchecked: "local")),
            ])
        #expect(profile.resources[1].acquire.program == .run(["app", "freeze"]))
        #expect(profile.resources[1].release.program == .shell("app thaw") && profile.resources[1].inspect == nil)
        #expect(profile.resources[0].inspect?.program == .plugin("mount"))
        // The same container, wherever it is written.
        #expect(profile.resources[2].identity == profile.resources[3].identity)
        #expect(profile.resources[0].identity != profile.resources[4].identity)
    }

    @Test(
        arguments: [
            ("- { on: run.befor, shell: x }", "run.before"),
            ("- { run: [x] }", "add `on:`"),
            ("- { on: run.before }", "wants one of"),
            ("- { on: run.before, run: [x], shell: y }", "not `run:` and `shell:`"),
            ("- { on: run.before, run: [] }", "names no program"),
            ("- { acquire: x }", "no `release:`"),
            ("- { release: x }", "no `acquire:`"),
            ("- { on: run.before, acquire: x, release: y }", "goes with a resource"),
            ("- { use: c, around: [bd] }", "did you mean `db`"),
            ("- { use: c, around: [] }", "names nothing"),
            ("- { use: ../c }", "name"),
            ("- { on: run.before, shell: x, time-limit: long }", "time-limit"),
            ("- { on: run.before, shell: x, on-failure: explode }", "on-failure"),
            ("- { on: run.before, use: c, with: { a-b: 1, a_b: 2 } }", "cannot be told from"),
            ("- { on: run.before, use: c, environment: { \"a b\": x } }", "no name of a variable"),
            ("- { on: run.before, shell: \"echo ${APP_PASSWORD:-x}\" }", "holds a secret"),
            ("- notify.sh", "hooks[0]"),
            ("- { on: run.before, shell: x, unknown: y }", "there is no such key"),
        ])
    func `what makes no sense is refused, and says why`(entry: String, words: String) throws {
        #expect {
            try load("  " + entry)
        } throws: { error in
            let text = "\(error)"
            guard case ProfileError.invalid(_, let problems) = error else { return false }
            let all = problems.map(\.description).joined(separator: "\n")
            return all.contains(words) && all.contains("hooks[0]") || text.contains(words)
        }
    }

    @Test func `a source's hooks are about that source, and a repository's about that repository`() throws {
        for (source, repository) in [
            (", hooks: [{ on: run.before, shell: x }]", ""), ("", ", hooks: [{ on: source.after, shell: x }]"),
        ] {
            #expect {
                try load("  []", source: source, repository: repository)
            } throws: { "\($0)".contains("top level") }
        }
        #expect(throws: ProfileError.self) { try load("  []", source: ", hooks: [{ use: c, around: [db] }]") }
    }

    @Test func `an entry that is switched off is not there, also in a source`() throws {
        let profile = try load(
            "  - { when: \"\", on: x, run: [./a] }", source: ", hooks: [{ when: \"no\", use: c }, { use: d }]")
        #expect(profile.hooks.isEmpty && profile.resources.map(\.name) == ["d"])
        #expect(profile.disabled == ["hooks[0]", "sources.db.hooks[0]"])
    }

    @Test func `a hook of a drill loads`() throws {
        #expect(try load("  - { on: [drill.failed], shell: x }").ignoredKeys == [])
    }
}
