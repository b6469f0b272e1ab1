import ArgumentParser
import BackupEngine
import BackupModel
import Foundation
import Notifiers

/// `holdfast doctor`
struct Doctor: OperatorCommand {
    static let configuration = CommandConfiguration(
        abstract: "Look at tools, versions, secrets, folders and repositories, and say what is missing.",
        usage: "holdfast doctor [<options>]",
        discussion: "Changes nothing. Example: holdfast doctor")

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> ExitStatus {
        let live = try Live(global, console)
        let findings = try await Examination(live).run()
        if console.isJSON {
            console.print(
                .object([
                    ("profile", .string(live.profile.name.rawValue)),
                    (
                        "findings",
                        .array(
                            findings.map {
                                .object([
                                    ("state", .string($0.state.rawValue)), ("subject", .string($0.subject)),
                                    ("detail", .string($0.detail)), ("hint", JSONValue($0.hint)),
                                ])
                            })
                    ),
                ]))
        } else {
            for finding in findings {
                let mark =
                    switch finding.state {
                    case .good: console.styled("ok     ", "32")
                    case .warning: console.styled("warning", "33")
                    case .bad: console.styled("bad    ", "31")
                    }
                console.print("\(mark)  \(finding.subject): \(Console.harmless(finding.detail))")
                if let hint = finding.hint { console.print("           → \(Console.harmless(hint))") }
            }
        }
        let worst = findings.filter { $0.state == .bad }.map(\.status).first
        return worst ?? .success
    }
}

/// One thing the doctor looked at.
struct Finding {
    enum State: String { case good, warning, bad }
    var state: State
    var subject: String
    var detail: String
    var hint: String?
    var status: ExitStatus = .success

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
        findings += await repository(engine)
        findings += await sources(engine)
        findings += await notifiers()
        for key in live.profile.ignoredKeys {
            findings.append(
                Finding(
                    state: .warning, subject: "profile \(live.profile.name)",
                    detail: "this version does not act on `\(key)`"))
        }
        return findings
    }

    /// What the profile's kinds start, with the way to ask for a version.
    private static let programs: [String: [(name: String, versionArguments: [String])]] = [
        "restic": [("restic", ["version"])],
        "sqlite": [("sqlite3", ["-version"])],
        "files": [("sqlite3", ["-version"])],
        "postgres": [("pg_dump", ["--version"]), ("psql", ["--version"])],
    ]

    private func tools() async -> [Finding] {
        var seen: Set<String> = []
        var findings: [Finding] = []
        let kinds = live.profile.repositories.map(\.kind) + live.profile.sources.map(\.kind)
        for program in kinds.flatMap({ Examination.programs[$0] ?? [] }) where seen.insert(program.name).inserted {
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
                        ? Finding(state: .good, subject: program.name, detail: "\(line.prefix(60)) (\(path))")
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

    private func repository(_ engine: Engine) async -> [Finding] {
        let repository = engine.primary
        let subject = "repository \(repository.spec.name)"
        do {
            let pin = try engine.pins.pin(profile: live.profile.name, repository: repository.spec.name)
            switch try await repository.inspect(pin: nil) {
            case .absent:
                return [
                    pin == nil
                        ? Finding(
                            state: .good, subject: subject,
                            detail: "nothing at \(repository.location) yet; the first backup makes it")
                        : .bad(subject, RepositoryError.absent(location: repository.location))
                ]
            case .occupied(let what):
                return [.bad(subject, RepositoryError.occupied(location: repository.location, by: what))]
            case .present(let identity):
                if let pin, pin.identity.id != identity.id || pin.identity.keyIDs != identity.keyIDs {
                    return [
                        .bad(
                            subject,
                            RepositoryError.changed(
                                location: repository.location, pinned: pin.identity, found: identity))
                    ]
                }
                let room = engine.host.room(at: repository.location)
                var findings = [
                    Finding(
                        state: .good, subject: subject,
                        detail: "\(repository.location), id \(identity.id.prefix(10))"
                            + (room.map { ", \($0.free) free of \($0.total)" } ?? ""))
                ]
                if repository.location.hasPrefix("/"),
                    engine.host.mount(containing: repository.location)?.isReadOnly == true
                {
                    findings.append(
                        .bad(
                            subject,
                            RepositoryError.readOnly(
                                location: repository.location, detail: "its disk is mounted read-only")))
                }
                if let room, room.free.bytes * 20 < room.total.bytes {
                    findings.append(
                        Finding(
                            state: .warning, subject: subject, detail: "less than 5 % of its disk is free",
                            hint: "free room, or shorten `retention:` and run `holdfast backup prune`"))
                }
                for lock in try await repository.locks() {
                    findings.append(
                        Finding(
                            state: .warning, subject: subject, detail: RepositoryViews.words(lock),
                            hint: "`holdfast repository unlock` removes it if its owner is dead"))
                }
                return findings
            }
        } catch let error as any OperatorError {
            return [.bad(subject, error)]
        } catch {
            return [Finding(state: .bad, subject: subject, detail: "\(error)", status: .failed)]
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
                let preview = try await source.preflight(context)
                findings.append(
                    Finding(
                        state: .good, subject: subject,
                        detail: preview.summary + (preview.estimatedBytes.map { ", \($0)" } ?? "")))
                for notice in preview.notices {
                    findings.append(Finding(state: .warning, subject: subject, detail: notice))
                }
            } catch {
                findings.append(.bad(subject, error))
            }
        }
        return findings
    }
}
