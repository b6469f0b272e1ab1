import BackupModel
import Foundation
import ProfileLoader
import TestSupport
import Testing

struct EffectiveProfileTests {
    private func fixture() throws -> LoaderFixture {
        let fixture = try LoaderFixture(["KEEP": "9", "HOST": "na me", "ODD": "a: #b\n$c"])
        try fixture.folder.write(
            "nice: 3\nrepositories:\n  local: { restic: 'rest:https://me:hunter2@host/', password: env:P }\n",
            to: "base.yaml")
        return fixture
    }

    private let text = """
        profile: app
        extends: base.yaml
        host: ${HOST}
        description: ${ODD}
        retention: { daily: '${KEEP}', weekly: '${NONE:-4}' }
        sources:
          db: { postgres: { database: app, password: env:DB } }
          job: { command: { run: [/bin/job, "true", "7", "${KEEP}", "$${X}", ""], environment: { API_KEY: literal-key, MODE: fast } } }
          off: { when: "", files: /x }
        repositories:
          local: { environment: { B: file:/b } }
        schedule: { backup: daily 02:00, drill: monthly }
        objectives: { key-age: 90d }
        notify: [{ pigeon: loft }]
        """

    @Test func `every value says where it came from`() throws {
        let fixture = try fixture()
        let yaml = try fixture.load(text).effective.yaml.replacingOccurrences(of: fixture.folder.path + "/", with: "")
        for line in [
            "nice: 3  # base.yaml:1", "host: \"na me\"  # $HOST (environment)", "  daily: 9  # $KEEP (environment)",
            "  weekly: 4  # default of $NONE", "      port: 5432  # default", "      password: env:DB  # app.yaml:7",
            "    password: env:P  # base.yaml:3", "  minimum: 1  # default", "parallel: 2  # default",
            "# switched off by its `when:`: sources.off",
            "# loads, and this version does not act on it: notify",
        ] { #expect(yaml.contains("\n" + line + "\n"), "\(line)\n\(yaml)") }
    }

    @Test func `secrets are not shown`() throws {
        let effective = try fixture().load(text).effective
        for shown in [effective.yaml, effective.json] {
            #expect(!shown.contains("hunter2") && !shown.contains("literal-key"))
            #expect(shown.contains("rest:https://me:‹redacted›@host/"))
            #expect(shown.contains("env:DB"))
        }
    }

    @Test func `what is shown loads to the same`() throws {
        let fixture = try fixture()
        let harmless = text.replacingOccurrences(of: "API_KEY: literal-key, ", with: "")
            .replacingOccurrences(of: "local: { ", with: "local: { restic: /r, ")
        let first = try fixture.load(harmless)
        let second = try fixture.load(first.effective.yaml, as: "shown.yaml")
        #expect(second.effective.files == [fixture.folder["shown.yaml"]])
        #expect(second.profile.sources[1].settings["run"]?.strings == ["/bin/job", "true", "7", "9", "${X}", ""])
        #expect(second.profile.host == "na me")
        #expect(second.effective.root["description"]?.text == "a: #b\n$c")
        let third = try fixture.load(second.effective.yaml, as: "again.yaml")
        #expect(third.profile.digest == second.profile.digest)
    }

    @Test func `the JSON form has values and origins`() throws {
        let fixture = try fixture()
        let json = try fixture.load(text).effective.json
        let object = try #require(JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
        let origins = try #require(object["origins"] as? [String: String])
        #expect(origins["retention.daily"] == "$KEEP (environment)")
        #expect(origins["nice"] == fixture.folder["base.yaml"] + ":1")
        #expect(origins["sources.job.command.run[0]"] == fixture.folder["app.yaml"] + ":8")
        let values = try #require(object["values"] as? [String: Any])
        #expect((values["retention"] as? [String: Any])?["daily"] as? Int == 9)
        #expect(object["disabled"] as? [String] == ["sources.off"])
    }
}
