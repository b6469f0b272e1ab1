import BackupModel
import Synchronization

/// What a profile demands of a source, held against the snapshot itself and not against the disk.
struct Expectations: Sendable {
    private let repository: any Repository

    init(_ repository: any Repository) { self.repository = repository }

    /// The first demand that is not met; `nil` when all are.
    func unmet(_ spec: SourceSpec, _ reports: [PartReport]) async throws(RepositoryError) -> Failure? {
        let demands = spec.expectations
        let files = reports.reduce(Int64(0)) { $0 + ($1.stored.inside?.files ?? $1.stored.files ?? 1) }
        let bytes = reports.reduce(ByteCount.zero) { $0 + ($1.stored.inside?.bytes ?? $1.stored.bytes) }
        if let minimum = demands.minimumFiles, files < minimum {
            return failure("\(files) files were captured, `expect: min-files` wants \(minimum)")
        }
        if let minimum = demands.minimumBytes, bytes < minimum {
            return failure("\(bytes) were captured, `expect: min-bytes` wants \(minimum)")
        }
        guard !demands.contains.isEmpty else { return nil }
        let missing = Mutex(Set(demands.contains))
        for report in reports {
            // What was looked for as it went in: not every key that encrypts opens.
            if let inside = report.stored.inside {
                missing.withLock { $0.subtract(inside.found) }
                continue
            }
            try await repository.reader(for: report.stored.snapshot).entries { entry in
                missing.withLock { names in
                    for name in names where PathDemand.matches(entry.path, name) { names.remove(name) }
                }
            }
        }
        let names = missing.withLock { $0.sorted() }
        return names.isEmpty
            ? nil : failure("the snapshot lacks \(names.joined(separator: ", ")), which `expect:` wants")
    }

    private func failure(_ text: String) -> Failure {
        Failure(text, hint: "see what changed in the source; earlier backups are untouched")
    }
}
