import Programs
import Testing

@Suite("Rows that a server took in")
struct PostgreSQLLoadedRowsTests {
    private func read(_ text: String) -> PostgreSQLLoadedRows {
        let rows = PostgreSQLLoadedRows()
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            Array(line.utf8).withUnsafeBytes { rows.read(line: $0) }
        }
        return rows
    }

    @Test(arguments: [
        ("COPY public.t (a, b) FROM stdin;\nCOPY 3", "public.t"),
        // Whether a name is quoted is a matter of the keywords that each program knows.
        ("COPY public.\"t\" (a) FROM stdin;\nCOPY 3", "public.t"),
        ("COPY public.t (a) FROM stdin;\nCOPY 3", "\"public\".\"t\""),
        ("COPY \"My s.\".\"od \"\"d (x)\" (a) FROM stdin;\nCOPY 3", "\"My s.\".\"od \"\"d (x)\""),
        // A table without columns.
        ("COPY public.t  FROM stdin;\nCOPY 3", "public.t"),
        ("CREATE TABLE\nCOPY a.u (x) FROM stdin;\nCOPY 9\nCOPY a.t (x) FROM stdin;\nCOPY 3", "a.t"),
    ])
    func `the number behind a table is its rows`(text: String, table: String) {
        #expect(read(text).rows(of: table) == 3)
    }

    @Test(arguments: [
        "", "COPY 3", "COPY public.t (a) FROM stdin;", "COPY public.t (a) FROM stdin;\nERROR\nCOPY 3",
        "COPY public.u (a) FROM stdin;\nCOPY 3", "COPY public.t (a) FROM stdin; -- x\nCOPY 3",
        "COPY public.t (a) TO stdout;\nCOPY 3", "COPY public.\"t (a) FROM stdin;\nCOPY 3",
        // The text of a function that says so, before or after what it speaks of.
        "COPY public.t (a) FROM stdin;\nCOPY 3\nCOPY public.t (a) FROM stdin;\nCOPY 3",
    ])
    func `what is not beyond doubt is not known`(text: String) {
        #expect(read(text).rows(of: "public.t") == nil)
    }
}
