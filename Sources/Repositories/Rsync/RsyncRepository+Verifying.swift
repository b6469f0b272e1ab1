package import BackupModel
import Digests
import Foundation
import Programs

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension RsyncRepository {
    package func verify(
        _ depth: VerifyDepth, progress: @escaping @Sendable (TransferProgress) -> Void
    ) async throws(RepositoryError) -> VerifyReport {
        if case .data(let index, let count) = depth, count < 1 || !(1...max(1, count)).contains(index) {
            throw .unsupported("there is no slice \(index) of \(count)")
        }
        let findings = try await examine(depth, progress)
        let lines = findings.amiss.map { "\($0.path): \($0.why)" + RsyncExamination.alsoIn($0.others) }
        var notices = findings.extras.map { "\($0) is no file of its run" }
        notices += findings.closed.map { "\($0.path) cannot be looked into: \($0.why)" }
        for name in findings.leftovers {
            notices.append("\(name) is left over from a run that did not come to its end; `backup prune` removes it")
        }
        return VerifyReport(isSound: lines.isEmpty, errors: lines, damagedFiles: lines, notices: notices)
    }

    package func scrub(
        progress: @escaping @Sendable (TransferProgress) -> Void
    ) async throws(RepositoryError) -> ScrubReport {
        let findings = try await examine(.allData, progress)
        var report = ScrubReport(files: findings.files, bytes: ByteCount(findings.bytes))
        for item in findings.amiss {
            if item.isUnreadable {
                report.unreadable[item.path] = item.why + RsyncExamination.alsoIn(item.others)
            } else {
                report.damaged.append(item.path + RsyncExamination.alsoIn(item.others))
            }
        }
        report.unexpected = findings.extras
        report.leftovers = findings.leftovers
        return report
    }

    private func examine(
        _ depth: VerifyDepth, _ progress: @escaping @Sendable (TransferProgress) -> Void
    ) async throws(RepositoryError) -> RsyncExamination.Findings {
        try access.requirePlace()
        switch try access.folder.content() {
        case .missing, .empty: throw .absent(location: location)
        case .foreign(let what): throw .occupied(location: location, by: what)
        case .repository: break
        }
        let access = access
        return try await Blocking.run { stop throws(RepositoryError) in
            var examination = try RsyncExamination(access, depth, progress, stop)
            try examination.run()
            return examination.findings
        }
    }
}

/// Holds every run against its manifest and its list. A file that several runs have as one is read once, and what is wrong with
/// it is told once, with all the runs that have it.
struct RsyncExamination {
    struct Item: Sendable {
        /// In the repository.
        var path: String
        var why: String
        var isUnreadable = false
        /// Other runs that have the same file.
        var others: [String] = []
    }

    struct Findings: Sendable {
        var amiss: [Item] = []
        var extras: [String] = []
        /// Folders that our user may not look into.
        var closed: [(path: String, why: String)] = []
        var leftovers: [String] = []
        /// Files that were read.
        var files = 0
        var bytes: Int64 = 0
    }

    private(set) var findings = Findings()
    private let access: RsyncAccess
    private let depth: VerifyDepth
    private let progress: @Sendable (TransferProgress) -> Void
    private let stop: Blocking.Stop
    private let hash: FileDigest
    private var announced: Int64 = 0
    /// What was read of files with several names, by their inode.
    private var known: [UInt64: [UInt8]] = [:]
    /// Where in the findings a damaged file is.
    private var told: [UInt64: Int] = [:]

    init(
        _ access: RsyncAccess, _ depth: VerifyDepth, _ progress: @escaping @Sendable (TransferProgress) -> Void,
        _ stop: Blocking.Stop
    ) throws(RepositoryError) {
        self.access = access
        self.depth = depth
        self.progress = progress
        self.stop = stop
        do throws(DigestError) { hash = try FileDigest() } catch { throw .unsupported(error.description) }
    }

    static func alsoIn(_ runs: [String]) -> String {
        runs.isEmpty ? "" : " (the same file in \(runs.joined(separator: ", ")))"
    }

    mutating func run() throws(RepositoryError) {
        let runs = RsyncRuns(access: access)
        let id = try access.folder.header().id
        findings.leftovers = try access.folder.partial() + access.folder.removing()
        // Newest first: a file is named in the run that one looks at first.
        for name in try access.folder.runs().reversed() {
            let run: RsyncRun
            do throws(RepositoryError) {
                run = try runs.run(name, of: id)
            } catch {
                guard case .damaged(_, let detail) = error else { throw error }
                findings.amiss.append(Item(path: name, why: detail.replacing("\(name): ", with: "")))
                continue
            }
            let names = try access.folder.names(in: name)
            let expected = run.manifest.present.map(\.name) + [RsyncManifest.fileName, RsyncManifest.sumsName]
            for stranger in names where !expected.contains(stranger) { findings.extras.append("\(name)/\(stranger)") }
            guard names.contains(RsyncManifest.sumsName) else {
                findings.amiss.append(Item(path: "\(name)/\(RsyncManifest.sumsName)", why: "it is missing"))
                continue
            }
            for part in run.manifest.present {
                guard names.contains(part.name) else {
                    findings.amiss.append(Item(path: "\(name)/\(part.name)", why: "it is missing"))
                    continue
                }
                if part.content == .tree { try examine(part, of: name) } else { try examineFile(part, of: name) }
            }
        }
    }

    private mutating func examineFile(_ part: RsyncManifest.Part, of run: String) throws(RepositoryError) {
        let path = "\(run)/\(part.name)"
        let found = try access.folder.size(of: path)
        guard found == part.bytes else {
            findings.amiss.append(
                Item(path: path, why: found.map { "it has \($0) bytes instead of \(part.bytes)" } ?? "it is no file"))
            return
        }
        var status = stat()
        guard lstat("\(access.folder.path)/\(path)", &status) == 0 else { return }
        do throws(SystemFailure) {
            try judge(path, Array("\(access.folder.path)/\(path)".utf8), status, Array(part.sha256.utf8), of: run)
        } catch {
            throw access.error(error)
        }
    }

    private mutating func examine(_ part: RsyncManifest.Part, of run: String) throws(RepositoryError) {
        let list = "\(run)/\(RsyncManifest.sumsName)"
        let tree = "\(run)/\(part.name)"
        let records: TreeListReader?
        do throws(SystemFailure) { records = try part.records(in: "\(access.folder.path)/\(list)") } catch {
            throw access.error(error)
        }
        guard let records else {
            findings.amiss.append(
                Item(path: list, why: "what it says of \(part.name) is not what was written; its digests prove nothing")
            )
            return
        }
        // Two closures change one value.
        var examination = self
        var amiss: [Item] = []
        var extras: [String] = []
        var closed: [(path: String, why: String)] = []
        do throws(SystemFailure) {
            let root = Array("\(access.folder.path)/\(tree)/".utf8)
            try TreeComparison.compare(
                records, with: "\(access.folder.path)/\(tree)", stop: stop,
                file: { file throws(SystemFailure) in
                    try examination.judge(
                        "\(tree)/\(String(decoding: file.path, as: UTF8.self))", root + file.path, file.entry.status,
                        file.digest, of: run)
                },
                found: { path, finding in
                    let path = "\(tree)/\(String(decoding: path, as: UTF8.self))"
                    switch finding {
                    case .missing: amiss.append(Item(path: path, why: "it is missing"))
                    case .different(let how): amiss.append(Item(path: path, why: how))
                    case .extra: extras.append(path)
                    case .closed(let why): closed.append((path, why))
                    }
                })
        } catch {
            throw access.error(error)
        }
        self = examination
        findings.amiss += amiss
        findings.extras += extras
        findings.closed += closed
    }

    // MARK: - Contents

    /// Reads a file where that is asked for.
    private mutating func judge(
        _ path: String, _ place: [UInt8], _ status: stat, _ digest: [UInt8], of run: String
    ) throws(SystemFailure) {
        let inode = UInt64(status.st_ino)
        switch depth {
        case .structure: return
        case .data(let index, let count): guard inode % UInt64(count) == UInt64(index - 1) else { return }
        case .allData: break
        }
        let hasSeveralNames = status.st_nlink > 1
        if hasSeveralNames, let item = told[inode] {
            if !findings.amiss[item].path.hasPrefix(run + "/"), !findings.amiss[item].others.contains(run) {
                findings.amiss[item].others.append(run)
            }
            return
        }
        let found: [UInt8]
        if hasSeveralNames, let read = known[inode] {
            found = read
        } else {
            do throws(DigestError) {
                found = try hash.hexadecimal(ofFile: place) { _ in !stop.isWanted }
            } catch {
                if error == .stopped { throw SystemFailure(code: ECANCELED, path: path) }
                return tell(Item(path: path, why: error.description, isUnreadable: true), hasSeveralNames ? inode : nil)
            }
            if hasSeveralNames { known[inode] = found }
            count(Int64(status.st_size))
        }
        if found != digest {
            tell(Item(path: path, why: "its content is not what was stored"), hasSeveralNames ? inode : nil)
        }
    }

    private mutating func tell(_ item: Item, _ inode: UInt64?) {
        if let inode { told[inode] = findings.amiss.count }
        findings.amiss.append(item)
    }

    private mutating func count(_ bytes: Int64) {
        findings.files += 1
        findings.bytes += bytes
        guard findings.bytes - announced >= 64 << 20 else { return }
        announced = findings.bytes
        progress(TransferProgress(bytes: ByteCount(findings.bytes), files: Int64(findings.files)))
    }
}
