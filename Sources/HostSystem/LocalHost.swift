package import BackupModel
package import Foundation

/// This machine, as the kernel and the user database describe it.
package struct LocalHost: HostFacts, Places {
    package let hostName: String

    /// - Parameter hostName: stands in for the machine's own name, as `host:` in a profile does.
    package init(hostName: String? = nil) {
        self.hostName = hostName ?? LocalHost.systemHostName()
    }

    package var machineID: String? { Kernel.machineID() }
    package var bootID: String { Kernel.bootID() }
    package var bootTime: Date? { Kernel.bootTime() }
    package var effectiveUserID: UInt32 { geteuid() }

    package func mount(containing path: String) -> MountPoint? {
        guard let place = nearestExisting(path).flatMap(resolved) else { return nil }
        return MountTable.mount(containing: place, in: Kernel.mounts())
    }

    package func mounts() -> [MountPoint] { Kernel.mounts() }

    package func room(at path: String) -> Room? {
        guard let place = nearestExisting(path) else { return nil }
        var facts = statvfs()
        guard statvfs(place, &facts) == 0 else { return nil }
        let unit = UInt64(facts.f_frsize)
        return Room(
            free: LocalHost.byteCount(UInt64(facts.f_bavail), of: unit),
            total: LocalHost.byteCount(UInt64(facts.f_blocks), of: unit),
            // File systems that make inodes as they go, such as btrfs, report none at all.
            freeInodes: facts.f_files == 0 ? nil : Int64(clamping: facts.f_favail))
    }

    package func device(of path: String) -> UInt64? {
        guard let place = nearestExisting(path) else { return nil }
        var facts = stat()
        guard stat(place, &facts) == 0 else { return nil }
        return UInt64(facts.st_dev)
    }

    package func currentProcess() -> ProcessIdentity {
        process(getpid()) ?? ProcessIdentity(pid: getpid(), startTime: 0, bootID: bootID)
    }

    package func process(_ pid: Int32) -> ProcessIdentity? {
        Kernel.startTime(of: pid).map { ProcessIdentity(pid: pid, startTime: $0, bootID: bootID) }
    }

    package func end(_ process: ProcessIdentity) async -> Bool {
        for (signal, patience) in [(SIGTERM, 50), (SIGKILL, 50)] {
            guard self.process(process.pid) == process else { return true }
            // The programs we start lead groups of their own.
            if getpgid(process.pid) == process.pid { kill(-process.pid, signal) }
            kill(process.pid, signal)
            for _ in 0..<patience where self.process(process.pid) == process { usleep(40_000) }
        }
        return self.process(process.pid) != process
    }

    package func signal(_ process: ProcessIdentity, _ signal: ToolSignal) throws(Failure) -> Bool {
        guard self.process(process.pid) == process else { return false }
        let number =
            switch signal {
            case .interrupt: SIGINT
            case .terminate: SIGTERM
            case .kill: SIGKILL
            case .hangUp: SIGHUP
            }
        guard kill(process.pid, number) != 0 else { return true }
        switch errno {
        case ESRCH: return false
        case EPERM:
            throw Failure(
                "process \(process.pid) belongs to somebody else",
                hint: "do it as that user, or as root", kind: .notPermitted)
        default: throw Failure("process \(process.pid) cannot be signalled: \(reason(errno))")
        }
    }

    package func executableName(of pid: Int32) -> String? { Kernel.executableName(of: pid) }

    package func user(named name: String) -> UserIdentity? { UserDatabase.user(named: name) }

    /// `path`, or the nearest of its parents that exists. A dangling link counts as missing. `nil` for what is no absolute
    /// path: an address such as `s3:https://host/bucket` has no place on this machine.
    private func nearestExisting(_ path: String) -> String? {
        guard path.hasPrefix("/") else { return nil }
        var place = path
        var facts = stat()
        while stat(place, &facts) != 0 {
            guard errno == ENOENT || errno == ENOTDIR, place != "/" else { return nil }
            place = (place as NSString).deletingLastPathComponent
        }
        return place
    }

    private func resolved(_ path: String) -> String? {
        guard let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        return String(cString: real)
    }

    private static func byteCount(_ units: UInt64, of size: UInt64) -> ByteCount {
        let (product, overflow) = units.multipliedReportingOverflow(by: size)
        return ByteCount(overflow ? .max : Int64(clamping: product))
    }

    private static func systemHostName() -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return "localhost" }
        let name = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return name.isEmpty ? "localhost" : name
    }
}
