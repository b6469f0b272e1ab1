import BackupModel
import Foundation
import ProfileLoader
import TestSupport
import Testing

struct EnvironmentFileTests {
    @Test(arguments: [
        ("A=b", "b"), ("export A=b", "b"), ("  A=b  ", "b"), ("A=b\r", "b"), ("A='b c $d `e` \\f'", "b c $d `e` \\f"),
        ("A=\"b c\"", "b c"), ("A=\"b \\\"c\\\" \\$d\"", "b \"c\" $d"), ("A=b # comment", "b"), ("A=b#c", "b#c"),
        ("A=\"b\" # comment", "b"), ("A=", ""), ("A=a=b", "a=b"), ("A=1\nA=2", "2"), ("# A=c\n\nA=d", "d"),
    ])
    func `lines are read as every reader reads them`(_ text: String, _ expected: String) {
        let file = EnvironmentFile(text: text, path: "/x/.env")
        #expect(file.problems.isEmpty)
        #expect(file.variables.last?.name == "A")
        #expect(file.variables.last?.value == expected)
        #expect(file.variables.last?.doubt == nil)
    }

    @Test(arguments: ["A=$(date)", "A=`date`", "A=\"$B\"", "A=$B", "A=b c", "A=a\\b", "A=a'b'", "A=\"\\n\"", "A=a;b"])
    func `a value that programs read differently is doubtful`(_ text: String) {
        let file = EnvironmentFile(text: text, path: "/x/.env")
        #expect(file.problems.isEmpty)
        #expect(file.variables.first?.doubt != nil)
    }

    @Test(arguments: ["just words", "A B=c", "1A=b", "if true; then", "A='open", "A=\"open", "A='b'c", "=b"])
    func `a line that is none is told with its number`(_ text: String) {
        let file = EnvironmentFile(text: "OK=1\n" + text, path: "/x/.env")
        #expect(file.problems.map(\.location) == [SourceLocation(file: "/x/.env", line: 2, column: 1)])
    }

    private func fixture(_ content: String, mode: Int = 0o600, _ environment: [String: String] = [:]) throws
        -> LoaderFixture
    {
        let fixture = try LoaderFixture(environment)
        try fixture.folder.write(content, to: "app.env", mode: mode)
        return fixture
    }

    private let text = plainProfile + "\nenvironment-files: [app.env]\nhost: ${WHERE}\n"

    @Test func `a profile sees its variables, and the process's own win`() throws {
        let content = "WHERE=file\nexport RESTIC_PASSWORD='a b'\n"
        let profile = try fixture(content).load(text).profile
        #expect(profile.host == "file")
        #expect(profile.settings.environment == ["WHERE": "file", "RESTIC_PASSWORD": "a b"])
        #expect(profile.sources[0].environment == profile.settings.environment)
        #expect(profile.repositories[0].environment == profile.settings.environment)
        let other = try fixture(content, ["WHERE": "shell", "UNRELATED": "x"]).load(text).profile
        #expect(other.host == "shell")
        #expect(other.settings.environment["WHERE"] == "shell")
        #expect(other.settings.environment["UNRELATED"] == nil)
        #expect(try fixture(content, ["WHERE": ""]).load(text).profile.host == "file")
    }

    @Test(arguments: [
        (0o644, "everybody can read the secrets in it; chmod 600"), (0o660, "others can write it"),
        (0o602, "others can write it"),
    ])
    func `a file that others can read or write is refused`(_ mode: Int, _ words: String) throws {
        let messages = try fixture("WHERE=x\n", mode: mode).messages(text)
        #expect(
            messages.contains { $0.hasPrefix("app.yaml:9:21: environment-files: app.env: \(words)") }, "\(messages)")
    }

    @Test func `a file that belongs to somebody else is refused`() throws {
        let fixture = try fixture("WHERE=x\n")
        guard chown(fixture.folder["app.env"], 65_534, 65_534) == 0 else { return }
        #expect(try fixture.messages(text).contains { $0.contains("it belongs to user 65534") })
    }

    @Test func `a missing file is an error unless it may be absent`() throws {
        let optional = plainProfile + "\nenvironment-files: [-none.env, '-~/none.env']\n"
        #expect(try LoaderFixture().problems(optional).isEmpty)
        let messages = try LoaderFixture().messages(plainProfile + "\nenvironment-files: none.env\n")
        #expect(
            messages == [
                "app.yaml:9:20: environment-files: none.env: there is no such file; create it, or write `-none.env` if it may be absent"
            ])
    }

    @Test func `a variable that is nowhere names the files that were searched`() throws {
        let fixture = try fixture("OTHER=x\n")
        #expect(
            try fixture.messages(text).contains {
                $0.contains("WHERE is not set; looked in the environment and app.env")
            })
    }

    @Test func `a doubtful value is an error only where it is used`() throws {
        let fixture = try fixture("WHERE=x\nUNUSED=$2y$05\n")
        let profile = try fixture.load(text).profile
        #expect(profile.settings.environment == ["WHERE": "x"])
        let used = try self.fixture("WHERE=a$b\n").messages(text)
        #expect(used.contains { $0.contains("the value of WHERE in its environment file has a `$` and no quotes") })
        let secret = try self.fixture("WHERE=x\nRESTIC_PASSWORD=a$b\n").messages(text)
        #expect(secret.contains { $0.contains("repositories.local.password: the value of RESTIC_PASSWORD") })
        #expect(!secret.joined().contains("a$b"))
    }

    @Test func `problems inside a file are told with its own lines`() throws {
        #expect(
            try fixture("WHERE=x\nnonsense\n").messages(text).contains {
                $0.hasPrefix("app.env:2:1: this is no line of the form `NAME=value`")
            })
    }
}
