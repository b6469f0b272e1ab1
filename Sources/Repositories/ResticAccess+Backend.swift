import BackupModel
import Programs

extension ResticAccess {
    /// Runs a program that speaks to the backend itself, with what the profile gives restic for it. Its exit code is the caller's to
    /// read.
    func backend(_ command: ToolCommand) async throws(RepositoryError) -> ToolResult {
        var command = command
        command.environment.merge(settings.plainVariables) { $1 }
        for (name, reference) in settings.secretVariables.sorted(by: { $0.key < $1.key }) {
            command.secrets.append(.environment(variable: name, try await secret(reference)))
        }
        command.niceness = services.settings.niceness
        return try await services.runner.end(of: command)
    }

    /// - Returns: `nil` where it is no SFTP server.
    func sftp(at location: ResticLocation) -> SFTPBatch? {
        SFTPAddress(location.text).map { address in
            SFTPBatch(
                address, connection: settings.tuning.options["sftp.command"],
                options: settings.tuning.options["sftp.args"]?.split(separator: " ").map(String.init) ?? [],
                limit: services.settings.uploadLimit)
        }
    }

    /// - Returns: `nil` where it is none of rclone's remotes.
    func rclone(at location: ResticLocation) -> RcloneTransfer? {
        guard location.text.hasPrefix("rclone:") else { return nil }
        return RcloneTransfer(
            program: settings.tuning.options["rclone.program"] ?? "rclone",
            remote: String(location.text.dropFirst("rclone:".count)), limit: services.settings.uploadLimit)
    }
}
