import Foundation

/// A file system in memory, mounted for one test. Needs root.
struct SmallDisk {
    let path: String

    init(at path: String, megabytes: Int) throws {
        self.path = path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try run("/bin/mount", "-t", "tmpfs", "-o", "size=\(megabytes)m", "tmpfs", path)
    }

    func makeReadOnly() throws { try run("/bin/mount", "-o", "remount,ro", path) }

    func unmount() {
        do {
            try run("/bin/umount", "-l", path)
        } catch {
            print("\(path) stays mounted: \(error)")
        }
    }

    private struct Failure: Error {
        var arguments: [String]
        var status: Int32
    }

    private func run(_ program: String, _ arguments: String...) throws {
        let process = try Process.run(URL(fileURLWithPath: program), arguments: arguments)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failure(arguments: arguments, status: process.terminationStatus)
        }
    }
}
