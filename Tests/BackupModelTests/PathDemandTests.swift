import BackupModel
import Testing

@Suite struct PathDemandTests {
    @Test(arguments: [
        ("/srv/app/.env", ".env", true), ("/srv/app/x.env", ".env", false), ("/srv/app/.env", "/srv/app/.env", true),
        ("/srv/app/secrets/db.age", "secrets/*.age", true), ("/srv/app/secrets/deep/db.age", "secrets/*.age", false),
        ("/srv/secrets/db.nix", "secrets/*.age", false), ("/srv/a", "/srv/?", true), ("/x/srv/a", "/srv/?", false),
        ("/srv/a[1]", "a[1]", true),
    ])
    func `a demand is a path, the end of one, or a pattern for its last components`(
        path: String, name: String, isMet: Bool
    ) {
        #expect(PathDemand.matches(path, name) == isMet)
    }
}
