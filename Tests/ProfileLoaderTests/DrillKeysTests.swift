import BackupModel
import Foundation
import Testing

@testable import ProfileLoader

/// What a profile says of drills.
@Suite("Drill keys")
struct DrillKeysTests {
    private let fixture: LoaderFixture
    init() throws { fixture = try LoaderFixture() }

    private func text(_ source: String, _ more: String = "") -> String {
        """
        sources:
          db: \(source)
        repositories:
          local: { restic: /r, password: env:P }
          off: { restic: /o, password: env:P, follows: local }
        \(more)
        """
    }

    @Test func `everything that can be said of a drill is understood`() throws {
        let text = text(
            "{ postgres: { database: a }, drill: { sql: [SELECT 1, SELECT 2], run: [./look.sh, --all], shell: test -f a.db, time-limit: 90s } }",
            "drill: { point: random, from: off, room: 20G, sample: 7 }\nobjectives: { drill: 40d, rto: 2h }")
        let profile = try fixture.load(text).profile
        #expect(profile.ignoredKeys == [])
        var spec = DrillSpec()
        (spec.point, spec.from, spec.room, spec.sample) = (
            .random, RepositoryName(unchecked: "off"), .mebibytes(20480), 7
        )
        #expect(profile.drill == spec)
        #expect(profile.objectives.drill == .seconds(40 * 86_400) && profile.objectives.restoreTime == .seconds(7200))
        let drill = profile.sources[0].drill
        #expect(drill.assertions.map(\.query) == ["SELECT 1", "SELECT 2"] && drill.timeLimit == .seconds(90))
        #expect(drill.programs.map(\.program) == [.run(["./look.sh", "--all"]), .shell("test -f a.db")])
        #expect(drill.programs.allSatisfy { $0.timeLimit == .seconds(90) && $0.file.hasSuffix(".yaml") })
    }

    @Test func `a list of lists is several programs, and queries may name their database`() throws {
        let text = text(
            "{ postgres: { database: a }, drill: { run: [[./one], [two, three]], sql: { a: SELECT 1, b: [SELECT 2] }, unopened: accept } }"
        )
        let profile = try fixture.load(text).profile
        let drill = profile.sources[0].drill
        #expect(drill.programs.map(\.program) == [.run(["./one"]), .run(["two", "three"])])
        #expect(
            drill.assertions == [.init(database: "a", query: "SELECT 1"), .init(database: "b", query: "SELECT 2")])
        #expect(drill.acceptsUnopened)
    }

    @Test func `a repository to drill from that is switched off is no fault of the profile`() throws {
        let text = text("{ postgres: { database: a } }", "drill: { from: off }")
            .replacing("off: { restic: /o,", with: "off: { when: '', restic: /o,")
        #expect(try fixture.load(text).profile.drill.from?.rawValue == "off")
    }

    @Test(arguments: [
        ("{ files: /x, drill: { sql: SELECT 1 } }", "", "is for databases"),
        ("{ postgres: { database: a }, drill: { sql: .shell rm } }", "", "is a command of a shell"),
        ("{ postgres: { database: a }, drill: { sql: '  ' } }", "", "has an empty query"),
        ("{ postgres: { database: a }, drill: { run: [''] } }", "", "names no program"),
        ("{ postgres: { database: a }, drill: { querys: x } }", "", "there is no such key here"),
        ("{ postgres: { database: a } }", "drill: { from: of }", "there is no repository `of`"),
        ("{ postgres: { database: a } }", "drill: { point: newest }", "wants one of"),
        ("{ postgres: { database: a } }", "drill: { room: much }", "wants"),
    ])
    func `what makes no sense is refused where it stands`(source: String, more: String, message: String) throws {
        let problems = try fixture.messages(text(source, more))
        #expect(problems.contains { $0.contains(message) && $0.contains("drill") }, "\(problems)")
    }
}
