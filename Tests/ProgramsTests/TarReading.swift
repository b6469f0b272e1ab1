import BackupModel
import Foundation
import Programs
import TestSupport
import Testing

/// A whole archive, read in portions of a test's choice.
struct TarReading {
    struct Member {
        var entry: TarEntry
        var content: [UInt8] = []
    }
    var members: [Member] = []
    /// Where the end begins.
    var end: Int64?

    init(_ bytes: [UInt8], portion: Int = 1 << 20) throws {
        var scanner = TarScanner()
        var buffer: [UInt8] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            buffer += rest.prefix(portion)
            rest = rest.dropFirst(portion)
            var index = 0
            try buffer.withUnsafeBytes { buffer in
                while let event = try scanner.next(in: buffer, at: &index) {
                    switch event {
                    case .entry(let entry): members.append(Member(entry: entry))
                    case .content(let range): members[members.count - 1].content += buffer[range]
                    case .hole(let count):
                        members[members.count - 1].content += [UInt8](repeating: 0, count: Int(count))
                    case .endOfEntry: break
                    case .endOfArchive: end = scanner.position
                    }
                }
            }
            buffer.removeFirst(index)
            try #require(buffer.count < 1024, "it must not hold more back")
        }
        try scanner.finish(rest: buffer.count)
    }

    subscript(_ name: String) -> Member? { members.first { $0.entry.name == Array(name.utf8) } }
}

/// The real tar, for tests.
enum RealTar {
    /// Archives a folder's content as `tree/…`.
    static func archive(_ folder: ScratchFolder, _ options: [String]) throws -> [UInt8] {
        let place = folder["\(UUID().uuidString).tar"]
        let tar = try TestProcess(
            ["/bin/tar", "--create", "--sort=name", "-C", folder.path] + options + ["-f", place, "tree"])
        try #require(tar.wait() == .exited(0))
        return [UInt8](try Data(contentsOf: URL(fileURLWithPath: place)))
    }
}
