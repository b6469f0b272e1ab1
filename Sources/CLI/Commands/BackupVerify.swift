import ArgumentParser
import BackupEngine
import BackupModel

/// `holdfast backup verify`
struct BackupVerify: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Test the repository.",
        usage: "holdfast backup verify [--data <percent> | --scrub] [--offsite] [<options>]",
        discussion: """
            Without options the structure is tested. --data 5% also reads a twentieth of
            all data, another one each time; twenty such runs have read everything.
            Where the offsite credential may only write, what was sent is compared with
            what is here, and that nothing was read is said.
            --scrub hashes the repository's files against their names: it needs no
            password, uses all cores, and names a damaged file. None of them goes through
            the cache.

            Example: holdfast backup verify --data 5%
            """)

    @Option(help: ArgumentHelp("Read this share of the data, such as 5%.", valueName: "percent"))
    var data: Percentage?

    @Flag(help: "Hash the repository's files against their names.")
    var scrub = false

    @Option(help: ArgumentHelp("Wait this long for another run's lock, as in 10m.", valueName: "time"))
    var lockWait: TimeSpan?

    @Flag(help: "Run as a timer does: only when `schedule:` says that it is due, recorded as scheduled.")
    var scheduled = false

    @OptionGroup var key: IdentityOption

    @OptionGroup var place: OffsiteOptions

    @OptionGroup var global: GlobalOptions

    func validate() throws {
        if scrub, data != nil { throw ValidationError("--scrub and --data are two different tests; give one of them") }
    }

    func perform(_ console: Console) async throws -> ExitStatus {
        let live = try place.live(global, console, identity: key.path)
        let depth: VerifyRequest.Depth = scrub ? .scrub : data.map { .data(percent: $0.value) } ?? .structure
        if let status = try unread(live, console) { return status }
        let engine = try await live.engine(place)
        if scheduled, !place.isWanted, try !DueViews.isDue(.verify, engine, console) { return .success }
        var request = VerifyRequest(depth: depth, lockWait: lockWait?.duration)
        if scheduled { request.trigger = "scheduled" }
        let report = await VerifyRun(engine, request).run()
        if depth != .scrub, report.record.outcome == .succeeded { try live.prove(engine.primary) }
        let status = RunReport.show(report.record, console)
        if console.isJSON { console.print(document(report).text()) }
        if !console.isJSON, !console.isQuiet { show(report, console) }
        await live.tell(of: report.record, engine)
        return status
    }

    /// What can be said of a follower whose credential reads nothing: what was sent, and that nothing was read.
    /// - Returns: `nil` where it can be read.
    private func unread(_ live: Live, _ console: Console) throws -> ExitStatus? {
        guard place.isWanted, place.credentials == nil else { return nil }
        let spec = try place.spec(live)
        guard !spec.access.mayRead,
            let sent = try live.engine().followers.first(where: { $0.spec.name == spec.name })?.acknowledged()
        else { return nil }
        let isWhole = sent.acknowledged == sent.files
        if console.isJSON {
            console.print(
                JSONValue.object([
                    ("event", .string("acknowledged")), ("repository", .string(spec.name.rawValue)),
                    ("files", JSONValue(sent.files)), ("acknowledged", JSONValue(sent.acknowledged)),
                    ("bytes", JSONValue(sent.bytes)), ("read", .string("nothing")),
                ]).text())
        } else {
            console.print(
                "\(spec.name): \(sent.acknowledged) of \(Words.count(sent.files, "file")) of the primary were sent and "
                    + "acknowledged with their digests, \(sent.bytes)")
        }
        console.warn(
            "nothing that is stored at \(spec.name) was read, for its credential may not: whether it is still there and whole, "
                + "`--credentials FILE` with one that may read tells")
        if !isWhole {
            console.warn(
                "\(Words.count(sent.files - sent.acknowledged, "file")) must still go there: `backup --offsite`")
        }
        return isWhole ? .success : .overdue
    }

    private func show(_ report: VerifyRun.Report, _ console: Console) {
        if report.record.outcome == .succeeded, !scrub {
            switch data?.value {
            case nil:
                console.print(
                    "tested that everything a restore needs is there; its content was not read (`--data 5%` reads some, "
                        + "`--data 100%` all)")
            case .some(100):
                console.print("tested that everything a restore needs is there, and read all of its content")
            case .some: console.print("tested that everything a restore needs is there, and read some of its content")
            }
        }
        if let slice = report.slice {
            console.print("read slice \(slice.index) of \(slice.count); the next run reads the next one")
        }
        if let scrub = report.scrub {
            console.print("hashed \(Words.count(scrub.files, "file")), \(scrub.bytes)")
            for file in scrub.damaged { console.print("damaged: \(Console.harmless(file))") }
            for (file, why) in scrub.unreadable.sorted(by: { $0.key < $1.key }) {
                console.print("unreadable: \(Console.harmlessName(file)): \(why)")
            }
            for file in scrub.leftovers { console.print("left by a write that was killed, harmless: \(file)") }
            for file in scrub.unexpected { console.print("does not belong there: \(Console.harmless(file))") }
        }
        for line in report.verify?.errors ?? [] { console.print(Console.harmless(line)) }
    }
}

extension BackupVerify {
    private func document(_ report: VerifyRun.Report) -> JSONValue {
        .object([
            ("event", .string("verified")),
            ("read", .string(scrub || data?.value == 100 ? "all" : data == nil ? "nothing" : "some")),
            (
                "slice",
                report.slice.map { .object([("index", JSONValue($0.index)), ("count", JSONValue($0.count))]) } ?? .null
            ),
            ("errors", JSONValue(report.verify?.errors ?? [])),
            ("damaged", JSONValue((report.verify?.damagedFiles ?? []) + (report.scrub?.damaged ?? []))),
            ("unreadable", JSONValue(report.scrub?.unreadable ?? [:])),
            ("unexpected", JSONValue(report.scrub?.unexpected ?? [])),
            ("leftovers", JSONValue(report.scrub?.leftovers ?? [])),
            ("files", JSONValue(report.scrub?.files)), ("bytes", JSONValue(report.scrub?.bytes)),
        ])
    }
}

/// `5%`, `0.5%`, `100`
struct Percentage: ExpressibleByArgument {
    var value: Double
    init?(argument: String) {
        let text = argument.hasSuffix("%") ? String(argument.dropLast()) : argument
        guard let value = Double(text), value > 0, value <= 100 else { return nil }
        self.value = value
    }
}
