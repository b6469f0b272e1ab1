import BackupModel
import Foundation

/// An HTTP server that writes down what it is sent, and misbehaves by a plan; `Tests/Servers/http-sink` says how.
package final class HTTPSink: Sendable {
    private let folder: ScratchFolder
    private let server: LocalServer
    /// PEM, of a server that speaks TLS.
    package let certificate: String?

    /// - Parameter encrypted: speaks TLS, with a certificate that nobody knows.
    package init(encrypted: Bool = false) throws {
        let folder = try ScratchFolder("http-sink")
        self.folder = folder
        certificate = encrypted ? try SinkCertificate.make(in: folder) : nil
        let security = encrypted ? ["--certificate", folder["both.pem"]] : []
        server = try LocalServer("http-sink", log: folder["log"]) { port in
            [
                "/usr/bin/env", "python3", RealTools.packageRoot + "/Tests/Servers/http-sink", "--port", "\(port)",
                "--log", folder["requests"], "--plan", folder["plan"],
            ] + security
        }
    }

    package var port: UInt16 { server.port }

    /// `http://127.0.0.1:PORT`
    package var address: String { "\(certificate == nil ? "http" : "https")://127.0.0.1:\(server.port)" }

    /// - Parameter steps: as JSON, one for each request to come, from the first there ever was.
    package func plan(_ steps: String...) throws {
        try folder.write("[\(steps.joined(separator: ","))]", to: "plan")
    }

    package struct Request {
        package var method: String
        package var path: String
        package var headers: [String: String]
        package var body: String

        package func document() throws -> [String: Any] { try JSONText.object(body) }
    }

    package func requests() throws -> [Request] {
        guard FileManager.default.fileExists(atPath: folder["requests"]) else { return [] }
        return try JSONText.lines(String(contentsOfFile: folder["requests"], encoding: .utf8)).map { line in
            Request(
                method: line["method"] as? String ?? "", path: line["path"] as? String ?? "",
                headers: line["headers"] as? [String: String] ?? [:], body: line["body"] as? String ?? "")
        }
    }
}

/// A mail server that writes down what it is sent; `Tests/Servers/smtp-sink` says how it misbehaves.
package final class SMTPSink: Sendable {
    package enum Security: Sendable { case none, startTLS, implicit }

    private let folder: ScratchFolder
    private let server: LocalServer
    private let security: Security
    /// PEM, of a server that speaks TLS.
    package let certificate: String?
    package let password = "mail-secret-\(UUID().uuidString.prefix(8))"

    package init(_ security: Security = .none, asksForUser: Bool = false, fault: String? = nil) throws {
        let folder = try ScratchFolder("smtp-sink")
        self.folder = folder
        self.security = security
        certificate = security == .none ? nil : try SinkCertificate.make(in: folder)
        var options = security == .none ? [] : ["--certificate", folder["both.pem"]]
        if security == .implicit { options.append("--implicit") }
        if asksForUser { options += ["--user", "tester", "--password", password] }
        if let fault { options += ["--fault", fault] }
        let chosen = options
        server = try LocalServer("smtp-sink", log: folder["log"]) { port in
            [
                "/usr/bin/env", "python3", RealTools.packageRoot + "/Tests/Servers/smtp-sink", "--port", "\(port)",
                "--log", folder["mails"],
            ] + chosen
        }
    }

    package var address: String { "\(security == .implicit ? "smtps" : "smtp")://127.0.0.1:\(server.port)" }

    /// Each with `from`, `to`, `data`, `tls`, `user`.
    package func mails() throws -> [[String: Any]] {
        guard FileManager.default.fileExists(atPath: folder["mails"]) else { return [] }
        return try JSONText.lines(String(contentsOfFile: folder["mails"], encoding: .utf8))
    }
}

/// Alertmanager itself, with nobody to tell.
package final class Alertmanager: Sendable {
    /// `nil` when there is none.
    package static let program: String? = ["/usr/bin/prometheus-alertmanager", "/usr/local/bin/alertmanager"]
        .first(where: FileManager.default.isExecutableFile(atPath:))

    private let server: LocalServer
    private let folder: ScratchFolder

    package init() throws {
        guard let program = Alertmanager.program else { throw StartFailure("Alertmanager is not installed") }
        let folder = try ScratchFolder("alertmanager")
        self.folder = folder
        try folder.write("route: { receiver: nobody }\nreceivers: [{ name: nobody }]\n", to: "config.yml")
        server = try LocalServer("alertmanager", log: folder["log"]) { port in
            [
                program, "--config.file", folder["config.yml"], "--storage.path", folder["data"],
                "--web.listen-address", "127.0.0.1:\(port)", "--cluster.listen-address", "",
            ]
        }
    }

    package var address: String { "http://127.0.0.1:\(server.port)" }

    /// What goes on, as amtool lists it: labels of each.
    package func active() throws -> [[String: String]] {
        let output = folder["alerts-\(UUID().uuidString.prefix(6))"]
        let ended = try TestProcess(
            ["/usr/bin/env", "amtool", "--alertmanager.url", address, "alert", "query", "-o", "json"], output: output
        ).wait()
        let text = try String(contentsOfFile: output, encoding: .utf8)
        guard ended == .exited(0),
            let alerts = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[String: Any]]
        else { throw StartFailure("amtool: \(ended) \(text)") }
        return alerts.compactMap { $0["labels"] as? [String: String] }
    }
}

private enum SinkCertificate {
    /// Writes `certificate.pem`, and `both.pem` with the key.
    static func make(in folder: ScratchFolder) throws -> String {
        let (key, certificate) = (folder["key.pem"], folder["certificate.pem"])
        let made = try TestProcess(
            [
                "/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key,
                "-out",
                certificate,
            ], output: folder["openssl"]
        ).wait()
        guard made == .exited(0) else { throw StartFailure("no certificate: \(made)") }
        let both =
            try String(contentsOfFile: key, encoding: .utf8) + String(contentsOfFile: certificate, encoding: .utf8)
        try folder.write(both, to: "both.pem")
        return certificate
    }
}
