import BackupModel
import ProfileLoader
import Testing

struct ProfileLoaderTests {
    @Test func `a small profile loads with its defaults`() throws {
        let profile = try LoaderFixture().load(plainProfile).profile
        #expect(profile.name.rawValue == "app")
        #expect(profile.host == "testhost")
        #expect(profile.sources.map(\.name.rawValue) == ["files"])
        #expect(profile.sources[0].kind == "files")
        #expect(profile.sources[0].settings["paths"]?.strings == ["/srv/app"])
        #expect(profile.primary?.name.rawValue == "local")
        #expect(profile.repositories[0].settings.text == "/srv/repo")
        #expect(profile.repositories[0].entry["password"]?.secret == .environment("RESTIC_PASSWORD"))
        #expect(profile.retention == RetentionPolicy())
        #expect(profile.settings == ProfileSettings())
        #expect(profile.ignoredKeys.isEmpty)
    }
}
