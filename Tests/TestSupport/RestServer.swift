import BackupModel
import Foundation

/// restic's own REST server, with one user of its own.
///
/// - Source: https://github.com/restic/rest-server, checked with 0.13.0.
package final class RestServer: Sendable {
    /// Where `scripts/install-tools --tests` puts it, or where the system has it; `nil` when there is none.
    package static let program: String? = [
        RealTools.folder + "/rest-server/restic-rest-server", "/usr/bin/restic-rest-server", "/usr/bin/rest-server",
    ].first(where: FileManager.default.isExecutableFile(atPath:))

    package let user = "tester"
    package let password = "rest-secret-\(UUID().uuidString.prefix(8))"
    /// What a client must trust, PEM; `nil` without TLS.
    package let certificate: String?
    private let folder: ScratchFolder
    private let server: LocalServer

    /// - Parameters:
    ///   - appendOnly: nothing but locks can be removed, and nothing replaced.
    ///   - privateRepositories: a user has the repositories below its own name, and no others.
    ///   - encrypted: speaks TLS, with a certificate that nobody knows.
    package init(appendOnly: Bool = false, privateRepositories: Bool = true, encrypted: Bool = false) throws {
        guard let program = RestServer.program else { throw StartFailure("restic-rest-server is not installed") }
        let folder = try ScratchFolder("rest")
        self.folder = folder
        // Apache's form of the file that Python can make without a module of its own.
        let script = """
            import base64, hashlib, sys
            digest = base64.b64encode(hashlib.sha1(sys.argv[2].encode()).digest()).decode()
            print(f"{sys.argv[1]}:{{SHA}}{digest}")
            """
        let users = folder["htpasswd"]
        let made = try TestProcess(["/usr/bin/env", "python3", "-c", script, user, password], output: users).wait()
        guard made == .exited(0) else { throw StartFailure("no file of passwords: \(made)") }
        certificate = encrypted ? folder["certificate.pem"] : nil
        var security: [String] = []
        if let certificate {
            let key = folder["key.pem"]
            let made = try TestProcess(
                [
                    "/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                    "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", key, "-out", certificate,
                ], output: folder["openssl"]
            ).wait()
            guard made == .exited(0) else { throw StartFailure("no certificate: \(made)") }
            security = ["--tls", "--tls-cert", certificate, "--tls-key", key]
        }
        server = try LocalServer("restic-rest-server", log: folder["log"]) { port in
            [program, "--listen", "127.0.0.1:\(port)", "--path", folder["storage"], "--htpasswd-file", users]
                + (appendOnly ? ["--append-only"] : []) + (privateRepositories ? ["--private-repos"] : []) + security
        }
    }

    /// `http://127.0.0.1:PORT`, without a slash at its end.
    package var endpoint: String { "http://127.0.0.1:\(server.port)" }

    /// The way restic names a repository of the user's. The password stands in it, for restic 0.14 reads it from nowhere
    /// else; see ``environment`` for newer ones.
    package func repository(_ name: String) -> String {
        "rest:http://\(user):\(password)@127.0.0.1:\(server.port)/\(user)/\(name)/"
    }

    /// As a profile names a repository of the user's: the password is given apart.
    package func address(_ name: String) -> String {
        "rest:\(certificate == nil ? "http" : "https")://127.0.0.1:\(server.port)/\(user)/\(name)/"
    }

    /// The user's name and password, as restic 0.16.1 and newer read them, and as profiles name them.
    package var environment: [String: String] {
        ["RESTIC_REST_USERNAME": user, "RESTIC_REST_PASSWORD": password]
    }

    /// The folder in which the server keeps that repository.
    package func repositoryFolder(_ name: String) -> String { folder["storage/\(user)/\(name)"] }
}
