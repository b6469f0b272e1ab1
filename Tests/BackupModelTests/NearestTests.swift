import BackupModel
import Testing

@Suite("What was most likely meant")
struct NearestTests {
    private static let commands = ["backup", "restore", "list", "prune", "verify", "doctor"]

    @Test(arguments: [
        ("restroe", "restore"), ("lsit", "list"), ("bakup", "backup"), ("Verify", "verify"), ("docter", "doctor"),
        ("prunee", "prune"),
    ])
    func `a typo is near`(word: String, meant: String) {
        #expect(Nearest.match(word, in: Self.commands) == meant)
    }

    @Test(arguments: ["", "x", "hub", "restart-everything"])
    func `another word is not`(word: String) {
        #expect(Nearest.match(word, in: Self.commands) == nil)
    }

    @Test func `of equals the first by its letters is taken`() {
        #expect(Nearest.match("lost", in: ["list", "last"]) == "last")
        #expect(Nearest.match("list", in: []) == nil)
    }
}
