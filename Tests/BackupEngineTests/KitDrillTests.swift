import BackupModel
import Foundation
import TestSupport
import Testing

@testable import BackupEngine

@Suite("Drills by a kit")
struct KitDrillTests {
    private let bench: Bench
    private static let two = [ScriptedSource("db"), ScriptedSource("web")]

    init() throws { bench = try Bench() }

    /// What a sheet said, and that each part came back as it was as far as its files tell.
    private func result(
        _ parts: [ManifestPart], said lines: [String], failure: Failure? = nil
    ) -> KitRehearsal.Result {
        KitRehearsal.Result(
            section: bench.repository.spec.name, duration: .seconds(10),
            parts: parts.map { KitRehearsal.Proof(part: $0, proofs: ["1 byte"], unproven: []) },
            words: KitWords(lines), failure: failure)
    }

    private func drill(
        of backup: RunRecord, said lines: [String], failure: Failure? = nil,
        engine change: (inout Engine) -> Void = { _ in }
    ) async throws -> (run: RunRecord, drill: DrillRecord) {
        var engine = bench.engine(Self.two)
        change(&engine)
        let rehearsed = result(backup.parts.sorted { $0.source < $1.source }, said: lines, failure: failure)
        let run = await KitDrill(engine, DrillRequest()) { _ in rehearsed }.run()
        return (run, try #require(run.drill))
    }

    private func standing() throws -> Standing {
        try #require(StandingReview(bench.engine(Self.two)).standings.first { $0.subject == .drill })
    }

    @Test func `a sheet that brought all back as it was is a proof, and its own words of a part are its proofs`()
        async throws
    {
        let backup = await bench.backup(Self.two)
        let (run, drill) = try await drill(of: backup, said: ["proven: all of it", "ok: db /data", "ok: web /data"])
        #expect(run.outcome == .succeeded && drill.isWholeProof && drill.point == backup.id, "\(run.failures)")
        #expect(try standing().lastSuccess == run.started)
    }

    @Test func `what the script found wrong is a finding of the part that it was loading, and no proof of anything`()
        async throws
    {
        let backup = await bench.backup(Self.two)
        let wrong = "database db: t has 3 rows, and had 5 when it was backed up"
        let (run, drill) = try await drill(
            of: backup,
            said: [
                "ok: db /data", "ok: web /data", "WRONG: \(wrong)", "FAILED: db /data: load it into database db",
                "stop: this did not come back whole: db /data: load it into database db",
            ], failure: Failure("the sheet did not bring everything back (exit code 1)", kind: .unproven))
        #expect(drill.verdict == .failed && run.outcome == .failed && run.exitStatus(strict: false) == .failed)
        #expect(drill.parts.map(\.verdict) == [.failed, .proven])
        #expect(drill.parts[0].findings == [DrillFinding(wrong)])
        #expect(run.says("db /data: \(wrong)"))
        #expect(try standing().lastSuccess == nil)
    }

    @Test(arguments: [["stop: missing: restic"], ["FAILED: something else", "stop: this"], []])
    func `a script that failed for what is no part's fault alone proves none of them`(said: [String]) async throws {
        let backup = await bench.backup(Self.two)
        let (run, drill) = try await drill(of: backup, said: said, failure: Failure("exit code 1", kind: .unproven))
        #expect(drill.verdict == .failed && drill.parts.map(\.verdict) == [.failed, .failed], "\(drill.parts)")
        #expect(run.outcome == .failed)
    }

    @Test func `what the sheet says is not proven keeps its part from being so, with what to do`() async throws {
        let backup = await bench.backup(Self.two)
        for said in [
            ["not proven: db /data: load it into database db: PGHOST is not set, so it stays a file", "ok: web /data"],
            ["ok: web /data", "not proven: the rows of database db: they were not counted", "ok: db /data: load it"],
        ] {
            let (run, drill) = try await drill(of: backup, said: said)
            #expect(drill.parts.map(\.verdict) == [.unproven, .proven], "\(drill.parts)")
            #expect(run.outcome == .partial && run.exitStatus(strict: false) == .overdue)
            #expect(run.failures.first?.hint?.contains("holdfast drill db") == true, "\(run.failures)")
            #expect(drill.parts[0].unproven.allSatisfy { said.joined().contains($0) })
        }
        // Of whom it was said is not known: then of none is all known.
        let (_, unknown) = try await drill(of: backup, said: ["not proven: something"])
        #expect(unknown.parts.map(\.verdict) == [.unproven, .unproven])
        #expect(try standing().lastSuccess == nil)
    }

    @Test func `what the profile demands of a source is not asked by a sheet, and that is said`() async throws {
        let backup = await bench.backup(Self.two)
        let (run, drill) = try await drill(of: backup, said: []) {
            $0.profile.sources[1].drill.assertions = [.init(database: nil, query: "SELECT true")]
        }
        #expect(drill.parts.map(\.verdict) == [.proven, .unproven] && run.outcome == .partial)
        #expect(run.says("what the profile demands of it") && run.failures.first?.hint?.contains("drill web") == true)
    }

    @Test func `the evidence names the point that the sheet restores, which need not be the newest`() async throws {
        let old = await bench.backup(Self.two)
        let new = await bench.backup(Self.two)
        let aged = try await drill(of: old, said: []).drill
        #expect(aged.point == old.id && aged.parts.allSatisfy { $0.run == old.id })
        #expect(aged.pointTime.map { $0 < new.started } == true)
        #expect(try await drill(of: new, said: []).drill.point == new.id)
    }

    @Test(arguments: [true, false])
    func `what its key is kept elsewhere for stays closed, and is excused where the profile says so`(isAccepted: Bool)
        async throws
    {
        let backup = await bench.backup(Self.two)
        var engine = bench.engine(Self.two)
        for index in engine.profile.sources.indices {
            engine.profile.sources[index].drill.acceptsUnopened = isAccepted
        }
        var rehearsed = result(
            backup.parts, said: ["not proven: …/db/x.age: it was not opened", "ok: db /data", "ok: web /data"])
        rehearsed.parts = rehearsed.parts.map { proof in
            guard proof.part.source.rawValue == "db" else { return proof }
            var proof = proof
            proof.part.encryption = PartEncryption(
                recipients: Recipients(.age, ["age1x"]), part: proof.part.part, bytes: 1, files: nil, base: nil)
            proof.unproven = ["what is inside: it was not opened"]
            return proof
        }
        let done = rehearsed
        let run = await KitDrill(engine, DrillRequest()) { _ in done }.run()
        #expect(run.outcome == (isAccepted ? .succeeded : .partial), "\(run.failures)")
        let part = try #require(run.drill?.parts.first { $0.source.rawValue == "db" })
        #expect(part.excused.count == (isAccepted ? 2 : 0) && part.remedies.isEmpty == isAccepted, "\(part)")
    }

    // MARK: - Carrying out the lines

    private func rehearse(
        _ parts: [ManifestPart], saying output: String
    ) async throws -> (result: KitRehearsal.Result, command: ToolCommand) {
        let engine = bench.engine(Self.two)
        let kit = try await KitAssembly(engine, point: "latest").kit()
        var section = kit.sections[0]
        section.parts = parts.map {
            Kit.Part(part: $0, restore: ManualRestore(programs: [], keys: [], lines: []), use: nil)
        }
        let runner = RecordingRunner(scripted: [(0, output, "")])
        let result = try await KitRehearsal(engine, runner: runner, secrets: MemorySecrets())
            .run(KitRehearsal.Sheet(script: "true", section: section))
        return (result, try #require(runner.commands.first))
    }

    @Test func `an encrypted tree is proven by the sheet's own word that every digest agrees, and not without it`()
        async throws
    {
        var part = try #require(await bench.backup(Self.two).parts.first { $0.source.rawValue == "web" })
        let recipients = Recipients(.age, ["age1x"])
        part.encryption = PartEncryption(recipients: recipients, part: part.part, bytes: 1, files: 3, base: "/srv")
        let word = "proven: …/target/web: every file has its digest\nok: \(part.title)\n"
        let said = try await rehearse([part], saying: word).result
        #expect(said.isProven && said.parts[0].proofs == ["every file has its digest, by the sheet's own line"])
        for silence in ["ok: \(part.title)\n", word.replacing("web:", with: "other:")] {
            let result = try await rehearse([part], saying: silence).result
            #expect(!result.isProven && result.parts[0].failure?.kind == .unproven, "\(result)")
        }
    }

    @Test func `a sheet may be silent for as long as a server takes, and its words stay in their order`() async throws {
        let parts = await bench.backup(Self.two).parts.sorted { $0.source < $1.source }
        let (result, command) = try await rehearse(parts, saying: "not proven: x\nok: db /data\nok: web /data\n")
        #expect(command.limits.stall == nil && command.arguments.joined().contains("2>&1"))
        #expect(result.said(of: parts[0]) == ["not proven: x"] && result.said(of: parts[1]) == [])
    }

    @Test func `a word belongs to the step that ends after it, and a longer title is not taken for a shorter one`() {
        let titles = ["web", "web /a", "db /x.sql"]
        let words = KitWords([
            "proven: one", "ok: web /a", "WRONG: two", "noise", "FAILED: db /x.sql: load it into database x",
            "not proven: web: three", "stop: this did not come back whole",
        ])
        #expect(words.lines(of: "web", among: titles) == ["not proven: web: three"])
        #expect(words.lines(of: "web /a", among: titles) == ["proven: one"])
        #expect(
            words.lines(of: "db /x.sql", among: titles)
                == ["WRONG: two", "FAILED: db /x.sql: load it into database x"])
        #expect(words.lines.count == 5)
        let flood = KitWords((0...100_010).map { "proven: \($0)" } + ["not proven: lost"])
        #expect(flood.lines(of: "web", among: titles).last == "not proven: the sheet said more than is kept")
    }
}
