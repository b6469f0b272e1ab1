import BackupEngine
import BackupModel
import Testing

@Suite("Looking for files in a restore point")
struct FileQueryTests {
    private static let entries = [
        ("/srv/app", "2026-11-01T08:00:00Z"), ("/srv/app/Invoice 7.pdf", "2026-11-19T08:00:00.5+01:00"),
        ("/srv/app/old.pdf", "2025-02-01T08:00:00Z"), ("/srv/app/deep", "2026-11-20T08:00:00Z"),
        ("/srv/app/deep/since 2026.txt", "2026-11-21T23:59:59Z"),
    ]

    private func found(_ text: String) throws -> [String] {
        let query = try #require(FileQuery(text))
        return Self.entries.filter { path, modified in
            query.pattern.matches(path)
                && query.matches(SnapshotEntry(path: path, type: .file, size: 1, modified: modified))
        }.map(\.0)
    }

    @Test(arguments: [
        ("invoice", ["/srv/app/Invoice 7.pdf"]), ("*.pdf", ["/srv/app/Invoice 7.pdf", "/srv/app/old.pdf"]),
        ("/srv/app/", ["/srv/app/Invoice 7.pdf", "/srv/app/old.pdf", "/srv/app/deep"]), ("/", []),
        ("since 2026-11-20", ["/srv/app/deep", "/srv/app/deep/since 2026.txt"]),
        ("pdf until 2025", ["/srv/app/old.pdf"]),
        ("/srv/app/ since 2026-11 until 2026-11-19", ["/srv/app/Invoice 7.pdf"]),
        ("until 2026-11-21 since 2026-11-21", ["/srv/app/deep/since 2026.txt"]),
        ("since", ["/srv/app/deep/since 2026.txt"]),
    ])
    func `a name, a folder or days choose`(text: String, paths: [String]) throws {
        #expect(try found(text) == paths)
    }

    @Test(arguments: ["since yesterday", "pdf until 11-20", "x since 2026-11-20-01"])
    func `a date that is none is told`(text: String) {
        #expect(FileQuery(text) == nil)
    }
}
