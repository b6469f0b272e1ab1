package import BackupModel
import Foundation

/// What restic lists: snapshots, ids, a lock, the configuration.
/// - Source: https://restic.readthedocs.io/en/stable/075_scripting.html, checked for 0.14.0, 0.18.0 and 0.19.1.
package enum ResticListing {
    /// One damaged or foreign element ends the whole, so that no snapshot is overlooked in silence.
    package struct Unreadable: Error, Equatable, CustomStringConvertible {
        package var description: String
    }

    /// Reads `snapshots --json` element by element, so that memory is bounded by what is kept of each.
    package static func snapshots(_ output: [UInt8]) throws(Unreadable) -> [Snapshot] {
        var result: [Snapshot] = []
        for element in try elements(of: output) {
            // What does not decode is told below by its number.
            guard let raw = try? JSONDecoder().decode(RawSnapshot.self, from: Data(output[element])),
                let snapshot = raw.snapshot
            else {
                throw Unreadable(description: "element \(result.count + 1) of the list of snapshots cannot be read")
            }
            result.append(snapshot)
        }
        return result
    }

    /// Ids of a `list`: 64 hexadecimal digits on a line. Other lines are no ids.
    package static func ids(_ output: String) -> [String] {
        output.split(whereSeparator: \.isNewline).map(String.init).filter(isID)
    }

    /// The names that restic gives to its files.
    package static func isID(_ text: String) -> Bool {
        text.utf8.count == 64 && text.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
    }

    /// From `cat lock`; `nil` when it is none.
    package static func lock(_ output: [UInt8], id: String) -> RepositoryLock? {
        // What is no JSON of this form is no lock; the caller says so.
        guard let raw = try? JSONDecoder().decode(RawLock.self, from: Data(output)),
            let time = Timestamp.parse(raw.time)
        else { return nil }
        return RepositoryLock(
            id: id, time: time, exclusive: raw.exclusive ?? false, host: raw.hostname ?? "", user: raw.username ?? "",
            pid: raw.pid ?? 0)
    }

    /// From `key list`; `nil` when it is none. 0.14 shortens the ids to eight digits.
    package static func keyOwners(_ output: [UInt8]) -> [RepositoryKeyOwner]? {
        // As with every listing here: what does not decode is none, and the caller says so.
        guard let raw = try? JSONDecoder().decode([RawKey].self, from: Data(output)) else { return nil }
        return raw.map { key in
            RepositoryKeyOwner(
                idPrefix: key.id, user: key.userName ?? "", host: key.hostName ?? "", created: key.created ?? "")
        }
    }

    /// From `key list`, with the ids as they stand there; `nil` when it is none. Times are in the zone that restic ran in, ours.
    package static func keys(_ output: [UInt8]) -> [RepositoryKey]? {
        // What does not decode is no list of keys.
        guard let raw = try? JSONDecoder().decode([RawKey].self, from: Data(output)) else { return nil }
        return raw.map { key in
            RepositoryKey(
                id: key.id, user: key.userName ?? "", host: key.hostName ?? "",
                created: key.created.flatMap { localTime($0) }, isOurs: key.current ?? false)
        }
    }

    /// `2026-11-21 23:00:28`
    private static func localTime(_ text: String) -> Date? {
        let numbers = text.split { !$0.isNumber }.compactMap { Int($0) }
        guard numbers.count == 6, text.count == 19 else { return nil }
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .current
        return calendar.date(
            from: DateComponents(
                year: numbers[0], month: numbers[1], day: numbers[2], hour: numbers[3], minute: numbers[4],
                second: numbers[5]))
    }

    /// From `cat config`: the repository's id and the version of its format.
    package static func config(_ output: [UInt8]) -> (id: String, formatVersion: Int)? {
        // What does not decode is no configuration.
        guard let raw = try? JSONDecoder().decode(RawConfig.self, from: Data(output)), isID(raw.id) else { return nil }
        return (raw.id, raw.version)
    }

    /// From `find --json`: of each snapshot the entries that were found in it.
    package static func findings(_ output: [UInt8]) throws(Unreadable) -> [(SnapshotID, [SnapshotEntry])] {
        var result: [(SnapshotID, [SnapshotEntry])] = []
        for element in try elements(of: output) {
            // What does not decode is told by its number.
            guard let raw = try? JSONDecoder().decode(RawFindings.self, from: Data(output[element])) else {
                throw Unreadable(description: "element \(result.count + 1) of what was found cannot be read")
            }
            let entries = raw.matches.map { match in
                let type: SnapshotEntry.EntryType =
                    switch match.type {
                    case "file": .file
                    case "dir": .directory
                    case "symlink": .symlink
                    default: .other
                    }
                return SnapshotEntry(
                    path: match.path, type: type, size: match.size ?? 0, modified: match.mtime ?? "")
            }
            result.append((SnapshotID(rawValue: raw.snapshot), entries))
        }
        return result
    }

    private struct RawFindings: Decodable {
        struct Match: Decodable {
            var path: String
            var type: String?
            var size: Int64?
            var mtime: String?
        }
        var matches: [Match]
        var snapshot: String
    }

    /// Where the elements of a JSON list lie.
    private static func elements(of bytes: [UInt8]) throws(Unreadable) -> [Range<Int>] {
        let ranges: [Range<Int>]? = bytes.withUnsafeBytes { buffer in
            // Text may stand before the list; the list begins its line.
            guard let start = listStart(buffer) else { return nil }
            var cursor = JSONCursor(UnsafeRawBufferPointer(rebasing: buffer[start...]))
            guard cursor.take(91) else { return nil }
            var ranges: [Range<Int>] = []
            if cursor.take(93) { return ranges }
            repeat {
                cursor.skipBlanks()
                let from = cursor.position
                guard cursor.skipValue() else { return nil }
                ranges.append(start + from..<start + cursor.position)
            } while cursor.take(44)
            return cursor.take(93) ? ranges : nil
        }
        guard let ranges else { throw Unreadable(description: "the list of snapshots is not complete") }
        return ranges
    }

    private static func listStart(_ buffer: UnsafeRawBufferPointer) -> Int? {
        var atLineStart = true
        for (index, byte) in buffer.enumerated() {
            if atLineStart, byte == 91 { return index }
            atLineStart = byte == 10
        }
        return nil
    }
}

// Spelt as restic does.
// swift-format-ignore: AlwaysUseLowerCamelCase
private struct RawSnapshot: Decodable {
    struct Summary: Decodable {
        var total_files_processed: Int64?
        var total_bytes_processed: Int64?
    }

    var id: String
    var time: String
    var hostname: String?
    var username: String?
    var paths: [String]?
    var tags: [String]?
    var parent: String?
    var original: String?
    var summary: Summary?

    var snapshot: Snapshot? {
        guard ResticListing.isID(id), let when = Timestamp.parseWithOffset(time) else { return nil }
        var snapshot = Snapshot(
            id: SnapshotID(rawValue: id), time: when.date, utcOffset: when.utcOffset, host: hostname ?? "",
            user: username, paths: paths ?? [], tags: tags ?? [], parent: parent.map(SnapshotID.init),
            original: original.map(SnapshotID.init), bytes: summary?.total_bytes_processed.map { ByteCount($0) },
            files: summary?.total_files_processed)
        if let standsFor = snapshot.stamp?.standsFor { snapshot.original = standsFor }
        return snapshot
    }
}

private struct RawLock: Decodable {
    var time: String
    var exclusive: Bool?
    var hostname: String?
    var username: String?
    var pid: Int32?
}

private struct RawKey: Decodable {
    var id: String
    var userName: String?
    var hostName: String?
    var created: String?
    var current: Bool?
}

private struct RawConfig: Decodable {
    var id: String
    var version: Int
}
