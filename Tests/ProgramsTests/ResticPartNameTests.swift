import BackupModel
import Programs
import Testing

struct ResticPartNameTests {
    @Test(arguments: ["/postgres/db.sql", "/a/b/c%2Fd", "/a/%", "/x/ä b"])
    func `a name made flat is read back`(path: String) {
        let flat = ResticPartName.flat(path)
        #expect(!ResticPartName.isNested(flat))
        #expect(ResticPartName.partPath(flat) == path)
    }

    @Test func `only the version that needs it stores another name`() {
        let path = PartPath(rawValue: "/postgres/db.sql")
        #expect(ResticPartName.stored(path, by: ResticVersion(0, 18, 0)) == "/holdfast%2Fpostgres%2Fdb.sql")
        for version in [
            ResticVersion(0, 14, 0), ResticVersion(0, 17, 3), ResticVersion(0, 18, 1), ResticVersion(0, 19, 1),
        ] {
            #expect(ResticPartName.stored(path, by: version) == "/postgres/db.sql")
        }
        #expect(
            ResticPartName.stored(PartPath(rawValue: "/manifest.json"), by: ResticVersion(0, 18, 0)) == "/manifest.json"
        )
    }

    @Test(arguments: ["/postgres/db.sql", "/a%2Fb", "/holdfast%2Fx/y", "/", "/holdfast"])
    func `other paths are themselves`(path: String) {
        #expect(ResticPartName.partPath(path) == path)
    }
}
