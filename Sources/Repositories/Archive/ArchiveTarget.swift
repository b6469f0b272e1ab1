import BackupModel
import Foundation
import Programs

/// Where a profile wants archives copied to: a folder, such as a NAS, or a server or remote that takes files.
struct ArchiveTarget: Sendable {
    let location: ResticLocation
    let server: ServerAccess

    /// - Parameter process: our own environment.
    /// - Throws: ``RepositoryError/unsupported(_:)``
    init(
        _ spec: RepositorySpec, _ services: Services, cacheFolder: String,
        process: [String: String] = ProcessInfo.processInfo.environment
    ) throws(RepositoryError) {
        let entry = spec.entry
        func value(_ name: String) -> String? {
            [entry["environment"]?[name]?.text, spec.environment[name], process[name]].lazy.compactMap(\.self)
                .first { !$0.isEmpty }
        }
        let base = (entry.location.file as NSString).deletingLastPathComponent
        guard let text = entry["archive"]?.text,
            let location = ResticLocation(
                ArchiveTarget.address(text, endpoint: value("AWS_ENDPOINT_URL_S3") ?? value("AWS_ENDPOINT_URL")),
                relativeTo: base)
        else {
            throw .unsupported("repository \(spec.name) has no place: write a folder or an address under `archive:`")
        }
        var secrets: [String: SecretReference] = [:]
        var plain: [String: String] = [:]
        for variable in entry["environment"]?.entries ?? [] {
            if let reference = variable.value.secret {
                secrets[variable.key] = reference
            } else if let text = variable.value.text {
                plain[variable.key] = text
            }
        }
        for name in spec.replacedVariables {
            plain[name] = nil
            secrets[name] = .environment(name)
        }
        // As for AWS's own programs, a key that is in the environment serves where the profile names none.
        if S3Address(location.text) != nil {
            let keys = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
            if keys.allSatisfy({ secrets[$0] == nil && plain[$0] == nil && value($0) != nil }) {
                for name in keys + ["AWS_SESSION_TOKEN"] where value(name) != nil { secrets[name] = .environment(name) }
            }
            for name in ["AWS_REGION", "AWS_DEFAULT_REGION"] where secrets[name] == nil && plain[name] == nil {
                plain[name] = value(name)
            }
        }
        self.location = location
        server = ServerAccess(
            location: location.text, services: services, secretVariables: secrets, plainVariables: plain,
            options: (entry["options"]?.entries ?? []).reduce(into: [:]) { $0[$1.key] = $1.value.text },
            certificates: entry["ca-certificates"]?.text, cacheFolder: cacheFolder,
            partSize: entry["part-size"]?.byteCount)
    }

    /// `s3://BUCKET/path` is how AWS's programs write it; the server is the one that `AWS_ENDPOINT_URL` names, or AWS's own.
    /// Everything else is written as for restic.
    static func address(_ text: String, endpoint: String?) -> String {
        guard text.hasPrefix("s3://") else { return text }
        var server = endpoint ?? "https://" + S3Address.generalHost
        if !server.contains("://") { server = "https://" + server }
        while server.hasSuffix("/") { server.removeLast() }
        return "s3:\(server)/\(text.dropFirst("s3://".count))"
    }

    static let keys = [
        KeyDescriptor(
            "environment", .dictionary(.either([.secret, .string])),
            "Of a place that archives are copied to (`follows:`): variables for what reaches it, such as AWS_ACCESS_KEY_ID. "
                + "A key for S3 that is in the environment serves where none is named."),
        KeyDescriptor(
            "options", .dictionary(.string),
            "Of such a place: `sftp.command`, `sftp.args` and `rclone.program`, as for restic.", refusesSecrets: true),
        KeyDescriptor(
            "ca-certificates", .path,
            "Of such a place: a file of certificates (PEM) that its server is checked against."),
        KeyDescriptor(
            "part-size", .byteCount,
            "Of S3: larger files are put in parts of this size, 5 MiB at least. Without it files over 5 GiB are, in parts of "
                + "512 MiB."),
    ]
}
