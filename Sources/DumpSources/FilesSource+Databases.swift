import BackupModel
import Foundation
import Programs

/// How the consistent copies of live databases get into the backup.
///
/// Where we may mount, each copy stands in for its original, at its own path in the same snapshot. Otherwise (an ordinary
/// user, a container without the right, `one-file-system` with scratch on another disk) each is a part of its own that
/// bears the original's path, and a restore puts it there.
extension FilesSource {
    /// Finds out by doing it: a program that does nothing is started with the copies in place.
    func chooseWay(for capture: inout Capture) async throws(SourceError) {
        let substitutes = capture.selection.substitutes
        guard !substitutes.isEmpty else { return }
        var probe = ToolCommand("true")
        probe.overlays = substitutes.map { FileOverlay(place: $0.key, content: $0.value) }
        probe.limits = ToolCommand.Limits(total: .seconds(30))
        let isPossible: Bool
        do {
            isPossible = try await services.runner.run(probe).didItsWork
        } catch .couldNotStart(_, FileOverlay.stage, _, _) {
            isPossible = false
        } catch { throw .tool(error) }
        // A mounted copy counts as another file system where it lies on another device, and restic would pass it over.
        let isSeen =
            !settings.oneFileSystem
            || substitutes.allSatisfy { live, copy in
                FileStatus.seen(live)?.identity.device == FileStatus.seen(copy)?.identity.device
            }
        guard !isPossible || !isSeen else { return }
        capture.alone = substitutes.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        capture.selection.substitutes = [:]
        capture.selection.excludedPaths += capture.alone.map(\.live)
    }

    func storeAlone(
        _ databases: [(live: String, copy: String)], with store: PartStore
    ) async throws(SourceError) -> [PartReport] {
        var reports: [PartReport] = []
        for (live, copy) in databases {
            let path = PartPath(rawValue: live)
            let stored: StoredPart
            do { stored = try await store(CapturedPart(path: path, content: .file(copy))) } catch {
                throw .repository(error)
            }
            let status: FileStatus
            do { status = try FileStatus(copy, followingLinks: false) } catch { throw error.reading(copy) }
            var facts = Facts()
            facts.bytes = stored.bytes
            reports.append(
                PartReport(
                    path: path, stored: stored, condition: .clean, facts: facts,
                    restoreNotes: [
                        "mode": String(status.mode, radix: 8), "modified": String(status.modifiedSeconds),
                        "owner": String(status.owner), "group": String(status.group),
                    ]))
        }
        return reports
    }

    /// Puts a database that is a part of its own where it was among the files.
    func restoreAlone(
        _ request: RestoreRequest, _ context: CaptureContext
    ) async throws(SourceError) -> RestoreReport {
        let path = request.part.part.rawValue
        guard path.hasPrefix("/"), !path.split(separator: "/").contains("..") else {
            throw .unsupported("\(path) is no path that a file could be restored to", hint: nil)
        }
        let target = request.directory + path
        let folder = (target as NSString).deletingLastPathComponent
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch { throw .unreadable(folder, reason: "it cannot be made: \(error.localizedDescription)") }
        var request = request
        request.directory = folder
        let report = try await DumpReceiver(services: services, context: context).receive(request, as: target) {
            (partial) throws(SourceError) in
            var result = RestoreProof()
            let (integrity, obstacle) = try await SQLiteProof(services: services).integrity(of: partial)
            if let damage = integrity?.damage.first {
                throw .mismatch(what: "the restored \(path)", expected: "a sound database", found: damage)
            }
            if integrity != nil { result.proofs.append("integrity check passed") }
            if let obstacle { result.unproven.append("its integrity: \(obstacle)") }
            return result
        }
        try applyNotes(request.part.restoreNotes, to: target)
        return report
    }

    private func applyNotes(_ notes: [String: String], to path: String) throws(SourceError) {
        do {
            var status = try FileStatus(path, followingLinks: false)
            if let mode = notes["mode"].flatMap({ UInt32($0, radix: 8) }) { status.mode = mode }
            if let seconds = notes["modified"].flatMap({ Int($0) }) {
                status.modifiedSeconds = seconds
                status.modifiedNanoseconds = 0
            }
            if services.host.effectiveUserID == 0 {
                if let owner = notes["owner"].flatMap({ UInt32($0) }) { status.owner = owner }
                if let group = notes["group"].flatMap({ UInt32($0) }) { status.group = group }
            }
            try System.applyAttributes(of: status, to: path)
        } catch { throw .unreadable(path, reason: "its attributes cannot be set: \(error)") }
    }
}

extension FilesSource.Capture {
    /// A program that put a new file in a database's place while the copy stood in for it took the stand-in away: what was
    /// stored is then the live file as it lay there.
    mutating func noteReplacedDatabases() {
        for (path, original) in originals.sorted(by: { $0.key < $1.key })
        where selection.substitutes[path] != nil && FileStatus.seen(path)?.identity != original {
            condition = condition == .damaged ? .damaged : .partial
            notices.append(
                "\(path), an SQLite database, was replaced while it was being stored; this backup may hold it half written"
            )
        }
    }
}
