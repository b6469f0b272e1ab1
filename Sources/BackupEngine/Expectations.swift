import BackupModel
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

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
            // Of what was encrypted on its way, the snapshot shows no names; what went in was noted.
            if let inside = report.stored.inside {
                guard let paths = inside.base == nil ? [] : inside.paths else {
                    return failure("too much was encrypted for `expect: contains` to be looked for in it")
                }
                missing.withLock { names in
                    for path in paths {
                        names = names.filter { !Expectations.matches(path, $0) }
                    }
                }
                continue
            }
            try await repository.reader(for: report.stored.snapshot).entries { entry in
                missing.withLock { names in
                    for name in names where Expectations.matches(entry.path, name) { names.remove(name) }
                }
            }
        }
        let names = missing.withLock { $0.sorted() }
        return names.isEmpty
            ? nil : failure("the snapshot lacks \(names.joined(separator: ", ")), which `expect:` wants")
    }

    /// A name, the end of a path, or a pattern for as many of its last components as it has itself.
    static func matches(_ path: String, _ name: String) -> Bool {
        if path == name || path.hasSuffix("/" + name) { return true }
        guard name.contains(where: { "*?[".contains($0) }) else { return false }
        let depth = name.split(separator: "/").count
        let end = path.split(separator: "/").suffix(depth).joined(separator: "/")
        return fnmatch(name, name.hasPrefix("/") ? path : end, FNM_PATHNAME) == 0
    }

    private func failure(_ text: String) -> Failure {
        Failure(text, hint: "see what changed in the source; earlier backups are untouched")
    }
}
