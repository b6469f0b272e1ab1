import BackupModel

/// The units of a timetable as text.
/// - Source: systemd.timer(5), systemd.exec(5), systemd.service(5), systemd 252.
struct SystemdUnits {
    let timetable: Timetable
    let scope: SystemdTimers.Scope

    /// Names of unit files to their texts.
    func all() throws(ScheduleError) -> [(name: String, text: String)] {
        var units: [(String, String)] = []
        for job in timetable.jobs {
            let name = SystemdUnits.name(timetable.profile, job.name)
            units.append((name + ".service", try service(job)))
            if case .calendar(let slots, _) = job.ticks { units.append((name + ".timer", timer(job, slots))) }
        }
        return units
    }

    static func name(_ profile: ProfileName, _ job: String) -> String { "holdfast-\(profile)-\(job)" }

    private func timer(_ job: ScheduledJob, _ slots: [CalendarRule]) -> String {
        let extra = job.allTicks.filter { !slots.contains($0) }
        var lines = [
            OwnershipMark.lines(timetable.profile) + "[Unit]",
            "Description=Holdfast: \(unitText(job.title))", "", "[Timer]",
        ]
        lines += slots.map { "OnCalendar=\($0.onCalendar)" }
        if !extra.isEmpty {
            lines.append(
                "# To look for what was missed, failed, or fell into the hour that the clock is set forward over;")
            lines.append("# what is not due ends at once.")
            lines += extra.map { "OnCalendar=\($0.onCalendar)" }
        }
        lines += [
            "Persistent=true", "AccuracySec=30s",
            "# A fleet does not come to one server in the same second.", "RandomizedDelaySec=2min",
            "FixedRandomDelay=true",
            "", "[Install]", "WantedBy=timers.target",
        ]
        return lines.joined(separator: "\n") + "\n"
    }

    /// Free text behind a `=` in which specifiers count.
    private func unitText(_ text: String) -> String { text.replacing("\\", with: "\\\\").replacing("%", with: "%%") }

    private func service(_ job: ScheduledJob) throws(ScheduleError) -> String {
        var command = [try Quoting.unitProgram(timetable.program)]
        for word in job.arguments { command.append(try Quoting.unitWord(word)) }
        var lines = [OwnershipMark.lines(timetable.profile) + "[Unit]", "Description=Holdfast: \(unitText(job.title))"]
        if scope == .system { lines += ["Wants=network-online.target", "After=network-online.target"] }
        lines += ["", "[Service]", "Type=oneshot", "ExecStart=" + command.joined(separator: " ")]
        for (name, value) in timetable.environment.sorted(by: { $0.key < $1.key }) {
            lines.append("Environment=" + (try Quoting.unitVariable(name, value)))
        }
        for (name, credential) in timetable.demands.credentials.sorted(by: { $0.key < $1.key }) {
            let key = credential.isEncrypted ? "LoadCredentialEncrypted" : "LoadCredential"
            lines.append(
                "\(key)=\(name)"
                    + (try credential.path.map { path throws(ScheduleError) in
                        ":" + (try Quoting.unitPath(path))
                    } ?? ""))
        }
        if !job.goodExits.isEmpty {
            lines.append("SuccessExitStatus=" + job.goodExits.map(String.init).joined(separator: " "))
        }
        lines += [
            "TimeoutStartSec=infinity",
            "# It ends its tools itself, in order, and gives back what it holds.", "KillMode=mixed",
            "TimeoutStopSec=5min",
            "Nice=10", "IOSchedulingClass=best-effort", "IOSchedulingPriority=7", "UMask=0077", "LimitCORE=0",
        ]
        lines += try hardening()
        if case .boot = job.ticks {
            lines += ["", "[Install]", "WantedBy=\(scope == .system ? "multi-user.target" : "default.target")"]
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// As far as a backup bears it: it must read everything, as every owner, and start the tools and hooks of the operator.
    /// These join the namespaces and control groups of containers, and sources lie in `/tmp` and in homes.
    private func hardening() throws(ScheduleError) -> [String] {
        // A user's manager may not make namespaces everywhere, and rootless containers need programs that gain rights.
        guard scope == .system else { return ["LockPersonality=yes"] }
        var lines = [
            "NoNewPrivileges=yes", "LockPersonality=yes", "RestrictRealtime=yes", "ProtectClock=yes",
            "ProtectHostname=yes",
            "ProtectKernelModules=yes", "ProtectKernelLogs=yes",
            "# What it backs up must stay readable, so only the system's own folders are closed, and for writing.",
            "ProtectSystem=full",
        ]
        let closed = timetable.demands.writes.filter { path in
            ["/usr", "/boot", "/efi", "/etc"].contains { path == $0 || path.hasPrefix($0 + "/") }
        }
        for path in closed.sorted() { lines.append("ReadWritePaths=-" + (try Quoting.unitPath(path))) }
        lines += [
            "CapabilityBoundingSet=~CAP_SYS_MODULE CAP_SYS_RAWIO CAP_SYS_BOOT CAP_SYS_TIME CAP_WAKE_ALARM CAP_MAC_ADMIN "
                + "CAP_MAC_OVERRIDE CAP_SYSLOG CAP_BPF",
            "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK", "SystemCallArchitectures=native",
            "ProtectKernelTunables=yes",
        ]
        return lines
    }
}
