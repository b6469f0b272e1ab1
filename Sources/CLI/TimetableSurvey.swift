import BackupModel
import Foundation
import HostSystem
import ProfileLoader
import Scheduling

/// What the timers of a profile need to know of this host, and what they will not see of this shell.
struct TimetableSurvey {
    private let live: Live
    private let environment: [String: String]

    init(_ live: Live, environment: [String: String] = ProcessInfo.processInfo.environment) {
        self.live = live
        self.environment = environment
    }

    func timetable(offsite: Bool) throws -> Timetable {
        var carried: [String: String] = [:]
        for name in Timetable.carriedVariables {
            guard let value = environment[name], !value.isEmpty else { continue }
            if name == "PATH" { carried[name] = searchPath(value) } else { carried[name] = absolute(value) }
        }
        let request = TimetableRequest(
            profilePath: live.profile.path, configFolder: live.configFolder.map(absolute), offsite: offsite,
            program: TimetableSurvey.program(environment), environment: carried, zone: .current, now: Date())
        do throws(ScheduleSyntaxError) {
            return try Timetable(live.profile, request, demands)
        } catch {
            throw Failure(error.message, kind: .badProfile)
        }
    }

    private func absolute(_ path: String) -> String {
        let whole = path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
        return (whole as NSString).standardizingPath
    }

    /// This shell's, as far as a timer may trust it: for root no folder that others write to.
    private func searchPath(_ value: String) -> String {
        let usual = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
        var folders: [String] = []
        for folder in value.split(separator: ":").map(String.init) + usual
        where folder.hasPrefix("/") && !folders.contains(folder) && (isTrusted(folder) || usual.contains(folder)) {
            folders.append(folder)
        }
        return folders.joined(separator: ":")
    }

    private func isTrusted(_ folder: String) -> Bool {
        var facts = stat()
        guard stat(folder, &facts) == 0, facts.st_mode & S_IFMT == S_IFDIR else { return false }
        return geteuid() != 0 || (facts.st_uid == 0 && facts.st_mode & 0o022 == 0)
    }

    /// The name under which PATH finds this very program stays true when it is upgraded; its real path may not.
    private static func program(_ environment: [String: String]) -> String {
        let own =
            // Where there is no /proc, the name that we were started by will do.
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        for folder in (environment["PATH"] ?? "").split(separator: ":") where folder.hasPrefix("/") {
            let path = "\(folder)/holdfast"
            if (path as NSString).resolvingSymlinksInPath == (own as NSString).resolvingSymlinksInPath { return path }
        }
        return own
    }

    // MARK: What the profile asks of its unit

    private var demands: UnitDemands {
        var demands = UnitDemands()
        let profile = live.profile
        let entries = profile.sources.map(\.entry) + profile.repositories.map(\.entry) + profile.notifiers.map(\.entry)
        for name in entries.flatMap({ TimetableSurvey.texts($0, "credential:") }) {
            demands.credentials[name] = credential(name)
        }
        let places = profile.repositories.compactMap { $0.settings.text }.filter { $0.hasPrefix("/") }
        let generated = profile.repositories.compactMap { $0.entry["generate"]?.text }
            .map { ($0 as NSString).deletingLastPathComponent }
        demands.writes = Array(
            Set(
                [live.stateFolder, live.cacheFolder] + [profile.settings.scratch].compactMap(\.self) + places
                    + generated))
        return demands
    }

    private func credential(_ name: String) -> UnitDemands.Credential {
        let stores =
            geteuid() == 0 ? ["/etc", "/run", "/usr/lib"] : [HomeFolder.path(environment) + "/.config"]
        for store in stores {
            for (folder, isEncrypted) in [("credstore.encrypted", true), ("credstore", false)] {
                let path = "\(store)/\(folder)/\(name)"
                if FileManager.default.fileExists(atPath: path) { return .init(path: path, isEncrypted: isEncrypted) }
            }
        }
        return .init(path: nil, isEncrypted: false)
    }

    private static func texts(_ value: ConfigValue, _ prefix: String) -> [String] {
        switch value.content {
        case .string(let text): text.hasPrefix(prefix) ? [String(text.dropFirst(prefix.count))] : []
        case .list(let values): values.flatMap { texts($0, prefix) }
        case .map(let entries): entries.flatMap { texts($0.value, prefix) }
        case .null, .boolean, .integer, .number: []
        }
    }

    // MARK: What a timer does not see

    /// In words; each would make the timer's runs differ from the operator's.
    func warnings(_ timetable: Timetable, _ root: ConfigValue, _ timer: any HostTimer) -> [String] {
        var warnings: [String] = []
        let carried = Set(Timetable.carriedVariables + ["HOME", "USER"])
        let here = Set(TimetableSurvey.variables(root)).union(
            TimetableSurvey.texts(root, "env:").filter {
                live.profile.settings.environment[$0] == nil && environment[$0]?.isEmpty == false
            }
        ).subtracting(carried)
        if !here.isEmpty {
            warnings.append(
                "the profile takes \(here.sorted().joined(separator: ", ")) from this shell, and a timer does not see it: write "
                    + "it into a file under `environment-files:`")
        }
        for (name, credential) in timetable.demands.credentials.sorted(by: { $0.key < $1.key })
        where credential.path == nil {
            warnings.append(
                "credential \(name) was not found; put it at \(geteuid() == 0 ? "/etc" : "~/.config")/credstore/\(name) (0600), "
                    + "or the units will not start")
        }
        if let systemd = timer as? SystemdTimers, systemd.scope == .user {
            let user = UserDatabase.currentUserName
            if !FileManager.default.fileExists(atPath: "/var/lib/systemd/linger/\(user)") {
                warnings.append(
                    "timers of \(user) stop when \(user) logs out; let them go on: loginctl enable-linger \(user)")
            }
        }
        return warnings
    }

    /// Variables that values were taken from.
    private static func variables(_ value: ConfigValue) -> [String] {
        var found: [String] = []
        if let origin = value.origin {
            for match in origin.matches(of: /\$([A-Za-z_][A-Za-z0-9_]*) \(environment\)/) {
                found.append(String(match.1))
            }
        }
        switch value.content {
        case .list(let values): found += values.flatMap(variables)
        case .map(let entries): found += entries.flatMap { variables($0.value) }
        case .null, .boolean, .integer, .number, .string: break
        }
        return found
    }
}

extension Live {
    /// Those of this host that can be asked now, the one of choice first.
    func timers() -> [any HostTimer] {
        let environment = ProcessInfo.processInfo.environment
        var timers: [any HostTimer] = []
        if isSystemdRunning(environment) { timers.append(systemd(environment)) }
        if geteuid() == 0, FileManager.default.fileExists(atPath: CronFolder.systemFolder) {
            timers.append(CronFolder())
        } else if runner.locate("crontab") != nil {
            timers.append(UserCrontab(user: UserDatabase.currentUserName, runner: runner))
        }
        return timers
    }

    /// Whether `backup auto` has set anything up for the profile.
    func hasTimers() async throws -> Bool {
        for timer in timers() where try await !timer.installed(profile.name).isEmpty { return true }
        return false
    }

    /// Before anything is written that nothing would read.
    func requireRunning(_ timer: any HostTimer) throws {
        guard timer.kind != .launchd, !timers().contains(where: { $0.kind == timer.kind }) else { return }
        throw Failure(
            timer.kind == .systemd
                ? "systemd does not run here\(geteuid() == 0 ? "" : " for you")"
                : "this host has no cron that can be set up",
            hint: "`holdfast backup auto --with \(timer.kind.rawValue) --print` prints what it would be given",
            kind: .toolMissing)
    }

    /// - Throws: ``Failure`` where the host has none.
    func timer(_ kind: TimerKind?) throws -> any HostTimer {
        let available = timers()
        switch kind {
        case nil:
            guard let first = available.first else {
                throw Failure(
                    "this host has neither a running systemd nor cron",
                    hint:
                        "install cron (apt install cron), or print what another scheduler needs: `--with systemd --print`",
                    kind: .toolMissing)
            }
            return first
        case .systemd: return available.first { $0.kind == .systemd } ?? systemd(ProcessInfo.processInfo.environment)
        case .cron:
            return available.first { $0.kind == .cron }
                ?? (geteuid() == 0 ? CronFolder() : UserCrontab(user: UserDatabase.currentUserName, runner: runner))
        case .launchd: return Launchd(folder: HomeFolder.path() + "/Library/LaunchAgents")
        }
    }

    private func systemd(_ environment: [String: String]) -> SystemdTimers {
        guard geteuid() != 0 else {
            return SystemdTimers(scope: .system, folder: SystemdTimers.systemFolder, runner: runner)
        }
        let base = environment["XDG_CONFIG_HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil }
        return SystemdTimers(
            scope: .user, folder: (base ?? HomeFolder.path(environment) + "/.config") + "/systemd/user", runner: runner)
    }

    /// - Source: sd_booted(3), systemd 252. A user's own manager has its socket below the runtime folder.
    private func isSystemdRunning(_ environment: [String: String]) -> Bool {
        guard FileManager.default.fileExists(atPath: "/run/systemd/system"), runner.locate("systemctl") != nil else {
            return false
        }
        guard geteuid() != 0 else { return true }
        return environment["XDG_RUNTIME_DIR"].map { FileManager.default.fileExists(atPath: $0 + "/systemd/private") }
            ?? false
    }
}
