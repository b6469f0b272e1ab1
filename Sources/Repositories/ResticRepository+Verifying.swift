package import BackupModel
import Programs

extension ResticRepository {
    package func verify(
        _ depth: VerifyDepth, progress: @escaping @Sendable (TransferProgress) -> Void
    ) async throws(RepositoryError) -> VerifyReport {
        if case .data(let index, let count) = depth, count < 1 || !(1...max(1, count)).contains(index) {
            throw .unsupported("there is no slice \(index) of \(count)")
        }
        let result = try await access.attempt(try await access.restic().uncached.check(depth, locking: access.canLock))
        guard result.stopped == nil, case .exited(let code) = result.termination,
            let report = ResticCheckReport.parse(
                exitCode: code, output: result.output.text, ResticDiagnostics(result.errors.text))
        else {
            guard !result.didItsWork else {
                throw .noEvidence(location: location, detail: "restic check ended well and gave no verdict")
            }
            throw access.failure(of: result)
        }
        return report
    }
}
