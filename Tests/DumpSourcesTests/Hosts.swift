import BackupModel
import Foundation
import HostSystem

/// This machine, with another account of its room or its mounts.
struct HostWithRoom: HostFacts {
    var real = LocalHost()
    var free: ByteCount = 1_000_000
    var hostName: String { real.hostName }
    var machineID: String? { real.machineID }
    var bootID: String { real.bootID }
    var bootTime: Date? { real.bootTime }
    func mounts() -> [MountPoint] { real.mounts() }
    func mount(containing path: String) -> MountPoint? { real.mount(containing: path) }
    func room(at path: String) -> Room? { Room(free: free, total: free, freeInodes: nil) }
    func device(of path: String) -> UInt64? { real.device(of: path) }
    func currentProcess() -> ProcessIdentity { real.currentProcess() }
    func process(_ pid: Int32) -> ProcessIdentity? { real.process(pid) }
    func executableName(of pid: Int32) -> String? { real.executableName(of: pid) }
    func user(named name: String) -> UserIdentity? { real.user(named: name) }
    var effectiveUserID: UInt32 { real.effectiveUserID }
}

extension HostWithRoom {
    static let cramped = HostWithRoom()
    static let roomy = HostWithRoom(free: .mebibytes(1 << 20))
}
