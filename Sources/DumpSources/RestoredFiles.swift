import BackupModel

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Restored files held against the live ones that they were taken from. The live ones are read and never written.
struct RestoredFiles: Sendable {
    /// What came of it.
    struct Comparison: Sendable, Equatable {
        var files: Int64 = 0
        var same = 0
        /// Live ones with another size or time, or gone: nothing can be said of them.
        var changed = 0
        /// Live ones that we may not read, or that are too much to read in passing.
        var unread = 0
        /// Same size, same time, other content.
        var different: [String] = []
    }

    /// Where they lie, each at its full path below it.
    let folder: String
    /// Read of each side at most.
    static let mostBytes: Int64 = 1 << 30

    private struct Candidate {
        var restored: [UInt8]
        var status: FileStatus
    }

    /// Compares as many as `count`, any of them.
    func compare(_ count: Int, until isOver: @Sendable () -> Bool) -> Comparison {
        var comparison = Comparison()
        let chosen = sample(count, &comparison, isOver)
        var budget = RestoredFiles.mostBytes
        for candidate in chosen where !isOver() {
            let live = Array(candidate.restored.dropFirst(folder.utf8.count))
            guard let status = FileStatus.seen(live), RestoredFiles.isUnchanged(candidate.status, status) else {
                comparison.changed += 1
                continue
            }
            guard candidate.status.size <= budget else {
                comparison.unread += 1
                continue
            }
            budget -= candidate.status.size
            switch RestoredFiles.isSame(candidate.restored, live) {
            case nil: comparison.unread += 1
            case true?: comparison.same += 1
            case false?:
                // Somebody may have written it while it was read.
                guard let now = FileStatus.seen(live), now == status else {
                    comparison.changed += 1
                    continue
                }
                comparison.different.append(String(decoding: live, as: UTF8.self))
            }
        }
        return comparison
    }

    /// Each file is as likely as any other to be among them.
    private func sample(
        _ count: Int, _ comparison: inout Comparison, _ isOver: @Sendable () -> Bool
    ) -> [Candidate] {
        var chosen: [Candidate] = []
        var pending: [[UInt8]] = [Array(folder.utf8)]
        while let path = pending.popLast(), !isOver() {
            guard let entries = FolderEntries(path) else { continue }
            while let entry = entries.next() {
                guard let status = entry.status else { continue }
                if status.kind == .folder { pending.append(entry.path(in: path)) }
                guard status.kind == .file else { continue }
                comparison.files += 1
                guard count > 0 else { continue }
                let place = chosen.count < count ? chosen.count : Int(Int64.random(in: 0..<comparison.files))
                guard place < count else { continue }
                let file = entry.path(in: path)
                // Of a live database a consistent copy is kept, which is never the same bytes.
                if status.size % 512 == 0, System.begins(file, with: SQLiteCopier.magic) { continue }
                let candidate = Candidate(restored: file, status: status)
                if place == chosen.count { chosen.append(candidate) } else { chosen[place] = candidate }
            }
        }
        return chosen
    }

    /// Not every repository keeps fractions of a second.
    private static func isUnchanged(_ restored: FileStatus, _ live: FileStatus) -> Bool {
        live.kind == .file && restored.size == live.size && restored.modifiedSeconds == live.modifiedSeconds
            && (restored.modifiedNanoseconds == live.modifiedNanoseconds || restored.modifiedNanoseconds == 0)
    }

    /// - Returns: `nil` when one of them cannot be read.
    static func isSame(_ left: [UInt8], _ right: [UInt8]) -> Bool? {
        guard let left = Reading(left), let right = Reading(right) else { return nil }
        while true {
            guard let some = left.next(), let other = right.next() else { return nil }
            if some != other { return false }
            if some.isEmpty { return true }
        }
    }

    private final class Reading {
        private let descriptor: Int32
        private var buffer = [UInt8](repeating: 0, count: 256 << 10)

        init?(_ path: [UInt8]) {
            descriptor = (path + [0]).withUnsafeBytes {
                open(
                    $0.assumingMemoryBound(to: CChar.self).baseAddress!,
                    O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW)
            }
            guard descriptor >= 0 else { return nil }
        }

        deinit { close(descriptor) }

        /// Full pieces but the last; empty at the end, `nil` where reading fails.
        func next() -> ArraySlice<UInt8>? {
            var filled = 0
            while filled < buffer.count {
                let got = buffer.withUnsafeMutableBytes {
                    read(descriptor, $0.baseAddress! + filled, $0.count - filled)
                }
                guard got >= 0 else { return nil }
                if got == 0 { break }
                filled += got
            }
            return buffer[..<filled]
        }
    }
}
