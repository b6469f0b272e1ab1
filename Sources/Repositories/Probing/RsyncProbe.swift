import BackupModel

/// Looks what this process may do in the folder of an rsync repository, by what the system says of it.
struct RsyncProbe: AccessProbe {
    let access: RsyncAccess

    func probe() async throws(RepositoryError) -> AccessReport {
        try access.requirePlace()
        switch try access.folder.content() {
        case .missing, .empty: return .unknown("there is no repository there yet")
        case .foreign(let what): throw .occupied(location: access.location, by: what)
        case .repository: break
        }
        var report = AccessReport([:])
        report[.list] = permission { () throws(SystemFailure) in _ = try SystemFolder.names(in: access.location) }
        report[.read] = permission { () throws(SystemFailure) in
            try SystemFolder.requireReadable("\(access.location)/\(RsyncHeader.fileName)")
        }
        // Who may make a folder there may also rename and delete what is in it.
        let writing = permission { () throws(SystemFailure) in try SystemFolder.requireWritable(access.location) }
        for right in [AccessRight.put, .overwrite, .deleteData, .deleteLocks] { report[right] = writing }
        if access.services.host.mount(containing: access.location)?.isReadOnly == true {
            report.notices.append("its disk is mounted read-only")
        }
        return report
    }

    private func permission(_ body: () throws(SystemFailure) -> Void) -> Permission {
        do throws(SystemFailure) {
            try body()
            return .allowed
        } catch {
            return switch error.code {
            case SystemFailure.noAccess, SystemFailure.notPermitted, SystemFailure.readOnly: .refused
            default: .unknown("\(error.path): \(error.reason)")
            }
        }
    }
}
