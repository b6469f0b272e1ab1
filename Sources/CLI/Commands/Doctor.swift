import ArgumentParser
import BackupEngine
import BackupModel
import Foundation
import Notifiers

/// `holdfast doctor`
struct Doctor: OperatorCommand {
    static let configuration = CommandConfiguration(
        abstract: "Look at tools, versions, secrets, folders and repositories, and say what is missing.",
        usage: "holdfast doctor [--probe] [<options>]",
        discussion: """
            Changes nothing. With --probe it also finds out, harmlessly, what each credential
            may really do in its repository, what a thief of it could do, and whether what the
            profile says under `access:` is true.

            Example: holdfast doctor --probe
            """)

    @Flag(help: "Ask each repository's place what its credential may really do.")
    var probe = false

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> ExitStatus {
        let live = try Live(global, console)
        let examination = Examination(live)
        var findings = try await examination.run()
        let probed = probe ? try await examination.probe() : nil
        findings += probed?.flatMap(\.findings) ?? []
        if console.isJSON {
            console.print(
                .object([
                    ("profile", .string(live.profile.name.rawValue)),
                    ("findings", .array(findings.map(\.document))),
                    ("access", probed.map { .array($0.map(\.document)) } ?? .null),
                ]))
        } else {
            for finding in findings { finding.show(console) }
        }
        let bad = findings.filter { $0.state == .bad }.map(\.status)
        // A false claim is what the others come from.
        return bad.first { $0 == .badProfile } ?? bad.first ?? .success
    }
}

/// One thing the doctor looked at.
struct Finding {
    enum State: String { case good, warning, bad }
    var state: State
    var subject: String
    var detail: String
    var hint: String?
    /// Lines below it, for people.
    var details: [String] = []
    var status: ExitStatus = .success

    var document: JSONValue {
        .object([
            ("state", .string(state.rawValue)), ("subject", .string(subject)), ("detail", .string(detail)),
            ("hint", JSONValue(hint)),
        ])
    }

    func show(_ console: Console) {
        let mark =
            switch state {
            case .good: console.styled("ok     ", "32")
            case .warning: console.styled("warning", "33")
            case .bad: console.styled("bad    ", "31")
            }
        console.print("\(mark)  \(subject): \(Console.harmless(detail))")
        for line in details { console.print("           \(Console.harmless(line))") }
        if let hint { console.print("           → \(Console.harmless(hint))") }
    }

    static func bad(_ subject: String, _ error: any OperatorError) -> Finding {
        Finding(
            state: .bad, subject: subject, detail: error.description, hint: error.hint,
            status: ExitStatus(for: error.kind))
    }
}

/// The doctor's round: tools, state, repositories, sources, notifiers.
struct Examination {
    private let live: Live
    init(_ live: Live) { self.live = live }

    func run() async throws -> [Finding] {
        var findings = await tools()
        findings += state()
        let engine: Engine
        do { engine = try live.engine() } catch let error as any OperatorError {
            return findings + [.bad("profile \(live.profile.name)", error)]
        }
        findings += await RepositoryExamination(live, engine).run()
        findings += await sources(engine)
        findings += await notifiers()
        findings += await ScheduleExamination(live).run()
        for key in live.profile.ignoredKeys {
            findings.append(
                Finding(
                    state: .warning, subject: "profile \(live.profile.name)",
                    detail: "this version does not act on `\(key)`"))
        }
        return findings
    }

    /// What each repository's credential may really do.
    func probe() async throws -> [AccessExamination] {
        var examinations: [AccessExamination] = []
        for spec in live.profile.repositories { examinations.append(await AccessExamination.of(spec, live)) }
        return examinations
    }

    /// What the profile's kinds start, with the way to ask for a version.
    private static let programs: [String: [(name: String, versionArguments: [String])]] = [
        "restic": [("restic", ["version"])],
        "archive": [("tar", ["--version"])],
        "rsync": [("rsync", ["--version"])],
        "sqlite": [("sqlite3", ["-version"])],
        "files": [("sqlite3", ["-version"])],
        "git-untracked": [("git", ["--version"])],
        "postgres": [("pg_dump", ["--version"]), ("psql", ["--version"])],
    ]

    /// MariaDB's go by their own names, by those of MySQL, or by both.
    private var mysqlPrograms: [(name: String, versionArguments: [String])] {
        guard live.profile.sources.contains(where: { $0.kind == "mysql" }) else { return [] }
        let isOld = live.runner.locate("mariadb-dump") == nil && live.runner.locate("mysqldump") != nil
        return (isOld ? ["mysqldump", "mysql"] : ["mariadb-dump", "mariadb"]).map { ($0, ["--version"]) }
    }

    /// What an archive is compressed and encrypted with.
    private static func programs(of archive: RepositorySpec) -> [(name: String, versionArguments: [String])] {
        ["compress": "zstd", "encrypt": "age"].sorted { $0.key < $1.key }.map { key, usual in
            let name = archive.entry[key]?.text ?? usual
            return (name, [name == "openssl" ? "version" : "--version"])
        }
    }

    /// What a source is encrypted with before it is stored.
    private static func encryption(of source: SourceSpec) -> (name: String, versionArguments: [String])? {
        source.entry["encrypt"].map { ($0["gpg"] == nil ? "age" : "gpg", ["--version"]) }
    }

    /// The number in the first line of what a program says of its version, or else the line.
    private static func version(_ line: String) -> String {
        let words = line.split { $0 == " " || $0 == "," }.map { $0.hasPrefix("v") ? $0.dropFirst() : $0 }
        return String((words.first { $0.first?.isNumber == true } ?? Substring(line)).prefix(60))
    }

    private func tools() async -> [Finding] {
        var seen: Set<String> = []
        var findings: [Finding] = []
        let kinds = live.profile.repositories.map(\.kind) + live.profile.sources.map(\.kind)
        // Copies are neither compressed nor encrypted anew.
        let archives = live.profile.repositories.filter { $0.kind == "archive" && $0.follow == nil }
        for program in kinds.flatMap({ Examination.programs[$0] ?? [] }) + mysqlPrograms
            + archives.flatMap(Examination.programs(of:)) + live.profile.sources.compactMap(Examination.encryption(of:))
        where seen.insert(program.name).inserted {
            guard let path = live.runner.locate(program.name) else {
                findings.append(.bad(program.name, ToolError.notFound(program: program.name, searched: ["PATH"])))
                continue
            }
            var command = ToolCommand(program.name, program.versionArguments)
            command.limits = ToolCommand.Limits(total: .seconds(20))
            do {
                let result = try await live.runner.run(command)
                let line = result.output.text.split(separator: "\n").first.map(String.init) ?? ""
                findings.append(
                    result.didItsWork
                        ? Finding(state: .good, subject: program.name, detail: "\(Examination.version(line)) (\(path))")
                        : Finding(
                            state: .bad, subject: program.name, detail: "\(path) does not run: \(result.termination)",
                            hint: ToolPackages.package(for: program.name).map {
                                "reinstall it: apt install --reinstall \($0)"
                            },
                            status: .missing))
            } catch {
                findings.append(.bad(program.name, error))
            }
        }
        return findings
    }

    private func state() -> [Finding] {
        do {
            _ = try live.store()
            return [Finding(state: .good, subject: "state", detail: live.stateFolder)]
        } catch let error as any OperatorError {
            return [.bad("state", error)]
        } catch {
            return [Finding(state: .bad, subject: "state", detail: "\(error)", status: .failed)]
        }
    }

    private func notifiers() async -> [Finding] {
        var findings: [Finding] = []
        for spec in live.profile.notifiers {
            let subject = "notifier \(spec.name)"
            do {
                let means = try await NotifierRegistry.make(spec, live.services).preflight()
                findings.append(Finding(state: .good, subject: subject, detail: means))
            } catch {
                findings.append(.bad(subject, error))
            }
        }
        return findings
    }

    private func sources(_ engine: Engine) async -> [Finding] {
        var findings: [Finding] = []
        let run = RunID(startedAt: engine.clock.now, entropy: engine.entropy())
        for source in engine.sources {
            let subject = "source \(source.spec.name)"
            do {
                let context = CaptureContext(
                    run: run, scratch: engine.profile.settings.scratch ?? NSTemporaryDirectory())
                _ = try await RecipientPinning(engine).standing(of: source)
                let preview = try await source.preflight(context)
                findings.append(
                    Finding(
                        state: .good, subject: subject,
                        detail: preview.summary + (preview.estimatedBytes.map { ", \($0)" } ?? "")))
                for notice in preview.notices {
                    findings.append(Finding(state: .warning, subject: subject, detail: notice))
                }
            } catch let error as any OperatorError {
                findings.append(.bad(subject, error))
            } catch {
                findings.append(Finding(state: .bad, subject: subject, detail: "\(error)", status: .failed))
            }
        }
        return findings
    }
}
