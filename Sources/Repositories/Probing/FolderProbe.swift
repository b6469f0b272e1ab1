import BackupModel
import Foundation

/// Looks what this process may do in a folder of this machine: by what the system says of the repository's own folders, and
/// by writing in one of ours, which is gone afterwards.
struct FolderProbe: AccessProbe {
    let folder: ResticFolder
    let host: any HostFacts
    /// Throws where the disk is missing that the profile demands.
    let requirePlace: @Sendable () throws(RepositoryError) -> Void

    func probe() async throws(RepositoryError) -> AccessReport {
        try requirePlace()
        switch try folder.content() {
        case .missing, .empty, .unfinished: return .unknown("there is no repository there yet")
        case .foreign(let what): throw .occupied(location: folder.path, by: what)
        case .repository, .headless: break
        }
        var report = AccessReport([:])
        report[.list] = permission { () throws(SystemFailure) in _ = try SystemFolder.names(in: folder.path + "/data") }
        report[.read] = permission { () throws(SystemFailure) in
            try SystemFolder.requireReadable(folder.path + "/config")
        }
        let writing = tryWriting()
        // Who could not write beside the repository's folders may still write in them.
        let inData = permission { () throws(SystemFailure) in
            try SystemFolder.requireWritable(folder.path + "/data")
            let names = try SystemFolder.names(in: folder.path + "/data")
            if let first = names.first { try SystemFolder.requireWritable("\(folder.path)/data/\(first)") }
        }
        report[.put] = inData
        report[.overwrite] = writing == .allowed ? inData : writing
        report[.deleteData] = inData
        report[.deleteLocks] = permission { () throws(SystemFailure) in
            try SystemFolder.requireWritable(folder.path + "/locks")
        }
        if host.mount(containing: folder.path)?.isReadOnly == true {
            report.notices.append("its disk is mounted read-only")
        }
        return report
    }

    /// Makes, replaces and removes a file in a folder of ours. What an earlier probe left, when it was killed, goes too.
    private func tryWriting() -> Permission {
        let own = folder.path + "/" + Inquiry.folder
        let file = own + "/object"
        let result = permission { () throws(SystemFailure) in
            try SystemFolder.makePrivate(own)
            for content in ["first", "second"] { try SystemFolder.makeFile(Array(content.utf8), at: file) }
            try SystemFolder.remove(file)
        }
        unlink(file)
        rmdir(own)
        return result
    }

    private func permission(_ body: () throws(SystemFailure) -> Void) -> Permission {
        do throws(SystemFailure) {
            try body()
            return .allowed
        } catch {
            switch error.code {
            case SystemFailure.noAccess, SystemFailure.notPermitted, SystemFailure.readOnly: return .refused
            default: return .unknown("\(error.path): \(error.reason)")
            }
        }
    }
}
