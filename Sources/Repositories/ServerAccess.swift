import BackupModel
import Foundation
import Programs
import Synchronization

/// Reaches the server or the remote that a repository lies on, with programs that speak to it by themselves: curl, aws, sftp,
/// rclone.
final class ServerAccess: Sendable {
    let location: String
    let services: Services
    let secretVariables: [String: SecretReference]
    let plainVariables: [String: String]
    /// As restic's `-o` has them.
    private let options: [String: String]
    /// PEM
    let certificates: String?
    private let cacheFolder: String
    /// Of S3: files that are larger go in parts of this size. `nil`: as S3 needs it.
    let partSize: ByteCount?
    private let curlVersion = Mutex<CurlVersion?>(nil)

    init(
        location: String, services: Services, secretVariables: [String: SecretReference],
        plainVariables: [String: String], options: [String: String], certificates: String?, cacheFolder: String,
        partSize: ByteCount? = nil
    ) {
        self.partSize = partSize
        self.location = location
        self.services = services
        self.secretVariables = secretVariables
        self.plainVariables = plainVariables
        self.options = options
        self.certificates = certificates
        self.cacheFolder = cacheFolder
    }

    /// Runs a program with what the profile gives for the backend. Its exit code is the caller's to read.
    func backend(_ command: ToolCommand) async throws(RepositoryError) -> ToolResult {
        try await services.runner.end(of: try await prepared(command))
    }

    /// A program with what the profile gives for the backend.
    func prepared(_ command: ToolCommand) async throws(RepositoryError) -> ToolCommand {
        var command = command
        command.environment.merge(plainVariables) { $1 }
        for (name, reference) in secretVariables.sorted(by: { $0.key < $1.key }) {
            command.secrets.append(.environment(variable: name, try await services.secret(reference)))
        }
        command.niceness = services.settings.niceness
        return command
    }

    /// - Returns: `nil` where it is no SFTP server.
    func sftp(at location: ResticLocation) -> SFTPBatch? {
        SFTPAddress(location.text).map { address in
            SFTPBatch(
                address, connection: options["sftp.command"],
                options: options["sftp.args"]?.split(separator: " ").map(String.init) ?? [],
                limit: services.settings.uploadLimit)
        }
    }

    /// - Returns: `nil` where it is none of rclone's remotes.
    func rclone(at location: ResticLocation) -> RcloneTransfer? {
        guard location.text.hasPrefix("rclone:") else { return nil }
        return RcloneTransfer(
            program: options["rclone.program"] ?? "rclone",
            remote: String(location.text.dropFirst("rclone:".count)), limit: services.settings.uploadLimit)
    }

    /// Looks whether a program is there that reaches it.
    /// - Throws: ``RepositoryError/tool(_:)``
    func requireTools(at location: ResticLocation) throws(RepositoryError) {
        let runner = services.runner
        if sftp(at: location) != nil { return try runner.require(["sftp"]) }
        if let transfer = rclone(at: location) { return try runner.require([transfer.program]) }
        if runner.locate("aws") == nil { try runner.require(["curl"]) }
    }

    /// What puts files there.
    /// - Parameter location: a folder of this machine has nobody to be asked, and is none of these.
    func mirror(at location: ResticLocation) async throws(RepositoryError) -> any MirrorTarget {
        if let batch = sftp(at: location) { return SFTPMirror(location: location.text, batch: batch, server: self) }
        if let transfer = rclone(at: location) {
            return RcloneMirror(location: location.text, transfer: transfer, server: self)
        }
        guard let address = S3Address(location.text) else {
            throw .unsupported(
                "nothing can be put to \(location.text): this version knows S3, sftp, rclone and folders")
        }
        return try await s3Mirror(at: address, location.text)
    }

    /// Looks whether a server of S3 answers at all, whatever it says.
    /// - Throws: ``RepositoryError/unreachable(location:detail:)``
    func requireAnswer(of address: S3Address) async throws(RepositoryError) {
        guard try await curl() != nil else { return }
        var request = CurlRequest(.get, address.endpoint + "/", .anonymous)
        request.certificates = certificates
        let answer = CurlRequest.answer(try await services.runner.end(of: request.command()).output.text)
        if let answer, answer.status == 0 { throw .unreachable(location: location, detail: answer.trouble) }
    }

    var uploadNotes: UploadNotes { UploadNotes(folder: "\(cacheFolder)/uploads") }

    /// Whether the profile names a key for S3.
    var hasS3Key: Bool {
        ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].allSatisfy { name in
            secretVariables[name] != nil || plainVariables[name] != nil
        }
    }

    /// The curl of this machine; `nil` where there is none.
    func curl() async throws(RepositoryError) -> CurlVersion? {
        if let known = curlVersion.withLock({ $0 }) { return known }
        guard services.runner.locate("curl") != nil else { return nil }
        let version = CurlVersion(try await services.runner.end(of: CurlVersion.command).output.text)
        curlVersion.withLock { $0 = version }
        return version
    }

    /// What puts a mirror's files into S3: curl, or aws where curl cannot sign.
    /// - Throws: ``RepositoryError/toolTooOld(tool:version:needed:)`` where neither can.
    func s3Mirror(at address: S3Address, _ location: String) async throws(RepositoryError) -> any MirrorTarget {
        let curl = try await curl()
        if curl?.canSign == true, hasS3Key || services.runner.locate("aws") == nil {
            return S3Mirror(
                address: address, location: location, upload: try await s3Upload(to: address), runner: services.runner,
                parts: S3PartUpload(
                    address: address, location: self.location, credential: try await s3Credential(for: address),
                    certificates: certificates, services: services, sizes: S3PartUpload.Sizes(partSize),
                    notes: uploadNotes))
        }
        guard services.runner.locate("aws") != nil else {
            throw .toolTooOld(
                tool: "curl", version: curl?.description ?? "(none)",
                needed: "\(CurlVersion.neededToSign), or the program aws,")
        }
        // Without a key in the profile, aws knows where its own is.
        var upload = AwsUpload(
            address: address, credential: hasS3Key ? try await s3Credential(for: address) : nil)
        upload.certificates = certificates
        return AwsMirror(
            location: location, upload: upload, runner: services.runner,
            threshold: S3PartUpload.Sizes(partSize).threshold)
    }

    /// Puts files into S3 with the credential that restic would use.
    func s3Upload(to address: S3Address) async throws(RepositoryError) -> CurlUpload {
        let credential = try await s3Credential(for: address)
        var upload = CurlUpload(region: credential.region, keyID: credential.keyID, key: credential.key)
        upload.sessionToken = credential.sessionToken
        upload.certificates = certificates
        upload.limit = services.settings.uploadLimit
        return upload
    }

    /// The credential that restic would use.
    func s3Credential(for address: S3Address) async throws(RepositoryError) -> S3Credential {
        func needed(_ name: String) async throws(RepositoryError) -> Secret {
            if let reference = secretVariables[name] { return try await services.secret(reference) }
            if let text = plainVariables[name] { return Secret(text) }
            throw .unsupported("S3 needs \(name): write `\(name): env:\(name)` under `environment:`")
        }
        let region =
            options["s3.region"] ?? plainVariables["AWS_DEFAULT_REGION"]
            ?? plainVariables["AWS_REGION"] ?? address.regionOfHost ?? "us-east-1"
        var credential = S3Credential(
            region: region, keyID: try await needed("AWS_ACCESS_KEY_ID"),
            key: try await needed("AWS_SECRET_ACCESS_KEY"))
        if secretVariables["AWS_SESSION_TOKEN"] != nil {
            credential.sessionToken = try await needed("AWS_SESSION_TOKEN")
        }
        return credential
    }

    func privateFolder(_ name: String) throws(RepositoryError) -> String {
        let path = "\(cacheFolder)/\(name)"
        do throws(SystemFailure) {
            try SystemFolder.makePrivate(path)
        } catch {
            throw .unsupported("the cache folder \(error.path) cannot be made: \(error.reason)")
        }
        return path
    }
}
