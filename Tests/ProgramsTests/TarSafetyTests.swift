import Programs
import TestSupport
import Testing

@Suite("What an archive may unpack to")
struct TarSafetyTests {
    private func admit(_ archive: TarBuilder) throws {
        var safety = TarSafety()
        for member in try TarReading(archive.archive).members { try safety.admit(member.entry) }
    }

    @Test
    func `an ordinary tree with links that lead anywhere is admitted`() throws {
        try admit(
            TarBuilder().adding("./", type: "5").adding("./.hermes/", type: "5").adding(".hermes/a..b", content: "x")
                .adding(".hermes/python", type: "2", link: "/usr/bin/python3")
                .adding(".hermes/up", type: "2", link: "../../elsewhere")
                .adding(".hermes/other", type: "1", link: ".hermes/a..b")
                .adding(".hermes/another python", type: "1", link: ".hermes/python")
                .adding(".hermes/pythons/3", content: "x").adding(".hermes/upper", content: "x"))
    }

    static let escapes: [(String, TarBuilder)] = [
        ("an absolute path", TarBuilder().adding("/etc/passwd", content: "x")),
        ("..", TarBuilder().adding("a/../../b", content: "x")),
        ("a folder called ..", TarBuilder().adding("..", type: "5")),
        (
            "through a symbolic link",
            TarBuilder().adding("a/out", type: "2", link: "/etc").adding("./a//out/passwd", content: "x")
        ),
        (
            "through a symbolic link that stays inside",
            TarBuilder().adding("in", type: "2", link: "a").adding("in/file", content: "x")
        ),
        (
            "in the place of a symbolic link",
            TarBuilder().adding("out", type: "2", link: "/etc/passwd").adding("out", content: "x")
        ),
        (
            "a folder in the place of a symbolic link",
            TarBuilder().adding("out", type: "2", link: "/etc").adding("out/", type: "5")
        ),
        (
            "through another name of a symbolic link",
            TarBuilder().adding("out", type: "2", link: "/etc").adding("also", type: "1", link: "out")
                .adding("also/passwd", content: "x")
        ),
        ("a hard link to an absolute path", TarBuilder().adding("a", type: "1", link: "/etc/shadow")),
        ("a hard link upwards", TarBuilder().adding("a", type: "1", link: "../shadow")),
        (
            "a hard link through a symbolic link",
            TarBuilder().adding("out", type: "2", link: "/etc").adding("a", type: "1", link: "out/shadow")
        ),
        ("a character device", TarBuilder().adding("a", type: "3")),
        ("a block device", TarBuilder().adding("a", type: "4")),
        ("a pipe", TarBuilder().adding("a", type: "6")),
        ("an unknown type", TarBuilder().adding("a", type: "Q")),
        ("the folder itself as a file", TarBuilder().adding(".", content: "x")),
    ]

    @Test(arguments: escapes.indices)
    func `what would leave its folder is refused by its name`(index: Int) throws {
        let (what, archive) = Self.escapes[index]
        do {
            try admit(archive)
            Issue.record("\(what) was admitted")
        } catch let error as TarError {
            guard case .refused = error else { throw error }
            #expect(error.description.contains("` in the tar archive "), "\(error)")
        }
    }
}
