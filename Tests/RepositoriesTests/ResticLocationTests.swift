import Repositories
import Testing

@Suite("Locations of repositories")
struct ResticLocationTests {
    @Test(arguments: [
        "/srv/backup", "~/backup", "./s4:x", "../x", "backup", "folder/with:colon", "local:/srv", "s3:https://host/b",
        "rest:http://h/",
        "sftp:backup@nas:/srv", "rclone:remote:path", "s3://bucket/x",
    ])
    func `what is meant as it stands is no mistake`(text: String) {
        #expect(ResticLocation.mistake(in: text) == nil)
    }

    /// Each would otherwise become a folder on this machine, and the backup there a success.
    @Test(arguments: [
        ("ftp://x/y", "`ftp:` is no kind of address"), ("s4:https://x/y", "`s4:` is no kind of address"),
        ("backup@nas:/srv/x", "sftp:backup@nas:/srv/x"),
    ])
    func `an address that was mistyped is not taken for a folder`(text: String, words: String) {
        #expect(ResticLocation.mistake(in: text)?.contains(words) == true)
    }
}
