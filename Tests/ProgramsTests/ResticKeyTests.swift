import BackupModel
import Foundation
import Programs
import Testing

@Suite("Keys of restic")
struct ResticKeyTests {
    private let restic: Restic

    init() throws {
        var restic = Restic(
            location: "/srv/repository", version: try #require(ResticVersion(programOutput: "restic 0.14.0 compiled")),
            cache: .none)
        restic.secrets = [
            .memoryFile(variable: "RESTIC_PASSWORD_FILE", Secret("old")), .environment(variable: "KEY", Secret("k")),
        ]
        self.restic = restic
    }

    @Test func `a new password is handed over in memory, and stands in no argument`() {
        let command = restic.addKey(Secret("hunter2"), user: "safe", host: "")
        #expect(command.arguments.suffix(3) == ["key", "add", "--user=safe"])
        #expect(command.secrets.contains(.memoryFileArgument("--new-password-file=", Secret("hunter2"))))
        #expect(!command.displayed.contains("hunter2"))
    }

    @Test func `another password takes the place of the one in use, and of nothing else`() {
        let command = restic.opening(with: Secret("new")).removeKey("0123")
        #expect(command.arguments.suffix(4) == ["key", "remove", "--", "0123"])
        #expect(
            command.secrets == [
                .memoryFile(variable: "RESTIC_PASSWORD_FILE", Secret("new")),
                .environment(variable: "KEY", Secret("k")),
            ])
    }

    /// As restic 0.14.0 and 0.19.1 print it.
    @Test func `which key is ours, and since when, is read from its list`() throws {
        let text = #"""
            [{"current":false,"id":"077fbe19","userName":"safe","hostName":"h1","created":"2026-11-21 23:00:28"},
             {"current":true,"id":"f343ff9b","userName":"root","hostName":"vm","created":"yesterday"}]
            """#
        let keys = try #require(ResticListing.keys(Array(text.utf8)))
        #expect(keys.map(\.id) == ["077fbe19", "f343ff9b"] && keys.map(\.isOurs) == [false, true])
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .current
        let made = try #require(keys[0].created)
        #expect(
            calendar.dateComponents([.day, .hour, .second], from: made) == DateComponents(day: 21, hour: 23, second: 28)
        )
        #expect(keys[1].created == nil)
        #expect(ResticListing.keys(Array("Fatal: no".utf8)) == nil)
    }
}
