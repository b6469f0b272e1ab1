package import BackupModel
import Foundation

extension KeptAside {
    /// What one step of a restore has put aside, as it is found now.
    package enum Found: Sendable, Equatable {
        /// - Parameter isAtLeast: there was more than could be counted in time.
        case size(ByteCount, isAtLeast: Bool)
        /// It went along with the folder that it lay in, which a later restore has put aside.
        case moved(to: String, ByteCount)
        case gone
        /// A database: its server would have to be asked.
        case unasked
    }

    /// Absolute paths of what has been put aside, and of what belongs to it: captures leave them out.
    package func paths() throws(StoreError) -> [String] {
        var paths: Set<String> = []
        for kept in try all() where kept.isSettled {
            for case .path(let exchange) in kept.settlement.steps {
                let folder = (exchange.aside as NSString).deletingLastPathComponent
                if (folder as NSString).lastPathComponent == KeptAside.folderName(of: kept.settlement.run) {
                    paths.insert(folder)
                } else {
                    paths.formUnion([exchange.aside] + exchange.sideFiles.map { exchange.aside + $0 })
                }
            }
        }
        return paths.sorted()
    }

    /// Names of databases that have been put aside, and of those that are being loaded under another name.
    package func databases() throws(StoreError) -> Set<String> {
        var names: Set<String> = []
        for entry in try engine.journal.entries(profile: engine.profile.name) {
            switch entry.action {
            case .dropDatabase(let name, part: _): names.insert(name)
            case .keep(let settlement), .settle(let settlement):
                for case .database(let renaming) in settlement.steps {
                    names.insert(renaming.aside)
                    if let staged = renaming.staged { names.insert(staged) }
                }
            case .removeFolder, .endProcess, .release: continue
            }
        }
        return names
    }

    /// In a place that something is mounted at, it holds what was there.
    private static func folderName(of run: RunID) -> String { ".holdfast-before-\(run)" }

    /// How long anybody waits for sizes.
    private static let patience = Duration.seconds(10)

    /// By run, of each step in its order.
    package func sizes(of all: [Kept]) throws -> [RunID: [Found]] {
        let end = engine.clock.uptime + KeptAside.patience
        var found: [RunID: [Found]] = [:]
        for kept in all {
            found[kept.settlement.run] = try kept.settlement.steps.map { step in
                guard case .path(let exchange) = step else { return .unasked }
                let others = all.filter { $0.settlement.run != kept.settlement.run }
                return try look(exchange, others, until: end)
            }
        }
        return found
    }

    private func look(_ exchange: Settlement.Exchange, _ others: [Kept], until end: Duration) throws -> Found {
        var isWhole = true
        if try engine.host.entry(at: exchange.aside) == nil {
            for other in others {
                guard let place = try place(of: exchange.aside, in: other) else { continue }
                return .moved(to: place, try size(of: place, until: end, &isWhole))
            }
            return .gone
        }
        var bytes = ByteCount.zero
        for path in [exchange.aside] + exchange.sideFiles.map({ exchange.aside + $0 }) {
            bytes += try size(of: path, until: end, &isWhole)
        }
        return .size(bytes, isAtLeast: !isWhole)
    }

    /// Of the files below it, each as long as it is; what cannot be looked into counts for nothing, and `isWhole` says so.
    private func size(of path: String, until end: Duration, _ isWhole: inout Bool) throws -> ByteCount {
        var bytes: Int64 = 0
        var pending = [path]
        while let next = pending.popLast() {
            guard engine.clock.uptime < end else {
                isWhole = false
                break
            }
            do {
                guard let entry = try engine.host.entry(at: next) else { continue }
                switch entry.kind {
                case .folder: pending += try engine.host.names(in: next).map { next + "/" + $0 }
                case .file: bytes += entry.size
                case .link, .other: break
                }
            } catch { isWhole = false }
        }
        return ByteCount(bytes)
    }
}
