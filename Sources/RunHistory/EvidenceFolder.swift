package import BackupModel
import Foundation

/// What drills leave for somebody who has to be shown: `evidence/<run>.json` and `evidence/<run>.html` in the state folder. The
/// newest so many stay.
package struct EvidenceFolder: Sendable {
    private let root: String
    private let keep: Int

    package static let usualCount = 100

    /// - Parameter folder: the state folder.
    package init(folder: String, keep: Int = EvidenceFolder.usualCount) {
        root = folder
        self.keep = keep
    }

    private var folder: String { root + "/evidence" }

    package func page(of run: RunID) -> String { "\(folder)/\(run).html" }
    package func document(of run: RunID) -> String { "\(folder)/\(run).json" }

    /// Writes both, durably, and removes those whose time is over.
    package func save(_ run: RunID, document: String, page: String) throws(StoreError) {
        try StateFolder.prepare(folder, in: root)
        try DurableFile.write(Array(document.utf8), to: self.document(of: run))
        try DurableFile.write(Array(page.utf8), to: self.page(of: run))
        sweep()
    }

    /// Names of runs sort by time. What cannot be removed is tried again by the next drill.
    private func sweep() {
        // A folder that cannot be read is swept another time.
        let names = (try? StateFolder.names(in: folder)) ?? []
        let runs = Set(
            names.compactMap { name in
                [".json", ".html"].first(where: name.hasSuffix).map { String(name.dropLast($0.count)) }
            }
        ).compactMap(RunID.init(rawValue:)).filter { $0.date != nil }.sorted(by: >)
        for run in runs.dropFirst(keep) {
            for path in [document(of: run), page(of: run)] { unlink(path) }
        }
    }
}
