import BackupModel
import Foundation

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A tree that was restored beside its target, and the way into its place.
struct StagedTree {
    let staging: String
    let directory: String
    /// What is in the target and not in the tree goes.
    let isExact: Bool

    /// Makes the staging folder, has it filled and moves everything into its place. In the end the staging folder is gone,
    /// whatever happened.
    func filled(
        _ fill: (_ staging: String) async throws(RepositoryError) -> ExtractReport
    ) async throws(RepositoryError) -> ExtractReport {
        let result: Result<ExtractReport, RepositoryError>
        do throws(RepositoryError) {
            try StagedTree.makeFolder(staging)
            let report = try await fill(staging)
            try settle()
            result = .success(report)
        } catch {
            result = .failure(error)
        }
        do throws(SystemFailure) { _ = try TreeRemoval.remove(staging) } catch {
            throw .unsupported("\(error.path) cannot be removed: \(error.reason)")
        }
        return try result.get()
    }

    static func makeFolder(_ path: String) throws(RepositoryError) {
        do throws(SystemFailure) { try SystemFolder.makePrivate(path) } catch {
            throw RestorePlace.error(error)
        }
    }

    /// Moves everything into its place. What is there already is an error, and then nothing is moved.
    func settle() throws(RepositoryError) {
        do throws(SystemFailure) {
            var present = stat()
            guard lstat(directory, &present) == 0 else {
                try SystemFolder.makePrivate((directory as NSString).deletingLastPathComponent)
                return try SystemFolder.rename(staging, to: directory)
            }
            guard SelectionWalk.isFolder(present) else {
                throw SystemFailure(code: SystemFailure.noFolder, path: directory)
            }
            let target = Array(directory.utf8)
            guard let names = SelectionWalk.names(in: target) else { throw .last(directory) }
            guard !names.isEmpty else {
                // One empty folder gives way to another in one step.
                guard chmod(staging, present.st_mode & 0o7777) == 0 else { throw .last(staging) }
                return try SystemFolder.rename(staging, to: directory)
            }
            guard !isExact else { throw SystemFailure(code: ENOTEMPTY, path: directory) }
            var moves: [(from: [UInt8], to: [UInt8])] = []
            try plan(Array(staging.utf8), target, &moves)
            for move in moves {
                guard StagedTree.move(move.from, to: move.to) else {
                    throw .last(String(decoding: move.to, as: UTF8.self))
                }
            }
        } catch {
            throw RestorePlace.error(error)
        }
    }

    /// - Throws: where something is in the way.
    private func plan(
        _ from: [UInt8], _ to: [UInt8], _ moves: inout [(from: [UInt8], to: [UInt8])]
    ) throws(SystemFailure) {
        guard let names = SelectionWalk.names(in: from) else { throw .last(String(decoding: from, as: UTF8.self)) }
        for name in names {
            let source = from + [47] + name
            let place = to + [47] + name
            var old = stat()
            var new = stat()
            guard SelectionWalk.look(source, &new) == 0 else { throw .last(String(decoding: source, as: UTF8.self)) }
            guard SelectionWalk.look(place, &old) == 0 else {
                moves.append((source, place))
                continue
            }
            guard SelectionWalk.isFolder(old), SelectionWalk.isFolder(new) else {
                throw SystemFailure(code: EEXIST, path: String(decoding: place, as: UTF8.self))
            }
            try plan(source, place, &moves)
        }
    }

    private static func move(_ from: [UInt8], to: [UInt8]) -> Bool {
        (from + [0]).withUnsafeBytes { from in
            (to + [0]).withUnsafeBytes { to in
                rename(
                    from.assumingMemoryBound(to: CChar.self).baseAddress!,
                    to.assumingMemoryBound(to: CChar.self).baseAddress!) == 0
            }
        }
    }

    /// Regular files below a folder, each once, however many names it has.
    static func count(_ folder: String) throws(RepositoryError) -> (files: Int64, bytes: Int64) {
        var files: Int64 = 0
        var bytes: Int64 = 0
        var seen: Set<UInt64> = []
        var pending = [Array(folder.utf8)]
        while let next = pending.popLast() {
            guard let names = SelectionWalk.names(in: next) else {
                throw .unsupported("\(String(decoding: next, as: UTF8.self)) cannot be read after it was restored")
            }
            for name in names {
                let path = next + [47] + name
                var status = stat()
                guard SelectionWalk.look(path, &status) == 0 else { continue }
                if SelectionWalk.isFolder(status) { pending.append(path) }
                guard SelectionWalk.isFile(status) else { continue }
                if status.st_nlink > 1, !seen.insert(UInt64(status.st_ino)).inserted { continue }
                files += 1
                bytes += Int64(status.st_size)
            }
        }
        return (files, bytes)
    }
}
