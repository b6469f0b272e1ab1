import BackupModel
import Digests
import Foundation
import Programs

extension ServerArchives {
    func verify(
        _ depth: VerifyDepth, progress: @escaping @Sendable (TransferProgress) -> Void
    ) async throws(RepositoryError) -> VerifyReport {
        if case .data(let index, let count) = depth, count < 1 || !(1...max(1, count)).contains(index) {
            throw .unsupported("there is no slice \(index) of \(count)")
        }
        guard case .present = try await inspect(pin: nil) else { throw .absent(location: location) }
        var findings = try await inspectRuns(proving: true)
        let items = findings.items.sorted { $0.file.sha256 < $1.file.sha256 }
        var tally = TransferProgress(
            bytes: 0, totalBytes: ByteCount(items.reduce(0) { $0 + $1.file.bytes }), files: 0,
            totalFiles: Int64(items.count))
        var unopened: [String] = []
        for (offset, item) in items.enumerated() {
            let isOpened =
                switch depth {
                case .structure: false
                case .allData: true
                case .data(let index, let count): offset % count == index - 1
                }
            if let why = try await test(item, opening: isOpened, &unopened) {
                findings.damaged.append((item.path, why))
            }
            tally.bytes += ByteCount(item.file.bytes)
            tally.files += 1
            progress(tally)
        }
        if let why = unopened.first {
            findings.notices.append(
                "\(Words.count(unopened.count, "file")) could not be looked into, only compared with "
                    + "\(unopened.count == 1 ? "its digest" : "their digests"): \(why)")
        }
        findings.notices += try await view.store().unfinished(removing: false)
        let errors = findings.damaged.map { "\($0.path): \($0.why)" }
        return VerifyReport(isSound: errors.isEmpty, errors: errors, damagedFiles: errors, notices: findings.notices)
    }

    func scrub(
        progress: @escaping @Sendable (TransferProgress) -> Void
    ) async throws(RepositoryError) -> ScrubReport {
        let findings = try await inspectRuns(proving: false)
        var report = ScrubReport(
            files: 0, bytes: 0, damaged: findings.damaged.map { "\($0.path): \($0.why)" },
            unexpected: findings.strangers)
        for item in findings.items {
            if let why = try await difference(item) { report.damaged.append("\(item.path): \(why)") }
            report.files += 1
            report.bytes += ByteCount(item.file.bytes)
            progress(TransferProgress(bytes: report.bytes, files: Int64(report.files)))
        }
        return report
    }

    struct Item: Sendable {
        var run: String
        var file: ArchiveManifest.File
        var path: String { "\(run)/\(file.name)" }
    }

    private struct Findings {
        var damaged: [(path: String, why: String)] = []
        /// What has the right size.
        var items: [Item] = []
        var notices: [String] = []
        var strangers: [String] = []
    }

    // MARK: - What is there

    /// Every manifest, its proof, and whether it is the one that was sent; then every file's presence and size.
    private func inspectRuns(proving: Bool) async throws(RepositoryError) -> Findings {
        let seen = try await view.look()
        let sent = try sent()
        let reading = ArchiveRuns(access: access)
        var findings = Findings()
        var names = Set(seen.runs.keys)
        let older = Set(try access.folder.header().older ?? [])
        names.formUnion(sent.keys.compactMap { path in path.split(separator: "/").count == 2 ? folder(of: path) : nil })
        let oldest = seen.runs.keys.filter { !seen.manifests(of: $0).isEmpty }.min()
        for name in names.subtracting(older).sorted() {
            let awaited = sent.keys.filter { folder(of: $0) == name }.sorted()
            guard let sizes = seen.runs[name] else {
                // Whoever lets objects expire by their age has the oldest go first.
                if let oldest, oldest < name {
                    findings.damaged.append((name, "all of it is missing, and it was sent"))
                } else if oldest == nil {
                    findings.damaged.append((name, "it is missing, and so is every other run that was sent"))
                } else {
                    findings.notices.append("\(name) was sent there once and is gone, as is all that is older")
                }
                continue
            }
            guard !seen.manifests(of: name).isEmpty else {
                if let manifest = awaited.first(where: { $0.hasSuffix(".json") }) {
                    findings.damaged.append((manifest, "it is missing"))
                } else {
                    findings.notices.append(
                        "\(name) is not complete: its manifest is not there (the next backup sends it, or `backup prune` ends a removal)"
                    )
                }
                continue
            }
            do throws(RepositoryError) {
                let run = try reading.run(name)
                if proving { try await prove(run, sent["\(name)/\(run.file)"], &findings) }
                inspect(run, sizes, &findings)
            } catch {
                guard case .damaged(_, let detail) = error else { throw error }
                findings.damaged.append(
                    (name, detail.hasPrefix(name + ": ") ? String(detail.dropFirst(name.count + 2)) : detail))
            }
        }
        findings.notices += findings.strangers.map { "\($0) is no file of the run" }
        return findings
    }

    private func folder(of path: String) -> String { String(path.prefix { $0 != "/" }) }

    private func prove(_ run: ArchiveRun, _ sent: MirroredFile?, _ findings: inout Findings)
        async throws(RepositoryError)
    {
        try await ArchiveRuns(access: access).requireProof(run)
        let path = "\(run.folder)/\(run.file)"
        let seal = ArchiveSeal(access: access, keys: try await access.keys())
        guard case .unproven(let why) = try await seal.verdict(on: run.text) else { return }
        if let sent {
            let digest: String
            do throws(DigestError) { digest = try SHA256.digest(of: run.text).description } catch {
                throw .unsupported(error.description)
            }
            guard sent.digest == digest else {
                throw .damaged(location: location, detail: "\(path): it is not the manifest that was sent there")
            }
        }
        findings.notices.append("\(path): \(why)" + (sent == nil ? "" : "; it is the one that was sent from here"))
    }

    private func inspect(_ run: ArchiveRun, _ sizes: [String: Int64], _ findings: inout Findings) {
        for file in run.manifest.present {
            let item = Item(run: run.folder, file: file)
            switch sizes[file.name] {
            case nil: findings.damaged.append((item.path, "it is missing"))
            case file.bytes: findings.items.append(item)
            case let size?: findings.damaged.append((item.path, "it has \(size) bytes instead of \(file.bytes)"))
            }
        }
        let known = Set(run.manifest.files.map(\.name) + [run.file])
        findings.strangers += sizes.keys.filter { !known.contains($0) }.sorted().map { "\(run.folder)/\($0)" }
    }

    // MARK: - What is in it

    /// - Returns: what is wrong with it.
    private func test(_ item: Item, opening: Bool, _ unopened: inout [String]) async throws(RepositoryError) -> String?
    {
        guard opening else { return try await difference(item) }
        guard let supply = try await view.store().stream(item.path) else {
            try await view.bring(item.path, bytes: item.file.bytes)
            defer { view.release(item.path) }
            if let why = try digestHere(item) { return why }
            return try await open(item, from: nil, &unopened)
        }
        do throws(RepositoryError) {
            let before = unopened.count
            let why = try await open(item, from: supply, &unopened)
            // Nobody has read it so far.
            return unopened.count > before ? try await difference(item) : why
        } catch {
            if case .cancelled = error { throw error }
            // Its programs fail on what is damaged before anybody knows that it is.
            if let why = try await difference(item) { return why }
            throw error
        }
    }

    private func open(
        _ item: Item, from supply: ToolCommand?, _ unopened: inout [String]
    ) async throws(RepositoryError) -> String? {
        do throws(RepositoryError) {
            var inside = ArchiveInside(access: access, file: item.file, run: item.run)
            inside.supply = supply
            return try await inside.count().difference(from: item.file)
        } catch {
            switch error {
            case .unsupported(let why):
                unopened.append(why)
                return nil
            case .keyNotNamed(_, let how):
                unopened.append("\(error.description): \(how)")
                return nil
            case .noKey:
                unopened.append(error.description)
                return nil
            case .damaged(_, let detail) where supply == nil: return detail
            case .toolFailed(let tool, let how, let detail) where supply == nil:
                return "\(tool) failed (\(how)): \(detail)"
            default: throw error
            }
        }
    }

    /// Hashes a file as it streams; of one that only comes whole, here.
    private func difference(_ item: Item) async throws(RepositoryError) -> String? {
        guard let supply = try await view.store().stream(item.path) else {
            try await view.bring(item.path, bytes: item.file.bytes)
            defer { view.release(item.path) }
            return try digestHere(item)
        }
        let result = try await access.pipe([supply, access.own.digest()], refusingEmpty: false)
        if result.stages.contains(where: { $0.stopped == .cancelled }) { throw .cancelled }
        guard result.committed, let last = result.stages.last, last.didItsWork,
            let found = OwnStreams.kept(last.output.text)
        else {
            let failed = result.firstFailure.map { result.stages[$0] } ?? result.stages[0]
            throw .unreachable(location: location, detail: "\(item.path): \(failed.command.name): \(failed.lastWords)")
        }
        return judged(found.sha256, item)
    }

    private func digestHere(_ item: Item) throws(RepositoryError) -> String? {
        do throws(DigestError) {
            let found = try FileDigest().digest(ofFile: "\(access.folder.path)/\(item.path)") { _ in !Task.isCancelled }
            return judged(found.description, item)
        } catch {
            switch error {
            case .stopped: throw .cancelled
            case .unreadable, .unavailable: throw .unsupported("\(item.path): \(error.description)")
            }
        }
    }

    private func judged(_ digest: String, _ item: Item) -> String? {
        guard digest != item.file.sha256 else { return nil }
        return "its content is not what was stored"
    }
}
