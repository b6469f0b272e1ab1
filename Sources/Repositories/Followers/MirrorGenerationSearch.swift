package import BackupModel
import Programs

/// Finds the generation of a mirror that is to be read: by what is on record here, and on a machine that knows nothing by looking
/// at what is there.
package struct MirrorGenerationSearch: Sendable {
    private let spec: RepositorySpec
    private let replica: ResticRepository
    private let ledger: any MirrorLedger
    private var place: ResticLocation { replica.access.settings.location }

    package init(
        _ spec: RepositorySpec, _ services: Services, cacheFolder: String, ledger: any MirrorLedger
    ) throws(RepositoryError) {
        self.spec = spec
        self.ledger = ledger
        replica = try ResticRepository(spec, services, cacheFolder: cacheFolder)
    }

    /// - Returns: `nil` where the files are at the mirror's own address: it has no generations, or none that is whole and an
    ///   older mirror that is.
    /// - Throws: ``RepositoryError`` where it cannot be found out.
    package func find() async throws(RepositoryError) -> String? {
        guard let rule = spec.follow?.generations else { return nil }
        let known = MirrorGenerations(
            rule, try stored { () throws(StoreError) in try ledger.generations(at: place.text) })
        if let relied = known.relied { return relied.name }
        let before = try stored { () throws(StoreError) in try ledger.mirrored(at: place.text) }
        if before["config"] != nil { return nil }
        let top = try await content(nil)
        let names = top.folders.compactMap { name in MirrorGeneration.order(of: name).map { (name, $0) } }
            .sorted { $0.1 > $1.1 }.map(\.0)
        for name in names {
            let objects = try await content(name).objects
            // One that has lost its configuration has begun to expire.
            if objects.contains(MirrorPass.completionMark), objects.contains("config") { return name }
        }
        if top.objects.contains("config") { return nil }
        guard !names.isEmpty else { throw .absent(location: place.text) }
        throw .notFound(
            what: "a generation that is whole at \(place.text) (there are \(names.joined(separator: ", ")); "
                + "`--generation NAME` looks at one of them)")
    }

    private func content(
        _ generation: String?
    ) async throws(RepositoryError) -> (objects: Set<String>, folders: Set<String>) {
        let location = place.appending(generation)
        if let folder = location.folder {
            do throws(SystemFailure) {
                guard try SystemFolder.status(folder, following: true) != nil else { return ([], []) }
                let names = Set(try SystemFolder.names(in: folder))
                return (names, names)
            } catch {
                throw ResticFolder(path: folder).repositoryError(error)
            }
        }
        if let batch = replica.access.server.sftp(at: location) {
            let result = try await replica.access.server.backend(batch.list(batch.address.path))
            guard result.termination == .exited(0) else {
                throw .unreachable(location: location.text, detail: ResticDiagnostics(result.errors.text).telling)
            }
            let names = SFTPBatch.names(result.output.text)
            return (names, names)
        }
        if let transfer = replica.access.server.rclone(at: location) {
            let result = try await replica.access.server.backend(transfer.list())
            if result.termination == .exited(RcloneTransfer.noFolder) { return ([], []) }
            guard result.termination == .exited(0) else {
                throw .unreachable(location: location.text, detail: ResticDiagnostics(result.errors.text).telling)
            }
            let names = result.output.text.split(separator: "\n").map(String.init)
            return (
                Set(names.filter { !$0.hasSuffix("/") }),
                Set(names.filter { $0.hasSuffix("/") }.map { String($0.dropLast()) })
            )
        }
        guard let address = S3Address(location.text) else {
            throw .unsupported(
                "which generations there are at \(place.text) cannot be listed by this version; give the newest one that is "
                    + "whole with --generation \(MirrorGeneration.name(startedAt: replica.access.services.clock.now, number: 1))"
            )
        }
        return try await list(address)
    }

    private func list(_ address: S3Address) async throws(RepositoryError) -> (
        objects: Set<String>, folders: Set<String>
    ) {
        let prefix = address.prefix.isEmpty ? "" : address.prefix + "/"
        let listing = CurlListing(
            credential: try await replica.access.server.s3Credential(for: address),
            certificates: replica.access.settings.tuning.certificates)
        let command = listing.command(address, prefix: prefix)
        let body = try await replica.access.services.runner.end(of: command).output.text
        let answer = CurlUpload.answers(body).last
        guard let answer, answer.status == 200 else {
            let said = CurlUpload.errorCode(body) ?? answer?.trouble ?? "no answer"
            let detail =
                "listing \(address.bucket)/\(prefix): \(answer?.status ?? 0) \(said); a generation can be named with "
                + "--generation"
            if let status = answer?.status, (400..<500).contains(status) {
                throw .denied(location: replica.location, detail: detail)
            }
            throw .unreachable(location: replica.location, detail: detail)
        }
        return CurlListing.names(body, below: prefix)
    }
}
