package import BackupModel

/// Reads from S3 with curl, and removes there: one file to standard output, or many things side by side.
/// - Source: https://curl.se/docs/manpage.html, `--fail`, `--parallel`, `--config`; checked for curl 7.88.1.
package struct CurlTransfers: Sendable {
    package var credential: S3Credential
    /// PEM
    package var certificates: String?
    /// Bytes per second over all transfers.
    package var limit: ByteCount?
    private static let atATime = 8

    package init(_ credential: S3Credential, certificates: String? = nil, limit: ByteCount? = nil) {
        self.credential = credential
        self.certificates = certificates
        self.limit = limit
    }

    /// One object to standard output. An answer that is not its content ends it with ``refusedExitCode``, one that is cut short with
    /// 18: either way whoever reads it gets no end of file.
    package func print(_ url: String) -> ToolCommand {
        var configuration = CurlConfiguration()
        add(url, to: &configuration, sharing: 1)
        configuration.add("show-error")
        var command = ToolCommand("curl", ["--disable", "--config", "-"])
        configuration.give(to: &command)
        command.teardown = TeardownStep.terminateFirst
        command.whenOrphaned = .leave
        return command
    }

    /// curl's for an answer of 400 and above.
    package static let refusedExitCode: Int32 = 22

    /// Objects to files that are not there yet.
    package func fetch(_ items: [(url: String, file: String)]) -> ToolCommand {
        many(items.map(\.url)) { index, configuration in configuration.add("output", items[index].file) }
    }

    /// - Important: deletes objects.
    package func delete(_ urls: [String]) -> ToolCommand {
        many(urls) { _, configuration in
            configuration.add("request", CurlRequest.Method.delete.rawValue)
            configuration.add("output", "/dev/null")
        }
    }

    /// ``CurlUpload/answers(_:)`` has what came of each.
    private func many(_ urls: [String], _ each: (Int, inout CurlConfiguration) -> Void) -> ToolCommand {
        var configuration = CurlConfiguration()
        for (index, url) in urls.enumerated() {
            if index > 0 { configuration.add("next") }
            add(url, to: &configuration, sharing: CurlTransfers.atATime)
            each(index, &configuration)
            configuration.add("write-out = \"\\n%{http_code}\\t%{url}\\t%{errormsg}\\n\"")
        }
        var arguments = ["--disable", "--config", "-"]
        if urls.count > 1 { arguments = ["--disable", "--parallel", "--parallel-max", "8", "--config", "-"] }
        var command = ToolCommand("curl", arguments)
        configuration.give(to: &command)
        command.keptOutput = .mebibytes(4)
        // Those that fail are told one by one.
        command.acceptedExitCodes = Set(0...99)
        command.teardown = TeardownStep.terminateFirst
        return command
    }

    private func add(_ url: String, to configuration: inout CurlConfiguration, sharing: Int) {
        configuration.add("silent")
        configuration.add("fail")
        configuration.add("url", url)
        configuration.sign(credential, digest: S3Credential.digestOfNothing)
        if let certificates { configuration.add("cacert", certificates) }
        if let limit { configuration.add("limit-rate = \(max(1, limit.bytes / Int64(sharing)))") }
        configuration.add("connect-timeout = 30")
        // Less than a byte a second for two minutes is a server that hangs.
        configuration.add("speed-limit = 1")
        configuration.add("speed-time = 120")
    }
}
