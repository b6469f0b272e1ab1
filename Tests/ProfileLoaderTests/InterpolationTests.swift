import BackupModel
import Foundation
import ProfileLoader
import Testing

struct InterpolationTests {
    private func fixture(_ environment: [String: String] = [:]) throws -> LoaderFixture {
        try LoaderFixture(environment)
    }

    private func host(_ text: String, _ environment: [String: String] = [:]) throws -> String {
        try fixture(environment).load(plainProfile + "\nhost: \(text)\n").profile.host
    }

    @Test(arguments: [
        ("${NAME}", "value"), ("a${NAME}b", "avalueb"), ("${NAME:-other}", "value"), ("${NONE:-other}", "other"),
        ("${EMPTY:-other}", "other"), ("x${NONE:+set}", "x"), ("x${NAME:+set}", "xset"), ("${NONE:-${NAME}}", "value"),
        ("${NONE:-${ALSO_NONE:-deep}}", "deep"), ("$${NAME}", "${NAME}"), ("a$b", "a$b"), ("cost$", "cost$"),
        ("${NONE:-a}b}", "ab}"),
        ("'${NAME}'", "value"), ("${NAME:?must be set}", "value"), ("x${NONE:-}", "x"), ("${LOOK}", "${NAME}"),
    ])
    func `variables are filled in`(_ text: String, _ expected: String) throws {
        #expect(try host(text, ["NAME": "value", "EMPTY": "", "LOOK": "${NAME}"]) == expected)
    }

    @Test(arguments: [
        ("${NONE}", "NONE is not set; looked in the environment. Set it"),
        ("${NONE:?fill it in}", "NONE is not set: fill it in (looked in the environment)"),
        ("${NAME", "is not closed"), ("${}", "is none of"), ("${1X}", "is none of"), ("${NAME-x}", "is none of"),
        ("${NAME:=x}", "is none of"), ("${NA ME}", "is none of"),
    ])
    func `what cannot be filled in is told with its key and place`(_ text: String, _ words: String) throws {
        let messages = try fixture(["NAME": "v"]).messages(plainProfile + "\nhost: '\(text)'\n")
        #expect(messages.count == 1)
        #expect(messages[0].hasPrefix("app.yaml:9:7: host: ") && messages[0].contains(words), "\(messages)")
    }

    @Test func `a plain scalar is typed anew and a quoted one stays a string`() throws {
        let profile = try fixture(["N": "7", "FLAG": "true"]).load(
            plainProfile.replacingOccurrences(of: "[/srv/app]", with: "[/srv/app], exclude-caches: '${FLAG}'")
                + "\nnice: ${N}\nhost: '${N}'\nretention: {daily: '${N}'}\n"
        ).profile
        #expect(profile.settings.niceness == 7)
        #expect(profile.host == "7")
        #expect(profile.retention.daily == 7)
        #expect(profile.sources[0].settings["exclude-caches"]?.boolean == true)
        #expect(
            try fixture(["N": "many"]).messages(plainProfile + "\nnice: ${N}\n") == [
                "app.yaml:9:7: nice: wants an integer from 0 to 19, not `many` (a string)"
            ])
    }

    @Test func `within brackets a variable wants quotes, and the message says so`() throws {
        let messages = try fixture(["N": "7"]).messages(plainProfile + "\nretention: { daily: ${N} }\n")
        #expect(messages == ["app.yaml:9:22: within `{ }` and `[ ]` a `${…}` wants quotes: `\"${NAME}\"`"])
    }

    @Test func `JSON, which must quote, can fill in numbers too`() throws {
        let json = """
            {"profile": "app", "nice": "${N:-3}", "sources": {"a": {"files": "/srv"}},
             "repositories": {"local": {"restic": "/r", "password": "env:P"}}}
            """
        #expect(try fixture().load(json, as: "app.json").profile.settings.niceness == 3)
        #expect(
            try fixture().messages(json.replacingOccurrences(of: "${N:-3}", with: "3"), as: "app.json") == [
                "app.json:1:28: nice: wants an integer from 0 to 19, not `3` (a string); write it without quotes"
            ])
    }

    @Test(arguments: [
        ("", false), ("false", false), ("0", false), ("no", false), ("NO", false), ("~", false), ("yes", true),
        ("1", true),
    ])
    func `when decides first`(_ value: String, _ isOn: Bool) throws {
        let text =
            plainProfile + """

                  offsite:
                    when: \(value)
                    restic: ${UNSET}
                    nonsense: true
                    follows: local
                """
        if isOn {
            #expect(try fixture().problems(text).count == 2)
        } else {
            let profile = try fixture().load(text).profile
            #expect(profile.repositories.map(\.name.rawValue) == ["local"])
            #expect(profile.disabled == ["repositories.offsite"])
        }
    }

    @Test func `when sees variables, unset ones as empty`() throws {
        let text = plainProfile.replacingOccurrences(
            of: "repositories:", with: "  extra:\n    when: ${WANT_EXTRA}\n    files: ${EXTRA}\nrepositories:")
        #expect(try fixture().load(text).profile.disabled == ["sources.extra"])
        #expect(try fixture(["WANT_EXTRA": "1", "EXTRA": "/x"]).load(text).profile.sources.count == 2)
    }

    @Test func `a source switched off may still be the last one missed`() throws {
        let text = plainProfile.replacingOccurrences(of: "files: { paths", with: "when: false\n    files: { paths")
        #expect(
            try fixture().messages(text).contains {
                $0.contains("at least one source; switched off by `when:`: sources.files")
            })
    }

    @Test(arguments: ["DB_PASSWORD", "API_TOKEN", "AWS_SECRET_ACCESS_KEY", "BACKUP_PASSPHRASE", "CLIENT_SECRET"])
    func `a secret may not become part of a plain value`(_ name: String) throws {
        let fixture = try fixture([name: "s3cr3t-value"])
        for line in ["host: ${\(name)}", "scratch: /tmp/${\(name)}", "description: ${X:-${\(name)}}"] {
            let messages = try fixture.messages(plainProfile + "\n\(line)\n")
            #expect(
                messages.contains { $0.contains("\(name) holds a secret and may not become part of a plain value") })
            #expect(!messages.joined().contains("s3cr3t-value"))
        }
        // That it is there may decide something.
        #expect(try fixture.problems(plainProfile + "\nhost: h${\(name):+x}\n").isEmpty)
    }

    @Test func `what the profile itself calls a secret is one whatever its name`() throws {
        let messages = try fixture(["HARMLESS": "x"]).messages(
            plainProfile.replacingOccurrences(of: "RESTIC_PASSWORD", with: "HARMLESS") + "\nhost: ${HARMLESS}\n")
        #expect(messages.count == 1 && messages[0].contains("HARMLESS holds a secret"))
    }

    @Test func `a password inside an address that a variable brings is refused where secrets are`() throws {
        let text = plainProfile.replacingOccurrences(of: "[/srv/app]", with: "['${WHERE}']")
        let messages = try fixture(["WHERE": "rest:https://me:hunter2@host/"]).messages(text)
        #expect(messages.contains { $0.contains("has a password in it") })
        #expect(!messages.joined().contains("hunter2"))
    }

    @Test func `a secret written into a secret's place is refused and not repeated`() throws {
        let messages = try fixture().messages(
            plainProfile.replacingOccurrences(of: "env:RESTIC_PASSWORD", with: "hunter2"))
        #expect(messages.count == 1 && messages[0].contains("a secret itself may not stand in a profile"))
        #expect(!messages[0].contains("hunter2"))
    }
}
