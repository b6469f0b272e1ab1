import BackupModel
import Testing

@Suite("What a probe's findings mean")
struct AccessVerdictTests {
    /// Six letters, in the order of ``AccessRight``: y, n, or ? for what could not be told.
    private static func report(_ letters: String) -> AccessReport {
        var report = AccessReport([:])
        for (right, letter) in zip(AccessRight.allCases, letters) {
            report[right] = letter == "y" ? .allowed : letter == "n" ? .refused : .unknown("it rains")
        }
        return report
    }

    // list, read, put, overwrite, delete data, delete locks
    @Test(arguments: [
        ("yyyyyy", AccessVerdict.Effective.full), ("yyynyy", .full), ("yy??yy", .full), ("yyyyny", .appendOnly),
        ("yyynny", .appendOnly), ("yy??ny", .appendOnly), ("yyyynn", .noDelete), ("nnyynn", .writeOnly),
        ("nnynnn", .writeOnly), ("yynnnn", .readOnly), ("nynnnn", .readOnly), ("nnnnnn", .nothing), ("??????", nil),
        ("yyyy?y", nil), ("nnyyny", nil), ("nnyyyy", nil), ("ynyyny", nil), ("yynnyy", nil),
    ])
    func `rights amount to an access, or to none that has a name`(
        letters: String, effective: AccessVerdict.Effective?
    ) {
        let verdict = AccessVerdict(AccessVerdictTests.report(letters), claim: .auto, method: .mirror)
        #expect(verdict.effective == effective)
    }

    @Test(
        arguments: [
            (RepositoryAccess.full, "yyyyyy", []), (.appendOnly, "yyyyny", []), (.appendOnly, "yyynny", []),
            (.writeOnly, "nnyynn", []), (.auto, "yyyyyy", []), (.auto, "yyyyny", []), (.auto, "nnyynn", []),
            (.full, "yyyyny", ["`access: full`, and the credential may not delete data"]),
            (.full, "nnyynn", ["may not list, read, delete data and delete locks"]),
            (.appendOnly, "yyyyyy", ["`access: append-only`, and the credential may delete data"]),
            (.appendOnly, "nnyynn", ["may not list and read"]),
            (.writeOnly, "yyyyyy", ["may list, read, delete data and delete locks"]),
            (.writeOnly, "yyyynn", ["`access: write-only`, and the credential may list and read"]),
            (.writeOnly, "nnynny", ["and the credential may delete locks"]),
            (.writeOnly, "nnnnnn", ["may not put"]), (.auto, "yynnnn", ["may not put"]),
            // What is not known is no lie.
            (.full, "??????", []), (.appendOnly, "yyy??y", []), (.writeOnly, "??y???", []),
        ] as [(RepositoryAccess, String, [String])])
    func `a claim is false when what it promises is refused, or what it rules out is allowed`(
        claim: RepositoryAccess, letters: String, falsehoods: [String]
    ) {
        let verdict = AccessVerdict(AccessVerdictTests.report(letters), claim: claim, method: .mirror)
        #expect(verdict.falsehoods.count == falsehoods.count, "\(verdict.falsehoods)")
        for (failure, words) in zip(verdict.falsehoods, falsehoods) {
            #expect(failure.description.contains(words), "\(failure)")
            #expect(failure.kind == .badProfile && failure.hint != nil)
        }
    }

    @Test func `the hint names the access that would be true`() {
        let verdict = AccessVerdict(AccessVerdictTests.report("yyyyny"), claim: .full, method: .copy)
        #expect(verdict.falsehoods.first?.hint?.contains("`access: append-only`") == true)
    }

    @Test(arguments: [RepositoryAccess.auto, .appendOnly, .writeOnly])
    func `without a delete of locks nothing but a mirror works, and it is told so`(claim: RepositoryAccess) {
        let report = AccessVerdictTests.report(claim == .writeOnly ? "nnyynn" : "yyyynn")
        #expect(AccessVerdict(report, claim: claim, method: .mirror).falsehoods.isEmpty)
        for method in [FollowSpec.Method.copy, .backup] {
            let falsehoods = AccessVerdict(report, claim: claim, method: method).falsehoods
            #expect(falsehoods.count == 1 && falsehoods[0].hint?.contains("`by: mirror`") == true, "\(falsehoods)")
        }
        let primary = AccessVerdict(report, claim: claim, method: nil).falsehoods
        #expect(primary.count == 1 && primary[0].hint?.contains("mirror") == false, "\(primary)")
    }

    @Test(arguments: [
        ("yyyyyy", ["could delete every backup", "could read every backup"]),
        ("yyyyny", ["could replace files", "locks of those who are at work", "could read every backup"]),
        ("yyynny", ["neither change nor remove any", "locks of those", "could read every backup"]),
        ("yyy?ny", ["remove none", "locks of those", "could read every backup"]),
        ("nnyynn", ["could replace files", "could read nothing"]),
        ("nnynnn", ["neither change nor remove any", "could read nothing"]),
        ("yynnnn", ["could neither add nor remove", "could read every backup"]),
        ("ynynnn", ["neither change nor remove any", "could see names"]),
        ("??????", ["could not be told: it rains"]),
        ("nn??nn", ["could remove nothing. Whether one could add or replace", "could read nothing"]),
    ])
    func `a thief could do what the rights let him`(letters: String, sentences: [String]) {
        let thief = AccessVerdict(AccessVerdictTests.report(letters), claim: .auto, method: .mirror).thief
        #expect(thief.count == sentences.count, "\(thief)")
        for (sentence, words) in zip(thief, sentences) {
            #expect(sentence.contains(words) && sentence.hasSuffix("."), "\(sentence)")
        }
    }
}
