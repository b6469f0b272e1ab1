import BackupModel
import Foundation
import TestSupport

/// A real repository full of tiny snapshots with chosen times and offsets.
///
/// A start of restic for each snapshot of each list would take minutes, so a list is not backed up but drawn: one `rewrite` gives
/// another host name to any number of snapshots of the pool.
struct ResticPool {
    private let folder: ScratchFolder
    private let restic: String
    private static let poolHost = "pool"

    init(restic: String) async throws {
        folder = try ScratchFolder("retention")
        self.restic = restic
        try QuickRepository.lay(at: folder["repository"])
        try await fill()
    }

    private func fill() async throws {
        let limit = Candidates.date("2025-06-01T00:00:00Z")
        let candidates = (1...6).flatMap { seed in
            var generator = RetentionGenerator(seed: UInt64(seed))
            return generator.candidates(count: 10...10).filter { $0.time < limit }
        }
        // One instant with two offsets is decided by the order in which restic happens to load the two.
        var offsets: [Date: Int] = [:]
        for candidate in candidates { offsets[candidate.time] = candidate.utcOffset }
        _ = try await inPairs(candidates.filter { offsets[$0.time] == $0.utcOffset }) { candidate in
            let local = UTCTime(candidate.time.addingTimeInterval(Double(candidate.utcOffset))).extended
            let time = local.replacing("T", with: " ").replacing("Z", with: "")
            try await run(
                ["backup", "--quiet", "--stdin", "--host", Self.poolHost, "--time", time],
                zone: Self.zone(candidate.utcOffset))
        }
    }

    /// - Returns: lists of 5 to 40 snapshots, by host.
    func drawLists(_ count: Int) async throws -> [String: [RetentionCandidate]] {
        let pool = try await snapshots().sorted { ($0.time, $0.id) < ($1.time, $1.id) }.map(\.id)
        var random = SeededGenerator(seed: 42)
        let draws = (0..<count).map { number in
            let size = Int.random(in: 5...min(40, pool.count), using: &random)
            return (host: "list\(number)", ids: Array(pool.shuffled(using: &random).prefix(size)))
        }
        _ = try await inPairs(draws) { draw in
            try await run(["rewrite", "--quiet", "--new-host", draw.host] + draw.ids)
        }
        let drawn = try await snapshots().filter { $0.hostname != Self.poolHost }
        let candidates = try drawn.map { snapshot in
            guard let (time, offset) = Timestamp.parseWithOffset(snapshot.time) else { throw PoolError(snapshot.time) }
            var group = Candidates.group
            group.host = snapshot.hostname
            return RetentionCandidate(
                id: SnapshotID(rawValue: snapshot.id), group: group, time: time, utcOffset: offset)
        }
        return Dictionary(grouping: candidates, by: \.group.host)
    }

    /// What this restic would keep of every list.
    func kept(by restic: String, policy: RetentionPolicy) async throws -> Set<SnapshotID> {
        let output = try await run(
            ["forget", "--dry-run", "--no-lock", "--json", "--group-by", "host"] + Self.flags(policy), restic: restic)
        let groups = try JSONDecoder().decode([ForgetGroup].self, from: output)
        return Set(groups.flatMap { $0.keep ?? [] }.map { SnapshotID(rawValue: $0.id) })
    }

    static func flags(_ policy: RetentionPolicy) -> [String] {
        let counts = [
            ("last", policy.last), ("hourly", policy.hourly), ("daily", policy.daily), ("weekly", policy.weekly),
            ("monthly", policy.monthly), ("yearly", policy.yearly),
        ]
        let within = policy.within.flatMap { $0 == CalendarSpan() ? nil : ["--keep-within", $0.description] } ?? []
        return counts.flatMap { name, count in (count ?? 0) > 0 ? ["--keep-\(name)", "\(count ?? 0)"] : [] } + within
    }

    private struct ResticSnapshot: Decodable {
        var id: String
        var time: String
        var hostname: String
    }

    private struct ForgetGroup: Decodable {
        var keep: [ResticSnapshot]?
    }

    private struct PoolError: Error, CustomStringConvertible {
        var description: String
        init(_ description: String) { self.description = description }
    }

    private func snapshots() async throws -> [ResticSnapshot] {
        try JSONDecoder().decode([ResticSnapshot].self, from: try await run(["snapshots", "--json"]))
    }

    /// A zone of fixed offset; the names below `Etc` count west of Greenwich.
    private static func zone(_ offset: Int) -> String {
        if offset == 19_800 { return "Asia/Kolkata" }
        return offset == 0 ? "UTC" : "Etc/GMT\(offset > 0 ? "-" : "+")\(abs(offset) / 3600)"
    }

    /// - Returns: standard output. Its standard input is one line.
    @discardableResult
    private func run(_ arguments: [String], restic other: String? = nil, zone: String = "UTC") async throws -> Data {
        let name = UUID().uuidString
        let output = try folder.write("", to: "out-\(name)")
        let errors = try folder.write("", to: "err-\(name)")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: other ?? restic)
        process.arguments = ["--repo", folder["repository"], "--no-cache"] + arguments
        process.environment = ["RESTIC_PASSWORD": QuickRepository.primary.password, "TZ": zone, "HOME": folder.path]
        process.standardInput = FileHandle(forReadingAtPath: try folder.write("one line\n", to: "in-\(name)"))
        process.standardOutput = FileHandle(forWritingAtPath: output)
        process.standardError = FileHandle(forWritingAtPath: errors)
        let status = try await withCheckedThrowingContinuation { (done: CheckedContinuation<Int32, any Error>) in
            process.terminationHandler = { done.resume(returning: $0.terminationStatus) }
            do { try process.run() } catch { done.resume(throwing: error) }
        }
        guard status == 0 else {
            let said = try String(contentsOfFile: errors, encoding: .utf8)
            throw PoolError("restic \(arguments.joined(separator: " ")) ended with \(status): \(said)")
        }
        return try Data(contentsOf: URL(fileURLWithPath: output))
    }
}

/// Does `work` for every item, two at a time, and gives the results in the order of the items.
func inPairs<Item: Sendable, Output: Sendable>(
    _ items: [Item], _ work: @escaping @Sendable (Item) async throws -> Output
) async throws -> [Output] {
    try await withThrowingTaskGroup(of: (Int, Output).self) { group in
        var results: [Int: Output] = [:]
        for (index, item) in items.enumerated() {
            if index >= 2, let (finished, output) = try await group.next() { results[finished] = output }
            group.addTask { (index, try await work(item)) }
        }
        for try await (finished, output) in group { results[finished] = output }
        return items.indices.compactMap { results[$0] }
    }
}
