import BackupModel
import Foundation
import ProfileLoader
import TestSupport
import Testing

/// What no profile is: everything here must end in problems, soon and in little memory.
struct HostileInputTests {
    let fixture: LoaderFixture

    init() throws { fixture = try LoaderFixture() }

    private func messages(_ data: Data) throws -> [String] {
        let start = ContinuousClock.now
        let path = try fixture.folder.write(data, to: "hostile.yaml")
        let problems = fixture.loader.problems(in: path)
        #expect(ContinuousClock.now - start < .seconds(20))
        #expect(problems.count < 200)
        for problem in problems { #expect(problem.description.utf8.count < 4096) }
        return problems.map { $0.description.replacingOccurrences(of: fixture.folder.path + "/", with: "") }
    }

    private func messages(_ text: String) throws -> [String] { try messages(Data(text.utf8)) }

    @Test func `a file of a hundred megabytes is refused unread`() throws {
        let path = fixture.folder["huge.yaml"]
        #expect(FileManager.default.createFile(atPath: path, contents: nil))
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try handle.truncate(atOffset: 100 << 20)
        try handle.close()
        let problems = fixture.loader.problems(in: path)
        #expect(problems.map(\.message) == ["\(path): it is larger than 1024 KiB, which no such file needs to be"])
    }

    @Test func `a device, a pipe and a folder are refused without waiting`() throws {
        #expect(fixture.loader.problems(in: "/dev/zero").first?.message.contains("no regular file") == true)
        let pipe = fixture.folder["pipe.yaml"]
        #expect(mkfifo(pipe, 0o600) == 0)
        #expect(fixture.loader.problems(in: pipe).first?.message.contains("no regular file") == true)
        #expect(fixture.loader.problems(in: fixture.folder.path).first?.message.contains("no regular file") == true)
        #expect(
            fixture.loader.problems(in: fixture.folder["none.yaml"]).first?.message.contains("no such file") == true)
    }

    @Test func `a NUL byte is named with its place`() throws {
        #expect(
            try messages("profile: a\nhost: b\0c\n") == [
                "hostile.yaml:2:8: a NUL byte has no place in a profile; is this a text file in UTF-8?"
            ])
        #expect(try messages("profile: \"a\\0b\"\n").contains { $0.hasPrefix("hostile.yaml:1:10: a NUL character") })
    }

    @Test func `invalid UTF-8 is named with its place`() throws {
        #expect(
            try messages(Data("profile: é\nhost: ".utf8) + [0xff, 0xfe]) == [
                "hostile.yaml:2:7: this is not valid UTF-8; save the file in UTF-8"
            ])
    }

    @Test func `an alias bomb is refused before it is expanded`() throws {
        var bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n"
        for (previous, name) in zip("abcdefghi", "bcdefghij") {
            bomb += "\(name): &\(name) [" + Array(repeating: "*\(previous)", count: 9).joined(separator: ", ") + "]\n"
        }
        #expect(try messages(bomb).first?.contains("more than 8 aliases") == true)
        // As a key, it would be walked to compare it with the other keys.
        #expect(try messages(bomb + "? *j\n: 1\n").first?.contains("more than 8 aliases") == true)
    }

    @Test func `a bomb of few aliases and much content is bounded too`() throws {
        let wide = "a: &a [" + Array(repeating: "x", count: 40_000).joined(separator: ", ") + "]\n"
        let problems = try messages(wide + "b: [*a, *a, *a, *a]\n")
        #expect(problems.contains { $0.contains("more than 50000 values") })
    }

    @Test func `a megabyte of anything is done with soon`() throws {
        let many = { (count: Int, line: (Int) -> String) in (0..<count).map(line).joined() }
        let keys = many(24_000) { "unknown-key-number-\($0): value of it\n" }
        #expect(try messages(keys).last?.contains("and more problems from here on") == true)
        try fixture.folder.write(keys, to: "base.yaml")
        #expect(try messages("extends: base.yaml\n" + keys).count == 101)
        #expect(!(try messages(many(90_000) { _ in "same: 1\n" }).isEmpty))
        #expect(
            !(try messages(many(40) { index in many(2) { _ in "key\(index): 1\n" } } + many(80_000) { "# \($0)\n" })
                .isEmpty))
        #expect(
            !(try messages("sources:\n  a:\n    files:\n" + many(24_000) { "      - /srv/\($0 % 9000)\n" }).isEmpty))
        #expect(!(try messages("host: '" + many(100_000) { _ in "${A:-b" } + "'\n").isEmpty))
        #expect(!(try messages("host: '" + many(100_000) { _ in "$${A}$ " } + "'\n").isEmpty))
        #expect(!(try messages(many(150_000) { _ in "a: [" }).isEmpty))
        #expect(!(try messages("hooks: [" + many(100_000) { _ in "[], " } + "]\n").isEmpty))
        try fixture.folder.write(many(40_000) { "A\($0)=1\n" }, to: "app.env")
        #expect(!(try messages("environment-files: app.env\nhost: ${A:?x}\n").isEmpty))
    }

    @Test func `a few aliases are fine`() throws {
        let text = plainProfile.replacingOccurrences(
            of: "[/srv/app]", with: "[/srv/app], exclude: &junk ['*.tmp', '*.bak']"
        )
        .replacingOccurrences(
            of: "repositories:", with: "  more:\n    files: { paths: [/srv/b], exclude: *junk }\nrepositories:")
        let profile = try fixture.load(text).profile
        #expect(profile.sources[1].settings["exclude"]?.strings == ["*.tmp", "*.bak"])
    }

    @Test(arguments: ["[", "{a: ", "- ", "? ", "[[[[{"])
    func `deep nesting is refused`(_ opening: String) throws {
        #expect(try messages(String(repeating: opening, count: 500)).isEmpty == false)
        #expect(try messages(String(repeating: opening, count: 200_000)).isEmpty == false)
    }

    @Test func `well formed deep nesting is refused at its depth`() throws {
        let text = "hooks: " + String(repeating: "[", count: 100) + "x" + String(repeating: "]", count: 100)
        #expect(try messages(text).contains { $0.contains("nested deeper than 64 levels") })
    }

    @Test func `a key that is there twice is told with both places, all of them at once`() throws {
        let problems = try messages(
            """
            profile: app
            host: one
            sources:
              db: { postgres: a, postgres: b }
            "host": two
            host: three
            """)
        #expect(
            problems == [
                "hostile.yaml:4:22: postgres: this key is there twice; the first is in line 4, column 9",
                "hostile.yaml:5:1: host: this key is there twice; the first is in line 2, column 1",
                "hostile.yaml:6:1: host: this key is there twice; the first is in line 2, column 1",
            ])
    }

    @Test(arguments: [
        ("a: 1\n---\nb: 2\n", "second document"), ("\tprofile: a\n", "a tab"), ("a:\n\t- b\n", "a tab"),
        ("a: b: c\n", "`:` that cannot be here"), ("a: [1, 2\nb: 3\n", "missing"),
        ("a: \"open\n", "ends inside a quoted text"),
        ("a: *nobody\n", "alias"), ("a: !!python/object/apply:os.system [id]\n", "tag"),
        ("? [a]\n: b\n", "a key must be text"),
        ("a: @x\n", "cannot begin a value"), ("a: \"\\q\"\n", "unknown `\\`"), ("<<: {a: b}\n", "merge keys"),
        ("[a, b]\n", "a profile is a map"), ("just text\n", "a profile is a map"), ("", "at least one source"),
        ("# nothing\n", "at least one source"), ("%YAML 9.9\n---\na: b\n", "incompatible YAML document"),
        ("a: !x b\n", "tag"),
        ("\u{feff}a: b\n", "no such key"), ("a: \u{7f}\n", "control character"), ("a: &x *x\n", "a key is expected"),
        ("- - - -\n  -\n -", "indented wrongly"),
    ])
    func `malformed text is explained at its place`(_ text: String, _ words: String) throws {
        let problems = try messages(text)
        #expect(problems.contains { $0.contains(words) }, "\(problems)")
        #expect(problems.allSatisfy { $0.hasPrefix("hostile.yaml:") })
    }

    @Test func `what a message repeats of a file cannot command a terminal`() throws {
        let problems = try messages(
            "\"\\e[31mred\\n\": 1\nprofile: \"\\e]0;title\\a\"\n" + String(repeating: "k", count: 900) + ": 1\n")
        #expect(problems.contains { $0.contains("\\u{1b}[31mred") })
        for problem in problems { #expect(!problem.unicodeScalars.contains { $0.value < 32 || $0.value == 127 }) }
    }

    @Test func `variables cannot blow a value up`() throws {
        var fixture = fixture
        fixture.environment = ["BIG": String(repeating: "x", count: 60_000)]
        let text = "host: \"" + String(repeating: "${BIG}", count: 10_000) + "\"\n"
        #expect(try fixture.problems(text).contains { $0.message.contains("grows beyond 64 KiB") })
        let nested = "host: " + String(repeating: "${A:-", count: 30) + String(repeating: "}", count: 30) + "\n"
        #expect(try fixture.problems(nested).contains { $0.message.contains("nested deeper than 8 levels") })
    }

    @Test func `a thousand mutations of a good profile load or are explained`() throws {
        let seed = try Data(contentsOf: URL(fileURLWithPath: RealProfilesTests.folder + "/sqlite.yaml"))
        let loader = RealProfilesTests.loader(["A": "1"])
        var loadedCount = 0
        var random = SplitMix(state: 20_261_121)
        let fragments = [
            "\0", "\t", "*a", "&a ", "${", "}", "$$", "[", "]", "{", "- ", ": ", "\n", "!!str ", "\"", "'", "\u{1b}",
            "é", "|\n", "> ", "%", "<<: ", "---\n", "#", "~", "99999999999999999999",
        ]
        for round in 0..<1000 {
            var bytes = Array(seed)
            for _ in 0...random.next(upTo: 4) {
                let place = random.next(upTo: bytes.count)
                switch random.next(upTo: 4) {
                case 0: bytes[place] = UInt8(random.next(upTo: 256))
                case 1: bytes.removeSubrange(place..<min(bytes.count, place + random.next(upTo: 40) + 1))
                case 2: bytes.insert(contentsOf: fragments[random.next(upTo: fragments.count)].utf8, at: place)
                default:
                    let end = min(bytes.count, place + random.next(upTo: 200))
                    bytes.insert(contentsOf: bytes[place..<end], at: random.next(upTo: bytes.count))
                }
                if bytes.isEmpty { bytes = [10] }
            }
            let path = try fixture.folder.write(Data(bytes), to: "mutant.yaml")
            do {
                let loaded = try loader.load(path)
                loadedCount += 1
                #expect(!loaded.profile.sources.isEmpty && loaded.profile.primary != nil, "round \(round)")
            } catch {
                guard case .invalid(_, let problems) = error else {
                    if case .abstract = error { continue }
                    Issue.record("round \(round): \(error)")
                    continue
                }
                #expect(!problems.isEmpty, "round \(round)")
                #expect(error.kind == .badProfile)
            }
        }
        // Both ways were taken often.
        #expect((50...950).contains(loadedCount), "\(loadedCount)")
    }
}

/// A small generator, so that a failing round can be had again.
struct SplitMix {
    var state: UInt64
    mutating func next(upTo bound: Int) -> Int {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return Int((value ^ (value >> 31)) % UInt64(max(1, bound)))
    }
}
