import Programs
import Testing

struct ResticVersionTests {
    @Test(arguments: ResticFixture.versions)
    func `the version is read from the program's own text`(version: String) throws {
        let text = "restic \(version) compiled with go1.19.8 on linux/amd64\n"
        #expect(ResticVersion(programOutput: text) == ResticVersion(version))
        #expect(ResticVersion(version)?.description == version)
    }

    @Test func `text that is no version is refused`() {
        #expect(ResticVersion(programOutput: "rustic 0.9.0") == nil)
        #expect(ResticVersion(programOutput: "restic") == nil)
        #expect(ResticVersion(programOutput: "restic version unknown") == nil)
        #expect(ResticVersion(programOutput: "") == nil)
    }

    @Test func `a development version counts as the release it grew from`() {
        #expect(ResticVersion(programOutput: "restic 0.19.1-dev (compiled manually)") == ResticVersion(0, 19, 1))
    }

    @Test func `versions compare by number and not by letter`() throws {
        #expect(ResticVersion(0, 9, 6) < ResticVersion(0, 14, 0))
        #expect(ResticVersion(0, 18, 1) > ResticVersion(0, 18, 0))
        #expect(!ResticVersion(0, 9, 6).isSupported)
        #expect(ResticVersion(0, 14, 0).isSupported)
    }

    @Test func `abilities begin where the change log says`() {
        #expect(!ResticVersion(0, 14, 0).printsFullSnapshotID)
        #expect(ResticVersion(0, 15, 0).printsFullSnapshotID)
        #expect(!ResticVersion(0, 16, 5).canDeleteOnRestore)
        #expect(ResticVersion(0, 17, 0).canDeleteOnRestore)
        #expect(!ResticVersion(0, 17, 3).checkSpeaksJSON)
        #expect(ResticVersion(0, 18, 0).checkSpeaksJSON)
    }
}
