import BackupModel
import Foundation
import Programs

/// Asks where archives go what our credential may do there. What is there is listed and read; what is put, replaced and deleted is
/// one small file in a folder of ours.
struct ArchiveProbe: AccessProbe {
    let target: ArchiveTarget
    /// Of a folder: throws where the disk is missing that the profile demands.
    let requirePlace: @Sendable () throws(RepositoryError) -> Void

    private var server: ServerAccess { target.server }

    func probe() async throws(RepositoryError) -> AccessReport {
        if let folder = target.location.folder {
            try requirePlace()
            return try probe(folder: ArchiveFolder(path: folder))
        }
        try server.requireTools(at: target.location)
        if let transfer = server.rclone(at: target.location) {
            return try await FileProbe(steps: RcloneProbing(transfer: transfer, server: server), server: server).probe()
        }
        if let batch = server.sftp(at: target.location) {
            return try await FileProbe(steps: SFTPProbing(batch: batch, server: server), server: server).probe()
        }
        guard let address = S3Address(target.location.text) else {
            return .unknown("this version has no way to ask \(target.location.text)")
        }
        guard server.hasS3Key else { return .unknown("aws uses a key of its own") }
        guard let curl = try await server.curl(), curl.canSign else {
            return .unknown("asking S3 needs a curl of \(CurlVersion.neededToSign) or newer")
        }
        return try await S3Probe(
            address: address, inquiry: Inquiry(location: server.location, runner: server.services.runner),
            credential: try await server.s3Credential(for: address), certificates: server.certificates
        ).probe()
    }

    private func probe(folder: ArchiveFolder) throws(RepositoryError) -> AccessReport {
        switch try folder.content() {
        case .missing: return .unknown("there is no such folder yet")
        case .foreign(let what): throw .occupied(location: folder.path, by: what)
        case .empty, .repository: break
        }
        var report = AccessReport([:])
        report[.list] = FolderProbe.permission { () throws(SystemFailure) in _ = try SystemFolder.names(in: folder.path)
        }
        report[.read] = FolderProbe.permission { () throws(SystemFailure) in
            let header = folder.path + "/" + ArchiveHeader.fileName
            if try SystemFolder.status(header) != nil { try SystemFolder.requireReadable(header) }
        }
        let writing = FolderProbe.tryWriting(below: folder.path)
        for right in [AccessRight.put, .overwrite, .deleteData, .deleteLocks] { report[right] = writing }
        if target.server.services.host.mount(containing: folder.path)?.isReadOnly == true {
            report.notices.append("its disk is mounted read-only")
        }
        return report
    }
}

/// How one small file is handled on a kind of server. Each says what came of it; only where nobody can be reached it throws.
protocol ProbingSteps: Sendable {
    func list() async throws(RepositoryError) -> Permission
    /// - Parameters:
    ///   - file: absolute, here.
    ///   - path: below the place, in a folder that is made if it is not there.
    func put(_ file: String, to path: String) async throws(RepositoryError) -> Permission
    func fetch(_ path: String, into folder: String) async throws(RepositoryError) -> Permission
    func delete(_ path: String) async throws(RepositoryError) -> Permission
}

/// Asks by doing: one small file is put, read, replaced and deleted in a folder of ours.
struct FileProbe<Steps: ProbingSteps>: AccessProbe {
    let steps: Steps
    let server: ServerAccess

    /// Always the same, so that what cannot be deleted does not pile up.
    private var path: String { Inquiry.folder + "/object" }

    func probe() async throws(RepositoryError) -> AccessReport {
        let folder = try server.privateFolder("probe-\(UUID().uuidString)")
        defer {
            do { try FileManager.default.removeItem(atPath: folder) } catch {
                // A small file without a secret in it, in a cache.
            }
        }
        let file = folder + "/object"
        do throws(SystemFailure) {
            try SystemFolder.makeFile(Array("what holdfast doctor --probe puts here may be deleted\n".utf8), at: file)
            try SystemFolder.makePrivate("\(folder)/back/\(Inquiry.folder)")
        } catch {
            throw .unsupported("\(error.path) cannot be written: \(error.reason)")
        }
        var report = AccessReport([:])
        report[.list] = try await steps.list()
        report[.put] = try await steps.put(file, to: path)
        guard report[.put] == .allowed else {
            for right in [AccessRight.read, .overwrite, .deleteData, .deleteLocks] {
                report[right] = .unknown("nothing could be put to try it with")
            }
            return report
        }
        report[.read] = try await steps.fetch(path, into: folder + "/back")
        report[.overwrite] = try await steps.put(file, to: path)
        report[.deleteData] = try await steps.delete(path)
        // Such places know no locks.
        report[.deleteLocks] = report[.deleteData]
        if report[.deleteData] != .allowed { report.notices.append("\(path) stays there: it could not be deleted") }
        return report
    }
}

struct RcloneProbing: ProbingSteps {
    let transfer: RcloneTransfer
    let server: ServerAccess

    func list() async throws(RepositoryError) -> Permission {
        try await judged(transfer.list(), good: [0, RcloneTransfer.noFolder])
    }
    func put(_ file: String, to path: String) async throws(RepositoryError) -> Permission {
        try await judged(transfer.replace(path, with: file))
    }
    func fetch(_ path: String, into folder: String) async throws(RepositoryError) -> Permission {
        let answer = try await judged(transfer.fetch([path], to: folder))
        guard answer == .allowed, !FileManager.default.fileExists(atPath: "\(folder)/\(path)") else { return answer }
        return .unknown("what was put did not come back")
    }
    func delete(_ path: String) async throws(RepositoryError) -> Permission {
        let answer = try await judged(transfer.delete([path]))
        // Many remotes have no folders, and then there is none to remove.
        _ = try await server.backend(transfer.removeFolder((path as NSString).deletingLastPathComponent))
        return answer
    }

    private func judged(_ command: ToolCommand, good: Set<Int32> = [0]) async throws(RepositoryError) -> Permission {
        let result = try await server.backend(command)
        if case .exited(let code) = result.termination, good.contains(code) { return .allowed }
        let said = ResticDiagnostics(result.errors.text).telling
        let isRefusal = ["AccessDenied", "403", "ermission denied", "read-only", "not allowed"].contains {
            result.errors.text.contains($0)
        }
        if isRefusal { return .refused }
        throw .unreachable(location: server.location, detail: said)
    }
}

struct SFTPProbing: ProbingSteps {
    let batch: SFTPBatch
    let server: ServerAccess

    private func quoted(_ path: String) -> String {
        SFTPBatch.quoted((batch.address.path == "/" ? "" : batch.address.path) + "/" + path)
    }

    func list() async throws(RepositoryError) -> Permission {
        try await judged(["ls -1 \(SFTPBatch.quoted(batch.address.path))"], missing: .allowed)
    }
    func put(_ file: String, to path: String) async throws(RepositoryError) -> Permission {
        let folder = (path as NSString).deletingLastPathComponent
        return try await judged([
            "-mkdir \(SFTPBatch.quoted(batch.address.path))", "-mkdir \(quoted(folder))",
            "put \(SFTPBatch.quoted(file)) \(quoted(path))",
        ])
    }
    func fetch(_ path: String, into folder: String) async throws(RepositoryError) -> Permission {
        try await judged(["get \(quoted(path)) \(SFTPBatch.quoted("\(folder)/\(path)"))"])
    }
    func delete(_ path: String) async throws(RepositoryError) -> Permission {
        try await judged(["rm \(quoted(path))", "-rmdir \(quoted((path as NSString).deletingLastPathComponent))"])
    }

    /// - Parameter missing: what it means that there is nothing of the name.
    private func judged(_ lines: [String], missing: Permission = .refused) async throws(RepositoryError) -> Permission {
        let result = try await server.backend(batch.command(lines))
        if result.termination == .exited(0) { return .allowed }
        let said = result.errors.text
        switch SecureShell.Trouble(diagnostics: said) {
        case .notAuthenticated?, .unknownHost?, .unreachable?:
            throw SFTPMirror(location: server.location, batch: batch, server: server).failure(said, result)
        case nil: break
        }
        if said.contains("ermission denied") || said.contains("Operation unsupported") { return .refused }
        if said.contains("not found") || said.contains("No such file") { return missing }
        return .unknown("the server said: \(said.split(whereSeparator: \.isNewline).last ?? "nothing")")
    }
}
