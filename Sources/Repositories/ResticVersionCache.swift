import Foundation
import Programs

/// Remembers on disk which version a restic program has, so that a run need not start it to ask. A program that was replaced
/// is known by its size and time of change. Losing the file costs one start.
struct ResticVersionCache: Sendable {
    private struct Entry: Codable, Equatable {
        var size: Int64
        var modifiedNanoseconds: Int64
        var version: String
    }

    /// Where it lies.
    var file: String

    func version(ofProgramAt path: String) -> ResticVersion? {
        guard let entry = entries()[path], entry == describe(path, entry.version) else { return nil }
        return ResticVersion(entry.version)
    }

    func remember(_ version: ResticVersion, ofProgramAt path: String) {
        guard let entry = describe(path, version.description) else { return }
        var all = entries()
        all[path] = entry
        // Without the file the next run asks the program again, which is all that can go wrong.
        guard let data = try? JSONEncoder().encode(all),
            (try? data.write(to: URL(fileURLWithPath: file), options: .atomic)) != nil
        else { return }
        // Nothing secret is in it, and its folder is private.
        _ = try? FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
    }

    private func entries() -> [String: Entry] {
        guard let data = FileManager.default.contents(atPath: file) else { return [:] }
        // A cache that cannot be read is an empty one: the program is asked.
        return (try? JSONDecoder().decode([String: Entry].self, from: data)) ?? [:]
    }

    private func describe(_ path: String, _ version: String) -> Entry? {
        // What cannot be looked at is asked, and not remembered.
        guard let status = try? SystemFolder.status(path, following: true) else { return nil }
        return Entry(size: status.size, modifiedNanoseconds: status.modifiedNanoseconds, version: version)
    }
}
