package import BackupModel
import Foundation
import Synchronization

/// Scratch folders below a folder of the test's own: they really exist, for whatever works in them needs them.
package final class MemoryScratch: ScratchSpace {
    private struct State {
        var folders: [RunID: String] = [:]
        var removed: [String] = []
        var failure: ScratchError?
    }

    private let state = Mutex(State())
    private let base: String
    package var defaultRoot: String { base }

    /// - Parameter base: an existing folder.
    package init(base: String) { self.base = base }

    /// Every call fails with this until it is `nil` again.
    package func fail(with error: ScratchError?) { state.withLock { $0.failure = error } }
    package var existing: [String] { state.withLock { $0.folders.values.sorted() } }
    package var removed: [String] { state.withLock { $0.removed } }

    package func path(for run: RunID, root: String?) -> String { "\(root ?? base)/holdfast-\(run)" }

    package func create(for run: RunID, root: String?) throws(ScratchError) -> String {
        if let failure = state.withLock({ $0.failure }) { throw failure }
        let path = path(for: run, root: root)
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw ScratchError(path: path, reason: "\(error)")
        }
        state.withLock { $0.folders[run] = path }
        return path
    }

    package func remove(_ path: String) throws(ScratchError) {
        if let failure = state.withLock({ $0.failure }) { throw failure }
        if FileManager.default.fileExists(atPath: path) {
            do { try FileManager.default.removeItem(atPath: path) } catch {
                throw ScratchError(path: path, reason: "\(error)")
            }
        }
        state.withLock { state in
            state.folders = state.folders.filter { $0.value != path }
            state.removed.append(path)
        }
    }

    package func present(root: String) -> [String] { existing.filter { $0.hasPrefix(root + "/") } }

    package func sweep(root: String?, isLive: (RunID) -> Bool) throws(ScratchError) -> [String] {
        let base = root ?? self.base
        let dead = state.withLock { $0.folders }
            .filter { $0.value.hasPrefix(base + "/") && !isLive($0.key) }.values.sorted()
        for path in dead { try remove(path) }
        return dead
    }
}
