/// What a drill wants of a source: one part, put back where nothing else is, and held against all that is known of it.
package struct ProofRequest: Sendable {
    package var restore: RestoreRequest
    /// Queries whose first value must be true.
    package var assertions: [SourceDrill.Assertion]
    package var timeLimit: Duration
    /// So many restored files are compared with the live ones.
    package var sample: Int
    /// A folder outside of the private ones that a user without rights can be let into, for a server that refuses root. Made
    /// when first asked for, and removed after the drill.
    package var openFolder: @Sendable () async throws(SourceError) -> String
    /// Called while what was restored is up, with variables that lead to it; for databases that a server has to serve.
    package var whileServed: @Sendable ([String: String]) async throws -> Void

    package init(
        restore: RestoreRequest, assertions: [SourceDrill.Assertion] = [], timeLimit: Duration = .seconds(600),
        sample: Int = 0,
        openFolder: @escaping @Sendable () async throws(SourceError) -> String = { () throws(SourceError) in
            throw .unsupported("there is no folder that others may enter", hint: nil)
        },
        whileServed: @escaping @Sendable ([String: String]) async throws -> Void = { _ in }
    ) {
        self.restore = restore
        self.assertions = assertions
        self.timeLimit = timeLimit
        self.sample = sample
        self.openFolder = openFolder
        self.whileServed = whileServed
    }

    /// Those that are meant for this database.
    package func assertions(for database: String?) -> [String] {
        assertions.filter { $0.database == nil || $0.database == database }.map(\.query)
    }
}

/// What came of it.
package struct ProofReport: Sendable, Equatable {
    package var restored: RestoreReport
    /// What is not as it must be, although all came back.
    package var findings: [DrillFinding]
    /// What to do so that what is unproven can be proven.
    package var remedies: [String]
    /// Program to version.
    package var tools: [String: String]
    /// What was spent on what no restore needs, such as finding out what a server must have before a dump is loaded into it.
    package var preparation: Duration = .zero

    package init(
        _ restored: RestoreReport, findings: [DrillFinding] = [], remedies: [String] = [], tools: [String: String] = [:]
    ) {
        self.restored = restored
        self.findings = findings
        self.remedies = remedies
        self.tools = tools
    }
}

extension DumpSource {
    /// For kinds whose restore proves all that can be.
    package func prove(_ request: ProofRequest, _ context: CaptureContext) async throws(SourceError) -> ProofReport {
        ProofReport(try await restore(request.restore, context))
    }

    package func roomToProve(_ part: ManifestPart) -> ByteCount { part.bytes }
    package func isLoadedToProve(_ part: ManifestPart) -> Bool { false }
}
