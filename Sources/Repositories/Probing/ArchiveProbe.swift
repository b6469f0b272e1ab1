import BackupModel
import Programs

/// Asks where archives go what our credential may do there.
struct ArchiveProbe: AccessProbe {
    let target: ArchiveTarget

    func probe() async throws(RepositoryError) -> AccessReport {
        let server = target.server
        guard let address = S3Address(target.location.text) else {
            return .unknown("of places of archives only S3 is asked")
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
}
