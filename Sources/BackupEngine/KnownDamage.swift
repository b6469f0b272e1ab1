import BackupModel

/// Damage that a test of the repository has found and no later one has disproved. While it is known nothing may be removed:
/// what looks superfluous may be the only whole copy.
enum KnownDamage {
    /// What a test looks at, kept as the reason of its run.
    static func title(of depth: VerifyRequest.Depth) -> String {
        switch depth {
        case .structure: "structure"
        case .data(let percent): VerifyRun.slices(percent: percent) == 1 ? "all data" : "data"
        case .scrub: "scrub"
        }
    }

    /// The run that found damage.
    /// - Parameter verifications: newest first. Damaged structure is disproved by any later test that succeeds, damaged data
    ///   only by one that has read all of it.
    static func find(in verifications: [RunRecord]) -> RunRecord? {
        var later: Set<String> = []
        for run in verifications {
            let test = run.reason ?? ""
            if run.outcome == .succeeded { later.insert(test) }
            guard run.failures.contains(where: { $0.kind == .damaged }) else { continue }
            let disproving: Set =
                test == "structure" ? ["structure", "data", "all data", "scrub"] : ["all data", "scrub"]
            return later.isDisjoint(with: disproving) ? run : nil
        }
        return nil
    }
}
