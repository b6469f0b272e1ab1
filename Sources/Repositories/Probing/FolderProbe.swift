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
        report[.list] = FolderProbe.permission { () throws(SystemFailure) in
            _ = try SystemFolder.names(in: folder.path + "/data")
        }
        report[.read] = FolderProbe.permission { () throws(SystemFailure) in
            try SystemFolder.requireReadable(folder.path + "/config")
        }
        let writing = FolderProbe.tryWriting(below: folder.path)
        // Who could not write beside the repository's folders may still write in them.
        let inData = FolderProbe.permission { () throws(SystemFailure) in
            try SystemFolder.requireWritable(folder.path + "/data")
            let names = try SystemFolder.names(in: folder.path + "/data")
            if let first = names.first { try SystemFolder.requireWritable("\(folder.path)/data/\(first)") }
        }
        report[.put] = inData
        report[.overwrite] = writing == .allowed ? inData : writing
        report[.deleteData] = inData
        report[.deleteLocks] = FolderProbe.permission { () throws(SystemFailure) in
            try SystemFolder.requireWritable(folder.path + "/locks")
        }
        if host.mount(containing: folder.path)?.isReadOnly == true {
            report.notices.append("its disk is mounted read-only")
        }
        return report
    }

    /// Makes, replaces and removes a file in a folder of ours. What an earlier probe left, when it was killed, goes too.
    ///
    /// A link in its place leads to somebody else's files: it is not followed.
    static func tryWriting(below path: String) -> Permission {
        let own = path + "/" + Inquiry.folder
        guard mkdir(own, 0o700) == 0 || errno == EEXIST else { return FolderProbe.permission(code: errno, own) }
        let place = open(own, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard place >= 0 else { return .unknown("\(own) is there and is no folder") }
        defer {
            close(place)
            rmdir(own)
        }
        unlinkat(place, "object", 0)
        for flags in [O_CREAT | O_EXCL, O_TRUNC] {
            let file = openat(place, "object", O_WRONLY | O_NOFOLLOW | O_CLOEXEC | flags, 0o600)
            guard file >= 0 else { return FolderProbe.permission(code: errno, own + "/object") }
            let written = write(file, "probe", 5)
            let code = errno
            close(file)
            guard written == 5 else { return FolderProbe.permission(code: code, own + "/object") }
        }
        guard unlinkat(place, "object", 0) == 0 else { return FolderProbe.permission(code: errno, own + "/object") }
        return .allowed
    }

    static func permission(_ body: () throws(SystemFailure) -> Void) -> Permission {
        do throws(SystemFailure) {
            try body()
            return .allowed
        } catch {
            return FolderProbe.permission(code: error.code, error.path)
        }
    }

    private static func permission(code: Int32, _ path: String) -> Permission {
        switch code {
        case SystemFailure.noAccess, SystemFailure.notPermitted, SystemFailure.readOnly: .refused
        default: .unknown("\(path): \(String(cString: strerror(code)))")
        }
    }
}
