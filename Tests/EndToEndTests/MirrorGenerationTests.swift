import Foundation
import TestSupport
import Testing

/// A mirror where objects expire by their age: prefix after prefix, of which the newest that is whole is relied on.
@Suite("Generations of mirrors", .enabled(if: !RealTools.restics.isEmpty && S3Server.isAvailable))
struct MirrorGenerationTests {
    private let server: S3Server
    private let world: World
    private let restic: RealTools.Restic
    private let today: String

    init() throws {
        let restic = try #require(RealTools.restics.last)
        let server = try S3Server()
        let world = try World("generations", restic: restic)
        try world.layRepository()
        try world.program.writeProfile(
            """
            sources:
              uploads: { files: "\(world.documents)" }
            repositories:
              local: { restic: "\(world.program.repository)", password: env:RESTIC_PASSWORD }
              offsite:
                restic: "\(server.repository("timetiles"))"
                password: env:RESTIC_PASSWORD
                follows: local
                feed: on-request
                access: write-only
                generations: 30d
                expiry: 90d
                environment:
                  AWS_ACCESS_KEY_ID: env:AWS_ACCESS_KEY_ID
                  AWS_SECRET_ACCESS_KEY: env:AWS_SECRET_ACCESS_KEY
                  AWS_DEFAULT_REGION: us-east-1
            """)
        var program = world.program
        program.environment.merge(server.credential(.writeOnly).environment) { $1 }
        self.world = World(program: program)
        (self.restic, self.server) = (restic, server)
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(identifier: "UTC")
        formatter.dateFormat = "yyyyMMdd"
        today = "g-" + formatter.string(from: Date())
        let words = server.credential(.readOnly).environment.map { "\($0)=\($1)\n" }.joined()
        try world.folder.write(words, to: "reader.env", mode: 0o600)
    }

    private var reading: [String] { ["--offsite", "--credentials", world.folder["reader.env"]] }

    private func feed(_ text: String, strict: Bool = true) async throws -> HoldfastProgram.Result {
        try world.folder.write(text, to: "documents/one.txt")
        let run = try await world.program.run(["backup", "--offsite"] + (strict ? ["--strict"] : []))
        #expect(run.code == 0, "\(run)")
        return run
    }

    /// Makes what is on record so many days older.
    private func age(_ days: Int) async throws {
        let seconds = days * 86_400
        let aged = try await world.program.runTool(
            "sqlite3", world.program.state + "/history.sqlite",
            """
            UPDATE generations SET started = started - \(seconds), completed = completed - \(seconds), \
            closed = closed - \(seconds)
            """)
        #expect(aged.code == 0, "\(aged)")
    }

    private func check(_ generation: String) async throws {
        let check = try await world.program.runTool(
            restic.path, "--repo", server.repository("timetiles/" + generation), "--no-cache", "--no-lock", "check",
            "--read-data", environment: server.credential(.readOnly).environment)
        #expect(check.code == 0, "\(generation): \(check)")
    }

    private func restored(_ more: String..., to name: String) async throws -> String {
        let target = world.folder[name]
        let run = try await world.program.run(["restore", "latest", "--to", target, "--yes"] + reading + more)
        #expect(run.code == 0, "\(run)")
        return try String(contentsOfFile: target + "/uploads" + world.documents + "/one.txt", encoding: .utf8)
    }

    private func offsite() async throws -> [String: Any] {
        let list = try await world.program.run("repository", "list", "--json")
        #expect(list.code == 0, "\(list)")
        return try #require(try list.document().objects("repositories").last).object("generations")
    }

    @Test(.timeLimit(.minutes(8)))
    func `the older generation is relied on until the newer one is whole, and then its owner may delete it`()
        async throws
    {
        let first = try await feed("first\n")
        #expect(first.errors.contains("generation \(today) begins"), "\(first)")
        #expect(first.errors.contains("generation \(today) is complete; it is unproven"), "\(first)")
        #expect(try server.keys().allSatisfy { $0.hasPrefix("timetiles/\(today)/") })
        let list = try await world.program.run("repository", "list")
        #expect(list.code == 0 && list.output.contains("unproven"), "\(list)")
        #expect(
            list.output.contains(
                #"{"Rules":[{"ID":"holdfast-generations","Status":"Enabled","Filter":{"Prefix":"timetiles/g-"},"#
                    + #""Expiration":{"Days":90}}]}"#), "\(list)")
        #expect(list.output.contains("60 days (expiry 90 days less generation 30 days)"), "\(list)")

        let verified = try await world.program.run(["backup", "verify"] + reading)
        #expect(verified.code == 0, "\(verified)")
        #expect(try await world.program.run("repository", "list").output.contains(", proven "))

        // The next one is due, and does not get through.
        try await age(31)
        try server.set(faults: [.init(.reply(code: "AccessDenied", status: 403), method: "PUT", key: "*/index/*")])
        let cut = try await feed("second\n", strict: false)
        #expect(cut.output.contains("degraded"), "\(cut)")
        #expect(try server.keys().contains("timetiles/\(today)-2/config"))
        #expect(try await restored(to: "older") == "first\n")

        try server.set(faults: [])
        let whole = try await feed("third\n")
        #expect(whole.errors.contains("generation \(today)-2 is complete"), "\(whole)")
        #expect(
            whole.errors.contains(
                #"{"Rules":[{"ID":"holdfast-\#(today)","Status":"Enabled","Filter":{"Prefix":"timetiles/\#(today)/"},"#
                    + #""Expiration":{"Date":""#), "\(whole)")
        let known = try await offsite()
        #expect(known.text("relied") == today + "-2" && known["alarm"] is NSNull, "\(known)")
        let closed = try #require(known.objects("generations").last)
        let deletable = try Date(
            closed.text("deletable"), strategy: .iso8601.year().month().day().time(includingFractionalSeconds: true))
        #expect((59.9...61.1).contains(deletable.timeIntervalSinceNow / 86_400), "\(closed)")
        #expect(try await restored(to: "newer") == "third\n")
        for generation in [today, today + "-2"] { try await check(generation) }
        let own = server.credential(.writeOnly).id
        let asked = try server.requests().filter { $0.credential == own }
        #expect(asked.allSatisfy { $0.method == "PUT" }, "\(asked)")

        // Nothing is left of this machine but the profile.
        try FileManager.default.removeItem(atPath: world.program.state)
        try FileManager.default.removeItem(atPath: world.program.repository)
        #expect(try await restored(to: "elsewhere") == "third\n")
        #expect(try await restored("--generation", today, to: "chosen") == "first\n")
        try FileManager.default.removeItem(atPath: server.file("timetiles/\(today)-2/complete"))
        try FileManager.default.removeItem(atPath: world.program.state)
        #expect(try await restored(to: "unfinished") == "first\n")
        #expect(try server.complaints() == "")
    }

    @Test(.timeLimit(.minutes(5)))
    func `losing the ledger starts a new prefix, and nothing else`() async throws {
        _ = try await feed("first\n")
        let before = try server.keys().count
        for name in try FileManager.default.contentsOfDirectory(atPath: world.program.state)
        where name.hasPrefix("history") {
            try FileManager.default.removeItem(atPath: world.program.state + "/" + name)
        }
        let lost = try await feed("second\n")
        #expect(lost.errors.contains("generation \(today)-2 begins"), "\(lost)")
        let keys = try server.keys()
        #expect(keys.count(where: { $0.hasPrefix("timetiles/\(today)/") }) == before, "\(keys)")
        try await check(today + "-2")
        let again = try await feed("third\n")
        #expect(!again.errors.contains("begins"), "\(again)")
        #expect(try await restored(to: "back") == "third\n")
    }

    @Test(.timeLimit(.minutes(5)))
    func `a changed configuration of the primary starts a new generation`() async throws {
        try FileManager.default.removeItem(atPath: world.program.repository)
        let made = try await world.program.runTool(
            restic.path, "--repo", world.program.repository, "init", "--repository-version", "1")
        #expect(made.code == 0, "\(made)")
        let adopted = try await world.program.run("repository", "adopt")
        #expect(adopted.code == 0, "\(adopted)")
        _ = try await feed("first\n")
        let migrated = try await world.program.runTool(
            restic.path, "--repo", world.program.repository, "migrate", "upgrade_repo_v2")
        #expect(migrated.code == 0, "\(migrated)")
        let run = try await feed("second\n")
        #expect(run.errors.contains("configuration has changed: generation \(today)-2 begins"), "\(run)")
        try await check(today + "-2")
        #expect(try await restored(to: "back") == "second\n")
    }

    @Test(.timeLimit(.minutes(5)))
    func `what begins to expire is told in good time, also by a backup that does not feed it`() async throws {
        _ = try await feed("first\n")
        try await age(50)
        let quiet = try await world.program.run("backup", "--strict")
        #expect(quiet.code == 0 && !quiet.errors.contains("expire"), "\(quiet)")
        try await age(15)
        let plain = try await world.program.run("backup", "--strict")
        #expect(plain.code == 4 && plain.errors.contains("generation \(today) begins to expire on"), "\(plain)")
        try server.set(faults: [.init(.reply(code: "AccessDenied", status: 403), method: "PUT")])
        let failed = try await feed("second\n", strict: false)
        #expect(failed.output.contains("degraded") && failed.errors.contains("begins to expire on"), "\(failed)")
        let list = try await world.program.run("repository", "list")
        #expect(list.output.contains("ALARM"), "\(list)")
        try server.set(faults: [])
        let fed = try await feed("third\n")
        #expect(!fed.errors.contains("begins to expire"), "\(fed)")
    }

    @Test(.timeLimit(.minutes(5)))
    func `a folder has generations too`() async throws {
        try world.program.writeProfile(
            """
            sources: { uploads: { files: "\(world.documents)" } }
            repositories:
              local: { restic: "\(world.program.repository)", password: env:RESTIC_PASSWORD }
              nas: { restic: nas, password: env:RESTIC_PASSWORD, follows: local, by: mirror, generations: 30d }
            """)
        _ = try await feed("first\n")
        let (nas, complete) = (world.folder["config/nas"], "\(today)/complete")
        #expect(FileManager.default.fileExists(atPath: "\(nas)/\(complete)"))
        let scrubbed = try await world.program.run("backup", "verify", "--offsite", "--scrub")
        #expect(scrubbed.code == 0 && !scrubbed.output.contains("does not belong"), "\(scrubbed)")
        let verified = try await world.program.run("backup", "verify", "--offsite", "--data", "100%")
        #expect(verified.code == 0, "\(verified)")
        let list = try await world.program.run("repository", "list")
        #expect(list.code == 0 && list.output.contains(", proven ") && !list.output.contains("damaged"), "\(list)")
        try await age(31)
        let second = try await feed("second\n")
        #expect(second.errors.contains("\(nas)/\(today) may be deleted from"), "\(second)")
        try FileManager.default.removeItem(atPath: world.program.state)
        try FileManager.default.removeItem(atPath: "\(nas)/\(today)")
        let target = world.folder["back"]
        let run = try await world.program.run("restore", "latest", "--offsite", "--to", target, "--yes")
        #expect(run.code == 0, "\(run)")
        let text = try String(contentsOfFile: target + "/uploads" + world.documents + "/one.txt", encoding: .utf8)
        #expect(text == "second\n")
    }
}
