package import BackupModel

extension ResticRepository {
    package func sizeOnDisk() throws(RepositoryError) -> (files: Int, bytes: ByteCount)? {
        guard let folder = access.folder else { return nil }
        var files = 0
        var bytes: Int64 = 0
        func add(_ path: String) throws(SystemFailure) {
            // One that a prune has deleted since is nobody's loss.
            guard let status = try SystemFolder.status(path), status.type == .file else { return }
            files += 1
            bytes += status.size
        }
        func addAll(_ path: String) throws(SystemFailure) {
            for name in try SystemFolder.names(in: path) { try add(path + "/" + name) }
        }
        do throws(SystemFailure) {
            try add(folder.path + "/config")
            for name in ["index", "keys", "snapshots"] { try addAll("\(folder.path)/\(name)") }
            for name in try SystemFolder.names(in: folder.path + "/data") {
                let path = "\(folder.path)/data/\(name)"
                if try SystemFolder.status(path)?.type == .folder { try addAll(path) } else { try add(path) }
            }
        } catch {
            throw folder.repositoryError(error)
        }
        return (files, ByteCount(bytes))
    }
}
