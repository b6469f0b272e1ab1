extension RunRecord {
    /// The program's exit code for this run. Of the failures of a failed run, the first that has an exit code of its own
    /// decides.
    package func exitStatus(strict: Bool) -> ExitStatus {
        switch outcome ?? .failed {
        case .failed:
            failures.lazy.map { ExitStatus(for: $0.kind) }.first { code in
                // What was skipped beside it must not make a failure look like "not now": timers take that for a success.
                // Nor must what could not be proven beside it.
                code != .failed && code != .tryLater && code != .overdue
            } ?? .failed
        // What was restored and could not be proven.
        case .partial where !failures.isEmpty && failures.allSatisfy { $0.kind == .unproven }: .overdue
        case .skipped, .succeeded, .degraded, .partial, .interrupted:
            (outcome ?? .failed).exitStatus(strict: strict)
        }
    }
}
