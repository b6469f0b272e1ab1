package import BackupModel
package import Foundation
import HostSystem
import Synchronization

/// A machine of the test's making. By default: one root file system with ample room, and one process, ours.
package final class FakeHost: HostFacts, Places {
    package struct Machine: Sendable {
        package var hostName = "testhost"
        package var machineID: String? = "0123456789abcdef0123456789abcdef"
        package var bootID = "11111111-2222-3333-4444-555555555555"
        package var bootTime: Date? = Date(timeIntervalSince1970: 1_795_000_000)
        /// The longest path that contains another wins.
        package var mounts = [MountPoint(path: "/", device: 1, fileSystem: "ext4", isReadOnly: false)]
        /// By mount point; others have `defaultRoom`.
        package var rooms: [String: Room] = [:]
        package var defaultRoom = Room(free: .mebibytes(100_000), total: .mebibytes(200_000), freeInodes: 1_000_000)
        package var currentPID: Int32 = 4242
        /// Start time and program by process.
        package var processes: [Int32: (startTime: UInt64, program: String)] = [4242: (1000, "holdfast")]
        package var users: [UserIdentity] = []
        package var effectiveUserID: UInt32 = 1000
        /// Whether its file systems let two names trade places.
        package var exchangesNames = false
        package var writers: [FileWriter] = []
        package init() {}
    }

    private let machine: Mutex<Machine>

    package init(_ machine: Machine = Machine()) { self.machine = Mutex(machine) }

    package func change(_ body: (inout Machine) -> Void) { machine.withLock { body(&$0) } }

    package var hostName: String { machine.withLock { $0.hostName } }
    package var machineID: String? { machine.withLock { $0.machineID } }
    package var bootID: String { machine.withLock { $0.bootID } }
    package var bootTime: Date? { machine.withLock { $0.bootTime } }
    package var effectiveUserID: UInt32 { machine.withLock { $0.effectiveUserID } }

    package func disinherit(_ folder: String) {}

    package func mounts() -> [MountPoint] { machine.withLock { $0.mounts } }

    package func mount(containing path: String) -> MountPoint? {
        machine.withLock { machine in
            machine.mounts
                .filter { $0.path == "/" || path == $0.path || path.hasPrefix($0.path + "/") }
                .max { $0.path.utf8.count < $1.path.utf8.count }
        }
    }

    package func room(at path: String) -> Room? {
        guard let mount = mount(containing: path) else { return nil }
        return machine.withLock { $0.rooms[mount.path] ?? $0.defaultRoom }
    }

    package func device(of path: String) -> UInt64? { mount(containing: path)?.device }

    package func currentProcess() -> ProcessIdentity {
        let pid = machine.withLock { $0.currentPID }
        return process(pid) ?? ProcessIdentity(pid: pid, startTime: 0, bootID: bootID)
    }

    package func process(_ pid: Int32) -> ProcessIdentity? {
        machine.withLock { machine in
            machine.processes[pid].map {
                ProcessIdentity(pid: pid, startTime: $0.startTime, bootID: machine.bootID)
            }
        }
    }

    // Names are the real ones: what a test makes on disk is moved there.
    package func exchange(_ path: String, _ other: String) throws(Failure) -> Bool {
        guard machine.withLock({ $0.exchangesNames }) else { return false }
        return try LocalHost().exchange(path, other)
    }
    package func entry(at path: String) throws(Failure) -> PlaceEntry? { try LocalHost().entry(at: path) }
    package func names(in folder: String) throws(Failure) -> [String] { try LocalHost().names(in: folder) }
    package func move(_ path: String, to target: String) throws(Failure) { try LocalHost().move(path, to: target) }
    package func flush(_ path: String) throws(Failure) { try LocalHost().flush(path) }
    package func mounts(below path: String) -> [String] {
        machine.withLock { $0.mounts.map(\.path).filter { $0.hasPrefix(path + "/") } }
    }
    package func writers(below paths: [String]) -> [FileWriter] {
        machine.withLock { machine in
            machine.writers.filter { writer in paths.contains { writer.path == $0 || writer.path.hasPrefix($0 + "/") } }
        }
    }

    package func executableName(of pid: Int32) -> String? { machine.withLock { $0.processes[pid]?.program } }

    package func user(named name: String) -> UserIdentity? {
        machine.withLock { $0.users.first { $0.name == name } }
    }
}
