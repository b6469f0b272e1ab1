/// What a hook finds on its standard input, as one JSON document. Its keys are part of the program's interface: see
/// docs/hooks.md. No secret is ever among them.
package struct HookDocument: Codable, Sendable, Equatable {
    package struct Subject: Codable, Sendable, Equatable {
        package var name: String
        package var kind: String
        package init(name: String, kind: String) {
            self.name = name
            self.kind = kind
        }
    }

    package struct Resource: Codable, Sendable, Equatable {
        package var name: String
        /// `yes`, or `unknown` when nobody saw how the acquire ended.
        package var acquired: String?
        /// As inspect or acquire said it.
        package var state: PlainValue?
        package init(name: String, acquired: String? = nil, state: PlainValue? = nil) {
            self.name = name
            self.acquired = acquired
            self.state = state
        }
    }

    package struct Part: Codable, Sendable, Equatable {
        package var source: String
        package var part: String
        package var snapshot: String
        package var bytes: Int64
        package var condition: String
    }

    package struct Cause: Codable, Sendable, Equatable {
        package var message: String
        package var hint: String?
        package var kind: String
    }

    package struct Restored: Codable, Sendable, Equatable {
        /// Where it is; the program runs there.
        package var folder: String
        /// What leads to a database that is served.
        package var variables: [String: String]
        package init(folder: String, variables: [String: String]) {
            self.folder = folder
            self.variables = variables
        }
    }

    package static let inspect = "resource.inspect"
    package static let acquire = "resource.acquire"
    package static let release = "resource.release"

    /// Raised when a key changes its meaning; new keys do not raise it.
    package var version = 1
    package var event: String
    package var hook: String
    package var profile: String
    package var host: String
    package var run: String
    package var operation: String
    package var trigger: String
    package var reason: String?
    /// RFC 3339, UTC.
    package var started: String
    /// True when somebody tries it by hand.
    package var trial: Bool
    /// So far; the run's own is settled after the last hook.
    package var outcome: String?
    package var source: Subject?
    package var repository: Subject?
    package var resource: Resource?
    /// What a drill restored, for a program that looks at it.
    package var restored: Restored?
    package var with: [String: PlainValue]?
    package var parts: [Part]
    package var failures: [Cause]

    package init(event: String, hook: String, run: RunRecord, host: String) {
        self.event = event
        self.hook = hook
        profile = run.profile.rawValue
        self.host = host
        self.run = run.id.rawValue
        operation = run.operation.rawValue
        trigger = run.trigger
        reason = run.reason
        started = Timestamp.format(run.started)
        trial = false
        parts = run.parts.map {
            Part(
                source: $0.source.rawValue, part: $0.part.rawValue, snapshot: $0.snapshot.rawValue,
                bytes: $0.bytes.bytes, condition: $0.condition.rawValue)
        }
        failures = run.failures.map { Cause(message: $0.description, hint: $0.hint, kind: $0.kind.rawValue) }
    }

    /// The gist of it, for programs that read no JSON.
    package var variables: [String: String] {
        var variables = [
            "HOLDFAST_EVENT": event, "HOLDFAST_HOOK": hook, "HOLDFAST_PROFILE": profile, "HOLDFAST_HOST": host,
            "HOLDFAST_RUN": run, "HOLDFAST_OPERATION": operation, "HOLDFAST_TRIGGER": trigger,
        ]
        variables["HOLDFAST_REASON"] = reason
        variables["HOLDFAST_OUTCOME"] = outcome
        variables["HOLDFAST_SOURCE"] = source?.name
        variables["HOLDFAST_REPOSITORY"] = repository?.name
        variables["HOLDFAST_RESOURCE"] = resource?.name
        variables["HOLDFAST_ACQUIRED"] = resource?.acquired
        if let restored {
            variables["HOLDFAST_RESTORED"] = restored.folder
            variables.merge(restored.variables) { $1 }
        }
        variables["HOLDFAST_MESSAGE"] = failures.first?.message
        if trial { variables["HOLDFAST_TRIAL"] = "1" }
        for (key, value) in with ?? [:] { variables["HOLDFAST_WITH_" + HookDocument.word(key)] = value.line }
        for (key, value) in resource?.state?.entries ?? [:] {
            variables["HOLDFAST_STATE_" + HookDocument.word(key)] = value.line
        }
        // No program can be started with a NUL in a variable.
        return variables.mapValues { $0.replacing("\0", with: " ") }
    }

    /// `wait-for` → `WAIT_FOR`
    package static func word(_ key: String) -> String {
        String(key.uppercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
    }
}
