import BackupEngine
import BackupModel
import Foundation
import HostSystem
import ProfileLoader
import RunHistory
import Tools

/// Puts right what runs of any profile left, also of one that cannot be loaded any more: what has to be given back is written
/// out in the journal.
struct RecoverAll {
    private let global: GlobalOptions
    private let console: Console

    init(_ global: GlobalOptions, _ console: Console) {
        self.global = global
        self.console = console
    }

    func run() async -> ExitStatus {
        var worst = ExitStatus.success
        var done: [ProfileName] = []
        for entry in Profiles(global).catalog().entries where entry.canRun {
            var one = global
            one.profile = entry.path
            do {
                let live = try Live(one, console)
                let engine = try live.engine()
                let record = await RecoverRun(engine).runLocally()
                await live.tell(of: record, engine)
                done.append(live.profile.name)
                if record.outcome == .skipped {
                    // Whoever is at work has seen to it.
                    console.say("\(live.profile.name): a run is at work")
                    continue
                }
                let status = RunReport.show(record, console)
                if status != .success { worst = status }
            } catch {
                worst = .failed
                console.warn("profile \(entry.title) cannot be loaded: \(RecoverAll.words(error))")
            }
            if Task.isCancelled { return .interrupted }
        }
        do {
            for profile in try journal.profiles() where !done.contains(profile) {
                if try await !release(profile) { worst = .failed }
            }
        } catch {
            worst = .failed
            console.warn(RecoverAll.words(error))
        }
        return worst
    }

    private var journal: FileJournal { FileJournal(folder: StateFolders.resolve().state) }

    /// By the journal alone.
    private func release(_ profile: ProfileName) async throws -> Bool {
        let runner = try SupervisedRunner()
        let host = LocalHost()
        let locks = FileLocks(stateFolder: StateFolders.resolve().state, host: host, clock: SystemClock())
        let lock: any HeldLock
        do throws(LockError) {
            lock = try await locks.acquire(.profile(profile), mode: .exclusive, purpose: "recover", wait: .zero)
        } catch {
            console.say("\(profile): \(error.description)")
            return true
        }
        defer { lock.release() }
        let hooks = LocalHooks(runner: runner, secrets: SecretResolver(runner: runner), folders: .ours)
        let left = LeftResources(journal: journal, hooks: hooks, host: host, profile: profile) {
            runner.redactor.redact($0)
        }
        let released = try await left.release(except: nil)
        for notice in released.notices { console.say("\(profile): " + Console.harmless(notice)) }
        for failure in released.failures { console.report(failure) }
        return released.failures.isEmpty
    }

    /// Takes what a hook took out of the journal, on the operator's word.
    func forget(_ id: String) throws -> ExitStatus {
        var known: [String] = []
        // A profile that cannot be loaded names no journal of its own; the usual one is looked at all the same.
        let journals = [journal] + ((try? Live(global, console)).map { [$0.journal] } ?? [])
        for journal in journals {
            for profile in try journal.profiles() {
                for entry in try journal.entries(profile: profile) {
                    let what: String
                    switch entry.action {
                    case .release(let resource):
                        what =
                            "resource \(resource.name) of run \(entry.run) is not given back by anybody now; its release was: "
                            + resource.release.program.words
                    case .dropDatabase(let name, let part):
                        what =
                            "database \(name), which run \(entry.run) had not finished loading, is not dropped by anybody now; "
                            + "it is on the server of source \(part.source)"
                    case .settle, .keep, .endProcess, .removeFolder: continue
                    }
                    known.append(entry.id)
                    guard entry.id == id else { continue }
                    guard LocalHost().process(entry.process.pid) != entry.process else {
                        throw Failure(
                            "run \(entry.run) is at work and will give it back itself",
                            hint: "wait for it, or end process \(entry.process.pid)", kind: .tryLater)
                    }
                    try journal.remove(id)
                    console.print(Console.harmless("forgotten: \(what)"))
                    return .success
                }
            }
        }
        throw Failure(
            "nothing that is to be given back has the id \(id)",
            hint: known.isEmpty
                ? "nothing is held" : "held is: \(Set(known).sorted().joined(separator: ", "))", kind: .notFound)
    }

    private static func words(_ error: any Error) -> String {
        (error as? any OperatorError)?.description ?? String(describing: error)
    }
}

extension HookFolders {
    /// Those of this program in this environment.
    static var ours: HookFolders {
        let environment = ProcessInfo.processInfo.environment
        // Where there is no /proc, the name that we were started by will do.
        let program = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
        return HookFolders(environment: environment, program: program ?? CommandLine.arguments[0])
    }
}
