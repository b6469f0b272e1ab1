package import Foundation

/// What a drill restored and what became of it: the evidence, as history keeps it.
package struct DrillRecord: Codable, Sendable, Equatable {
    package enum Verdict: String, Codable, Sendable, CaseIterable {
        /// All that was restored is what was captured.
        case proven
        /// It was restored, and something of it could not be compared with anything.
        case unproven
        /// Something is not there, or is not what was captured.
        case failed
    }

    /// How the point was chosen: `latest`, `random`, or what the operator typed.
    package var selection: String
    /// The restore point; `nil` while none was found.
    package var point: RunID?
    package var pointTime: Date?
    /// Where it was restored from.
    package var repository: RepositoryName
    package var location: String
    /// The id that the repository has.
    package var identity: String?
    /// Without any cache, pins, history or home folder of this host.
    package var isNewMachine: Bool
    package var parts: [DrilledPart]
    package var checks: [DrillCheck]
    /// What an operator would look for in the point, and not find.
    package var missing: [DrillFinding]
    /// Sources of the profile, as it is, that were not asked for or that the point is too old for.
    package var leftOut: [SourceName]
    /// How long a restore may take, by the profile.
    package var restoreObjective: Duration?
    /// It came to its end: what was to be restored is among ``parts``.
    package var isComplete: Bool

    package init(selection: String, repository: RepositoryName, location: String) {
        self.selection = selection
        self.repository = repository
        self.location = location
        isNewMachine = false
        isComplete = false
        parts = []
        checks = []
        missing = []
        leftOut = []
    }

    /// From the beginning of the first part to the end of the last, one after the other, each proven against its facts.
    package var restoreTime: Duration { parts.reduce(.zero) { $0 + $1.duration } }
    package var bytes: ByteCount { parts.reduce(.zero) { $0 + $1.bytes } }

    /// How old the oldest of what was restored was when the drill began.
    package func dataAge(at start: Date) -> Duration? {
        parts.map(\.capturedAt).min().map { .seconds(max(0, start.timeIntervalSince($0))) }
    }

    package var isTooSlow: Bool { restoreObjective.map { restoreTime > $0 } ?? false }

    package var verdict: Verdict {
        if parts.isEmpty || !missing.isEmpty || checks.contains(where: { !$0.passed }) { return .failed }
        let worst = parts.map(\.verdict).max() ?? .failed
        // What was not come to is not proven.
        return isComplete ? worst : max(worst, .unproven)
    }

    /// Whether it proves that all of the profile restores.
    package var isWholeProof: Bool { verdict == .proven && leftOut.isEmpty }
}

extension DrillRecord.Verdict: Comparable {
    private var severity: Int {
        switch self {
        case .proven: 0
        case .unproven: 1
        case .failed: 2
        }
    }

    package static func < (left: Self, right: Self) -> Bool { left.severity < right.severity }
}

/// One part that a drill restored, or could not.
package struct DrilledPart: Codable, Sendable, Equatable {
    package var source: SourceName
    package var sourceKind: String
    package var part: PartPath
    package var snapshot: SnapshotID
    /// The run that captured it.
    package var run: RunID
    package var capturedAt: Date
    /// What came back.
    package var bytes: ByteCount
    package var files: Int64?
    /// From the first byte to the last comparison with the facts.
    package var duration: Duration
    /// What was compared and agreed.
    package var proofs: [String]
    /// What could not be compared, and why.
    package var unproven: [String]
    /// Of what was not compared, what is so on purpose.
    package var excused: [String]
    /// What to do so that it can be.
    package var remedies: [String]
    /// What is not as it must be.
    package var findings: [DrillFinding]
    package var notices: [String]

    package init(_ part: ManifestPart, run: RunID) {
        source = part.source
        sourceKind = part.sourceKind
        self.part = part.part
        snapshot = part.snapshot
        self.run = run
        capturedAt = part.capturedAt
        bytes = .zero
        duration = .zero
        proofs = []
        unproven = []
        excused = []
        remedies = []
        findings = []
        notices = []
    }

    package var title: String { part.title(in: source) }

    package var verdict: DrillRecord.Verdict {
        if !findings.isEmpty { return .failed }
        return unproven.isEmpty && !proofs.isEmpty ? .proven : .unproven
    }
}

/// Something that is not as it must be.
package struct DrillFinding: Codable, Sendable, Equatable, CustomStringConvertible {
    package var what: String
    package var expected: String?
    package var found: String?

    package init(_ what: String, expected: String? = nil, found: String? = nil) {
        self.what = what
        self.expected = expected
        self.found = found
    }

    package var description: String {
        what + (expected.map { ": expected \($0)" } ?? "")
            + (found.map { expected == nil ? ": \($0)" : ", found \($0)" } ?? "")
    }
}

/// A program of the operator's that looked at what was restored.
package struct DrillCheck: Codable, Sendable, Equatable {
    package var source: SourceName
    /// What ran.
    package var program: String
    package var passed: Bool
    /// How it ended and what it said.
    package var detail: String
    package var duration: Duration

    package init(source: SourceName, program: String, passed: Bool, detail: String, duration: Duration) {
        self.source = source
        self.program = program
        self.passed = passed
        self.detail = detail
        self.duration = duration
    }
}
