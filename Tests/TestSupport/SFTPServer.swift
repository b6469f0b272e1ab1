import BackupModel
import Foundation

/// An sshd of the tests' own with nothing but SFTP: its own host key, one key that may enter, no passwords.
///
/// - Source: sshd_config(5) and ssh_config(5), checked with OpenSSH 9.2.
package final class SFTPServer: Sendable {
    /// `nil` when there is none, or nothing to make keys with.
    package static let program: String? = {
        let files = FileManager.default
        guard files.isExecutableFile(atPath: "/usr/bin/ssh-keygen") else { return nil }
        return ["/usr/sbin/sshd", "/usr/local/sbin/sshd"].first(where: files.isExecutableFile(atPath:))
    }()

    /// The name by which ``clientConfiguration`` knows the server.
    package let host = "holdfast-test"
    /// A file for `ssh -F`: where the server is, which key enters, and which host key it must show.
    package let clientConfiguration: String
    private let folder: ScratchFolder
    private let server: LocalServer

    package init() throws {
        guard let program = SFTPServer.program else { throw StartFailure("openssh-server is not installed") }
        let folder = try ScratchFolder("sftp")
        self.folder = folder
        for name in ["host_key", "user_key"] {
            let arguments = ["/usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder[name]]
            let made = try TestProcess(arguments).wait()
            guard made == .exited(0) else { throw StartFailure("ssh-keygen: \(made)") }
        }
        let userKey = try String(contentsOfFile: folder["user_key.pub"], encoding: .utf8)
        try folder.write(userKey, to: "authorized_keys")
        // As root, sshd wants the empty folder that the system's service would have made.
        if geteuid() == 0 {
            try FileManager.default.createDirectory(
                atPath: "/run/sshd", withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        }
        try FileManager.default.createDirectory(atPath: folder["storage"], withIntermediateDirectories: false)
        server = try LocalServer("sshd", log: folder["log"]) { port in
            let configuration = """
                Port \(port)
                ListenAddress 127.0.0.1
                HostKey \(folder["host_key"])
                PidFile none
                AuthorizedKeysFile \(folder["authorized_keys"])
                StrictModes no
                UsePAM no
                AuthenticationMethods publickey
                PermitRootLogin prohibit-password
                MaxStartups 100
                Subsystem sftp internal-sftp
                ForceCommand internal-sftp

                """
            return [program, "-D", "-e", "-f", try folder.write(configuration, to: "sshd_config")]
        }
        let hostKey = try String(contentsOfFile: folder["host_key.pub"], encoding: .utf8)
        try folder.write("[127.0.0.1]:\(server.port) \(hostKey)", to: "known_hosts")
        let configuration = """
            Host \(host)
                HostName 127.0.0.1
                Port \(server.port)
                User \(NSUserName())
                IdentityFile \(folder["user_key"])
                IdentitiesOnly yes
                UserKnownHostsFile \(folder["known_hosts"])
                StrictHostKeyChecking yes
                BatchMode yes

            """
        clientConfiguration = try folder.write(configuration, to: "ssh_config")
    }

    package var port: UInt16 { server.port }

    /// The way restic names a repository on it; every restic command needs ``options`` besides.
    package func repository(_ name: String) -> String { "sftp:\(host):\(repositoryFolder(name))" }

    /// What makes restic reach this server, not one that the user's own configuration knows.
    package var options: [String] { ["-o", "sftp.command=ssh -F \(clientConfiguration) \(host) -s sftp"] }

    /// The folder of that repository, here and as the server sees it.
    package func repositoryFolder(_ name: String) -> String { folder["storage/\(name)"] }
}
