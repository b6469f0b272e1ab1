import BackupModel
import Digests
import Programs

/// What passes by in a tar stream, counted, and the digest of each file where that is asked for.
struct TarContents {
    private(set) var entries = 0
    private(set) var files = 0
    /// Of all files as they are unpacked, holes included.
    private(set) var bytes: Int64 = 0
    private(set) var sums = TarSums()

    private let hash: SHA256?
    private var current: TarEntry?

    init(hashing: Bool) throws { hash = hashing ? try SHA256() : nil }

    /// The digests of before are no file, see ``TarSums/isSums(_:)``.
    mutating func begin(_ entry: TarEntry) {
        current = nil
        guard entry.kind != .file || !TarSums.isSums(entry) else { return }
        entries += 1
        guard entry.kind == .file else { return }
        files += 1
        // A header may say anything.
        bytes = bytes.addingReportingOverflow(entry.size).overflow ? .max : bytes + entry.size
        current = entry
    }

    func content(_ bytes: UnsafeRawBufferPointer) throws {
        guard current != nil else { return }
        try hash?.update(bytes)
    }

    func hole(_ count: Int64) throws {
        guard current != nil, let hash else { return }
        var rest = count
        while rest > 0 {
            let portion = Int(min(rest, Int64(TarContents.zeros.count)))
            try TarContents.zeros.withUnsafeBytes { try hash.update(UnsafeRawBufferPointer(rebasing: $0[..<portion])) }
            rest -= Int64(portion)
        }
    }

    mutating func end() throws {
        guard let entry = current, let hash else { return }
        sums.add(digest: try hash.finish().bytes, name: entry.name)
        current = nil
    }

    /// One JSON line for who started us.
    var summary: [UInt8] {
        let document = JSONValue.object([
            ("entries", JSONValue(entries)), ("files", JSONValue(files)), ("bytes", JSONValue(bytes)),
        ])
        return Array((document.text() + "\n").utf8)
    }

    private static let zeros = [UInt8](repeating: 0, count: 1 << 18)
}
