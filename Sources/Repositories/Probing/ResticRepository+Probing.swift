package import BackupModel
import Programs

extension ResticRepository {
    /// Finds out what our credential may do here.
    package var probe: any AccessProbe { ResticAccessProbe(repository: self) }
}

/// Chooses the probe that the place needs, with the credential that restic would use.
private struct ResticAccessProbe: AccessProbe {
    let repository: ResticRepository

    func probe() async throws(RepositoryError) -> AccessReport {
        let access = repository.access
        if let folder = access.folder {
            return try await FolderProbe(folder: folder, host: access.services.host) { () throws(RepositoryError) in
                try repository.requirePlace()
            }.probe()
        }
        let inquiry = Inquiry(location: access.location, runner: access.services.runner)
        let certificates = access.settings.tuning.certificates
        if let address = S3Address(access.location) {
            guard let curl = try await access.server.curl(), curl.canSign else {
                return .unknown("asking S3 needs a curl of \(CurlVersion.neededToSign) or newer")
            }
            return try await S3Probe(
                address: address, inquiry: inquiry, credential: try await access.server.s3Credential(for: address),
                certificates: certificates
            ).probe()
        }
        if access.location.hasPrefix("rest:") {
            let found = try await access.restCredential()
            return try await RestProbe(
                access.location, inquiry,
                credential: found.map { .password(user: $0.user, password: $0.password) } ?? .anonymous,
                certificates: certificates
            ).probe()
        }
        let kind = access.location.prefix { $0 != ":" }
        return .unknown("this version has no harmless way to ask over \(kind)")
    }
}
