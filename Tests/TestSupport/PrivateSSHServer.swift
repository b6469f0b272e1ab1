import Foundation

/// An SSH server of the tests' own on the loopback, with keys of its own, gone when the tests are, however they end. It lets
/// the user in who runs the tests.
package final class PrivateSSHServer: Sendable {
    package static let isPossible =
        geteuid() == 0 && FileManager.default.isExecutableFile(atPath: "/usr/sbin/sshd")
        && FileManager.default.isExecutableFile(atPath: "/usr/bin/ssh")

    package static let shared = Result { try PrivateSSHServer() }

    package let folder: ScratchFolder
    package let port: Int
    private let watcher: WatchedChild

    /// The private key that the server knows.
    package var identity: String { folder["user-key"] }
    /// What a client needs to find it: its port, and its key.
    package var options: [String] { ["Port=\(port)", "UserKnownHostsFile=\(folder["known_hosts"])"] }
    package let destination = "root@127.0.0.1"

    package init() throws {
        folder = try ScratchFolder("sshd")
        port = try Self.freePort()
        let run = ContainerizedPostgres.run
        for name in ["host-key", "user-key", "strange-key"] {
            _ = try run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder[name]], "")
        }
        try FileManager.default.copyItem(atPath: folder["user-key.pub"], toPath: folder["authorized_keys"])
        let key = try String(contentsOfFile: folder["host-key.pub"], encoding: .utf8)
        try folder.write("[127.0.0.1]:\(port) \(key)", to: "known_hosts")
        try folder.write("", to: "no_hosts")
        try folder.write(
            """
            Port \(port)
            ListenAddress 127.0.0.1
            HostKey \(folder["host-key"])
            AuthorizedKeysFile \(folder["authorized_keys"])
            PidFile none
            UsePAM no
            StrictModes no
            PasswordAuthentication no
            KbdInteractiveAuthentication no
            PermitRootLogin prohibit-password
            MaxStartups 100
            """, to: "sshd_config")
        try FileManager.default.createDirectory(
            atPath: "/run/sshd", withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        let script = """
            /usr/sbin/sshd -D -f "$1/sshd_config" -E "$1/log" & server=$!
            tests=$2
            trap 'tests=none' TERM
            while [ -d "/proc/$tests" ]; do sleep 0.5; done
            kill "$server"
            """
        watcher = try WatchedChild(
            ["/bin/sh", "-c", script, "sh", folder.path, String(getpid())],
            environment: ["PATH": "/usr/sbin:/usr/bin:/bin"], output: folder["watcher"], errors: folder["watcher"])
        for _ in 0..<100 {
            let isUp = try? run(
                ["ssh", "-o", "BatchMode=yes", "-i", identity] + options.flatMap { ["-o", $0] } + [
                    destination, "true",
                ], "")
            if isUp != nil { return }
            usleep(50_000)
        }
        throw ContainerizedPostgres.Failure(
            "sshd did not come up: " + ((try? String(contentsOfFile: folder["log"], encoding: .utf8)) ?? ""))
    }

    deinit { watcher.signal(SIGTERM) }

    private static func freePort() throws -> Int {
        let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(number) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(number, $0, length) == 0 && getsockname(number, $0, &length) == 0
            }
        }
        guard bound else { throw ContainerizedPostgres.Failure("no free port") }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
