import Foundation

/// `rclone serve restic`: restic's REST protocol over a folder, with a user and a password.
///
/// - Source: https://rclone.org/commands/rclone_serve_restic/, checked with rclone 1.60.1.
package final class RcloneServer: Sendable {
    /// `nil` when there is none.
    package static let program: String? = ["/usr/bin/rclone", "/usr/local/bin/rclone"]
        .first(where: FileManager.default.isExecutableFile(atPath:))

    package let user = "tester"
    package let password = "rclone-secret-\(UUID().uuidString.prefix(8))"
    private let folder: ScratchFolder
    private let server: LocalServer

    /// - Parameter appendOnly: nothing but locks can be removed, and nothing replaced.
    package init(appendOnly: Bool = true) throws {
        guard let program = RcloneServer.program else { throw StartFailure("rclone is not installed") }
        let folder = try ScratchFolder("rclone")
        self.folder = folder
        // Neither the user's configuration nor a password among the arguments.
        let environment = ["RCLONE_CONFIG": "/dev/null", "RCLONE_USER": user, "RCLONE_PASS": password]
        server = try LocalServer("rclone", log: folder["log"], environment: environment) { port in
            [program, "serve", "restic", "--addr", "127.0.0.1:\(port)"] + (appendOnly ? ["--append-only"] : [])
                + [folder["storage"]]
        }
    }

    /// `http://127.0.0.1:PORT`, without a slash at its end.
    package var endpoint: String { "http://127.0.0.1:\(server.port)" }

    /// The way restic names a repository on it; see ``RestServer/repository(_:)`` for why the password stands in it.
    package func repository(_ name: String) -> String {
        "rest:http://\(user):\(password)@127.0.0.1:\(server.port)/\(name)/"
    }

    /// The folder in which the server keeps that repository.
    package func repositoryFolder(_ name: String) -> String { folder["storage/\(name)"] }
}
