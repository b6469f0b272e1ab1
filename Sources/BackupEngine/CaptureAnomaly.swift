import BackupModel
import Foundation

/// Tells parts that are unlike those before them: a source that lost its files, one that was encrypted by somebody else,
/// a disk that is mounted and empty. Pure: from what was captured now and before.
///
/// The backup is taken all the same. What was captured before it is then the valuable thing, and is kept until somebody
/// has said that all is well.
enum CaptureAnomaly {
    /// A share of new bytes below this never counts as a mass change.
    static let changedShare = 0.5
    /// And it must be this many times the usual share.
    static let changedFactor = 5.0

    /// - Parameter earlier: parts of earlier runs, newest first, those that are good. No more are looked at than
    ///   ``RetentionAnomaly/window`` of each part.
    static func find(in parts: [ManifestPart], after earlier: [ManifestPart]) -> [Anomaly] {
        parts.compactMap { part in
            guard part.condition.isGood else { return nil }
            let previous = earlier.filter { $0.source == part.source && $0.part == part.part && $0.condition.isGood }
                .prefix(RetentionAnomaly.window)
            guard let (kind, detail) = judge(part, Array(previous)) else { return nil }
            return Anomaly(source: part.source, part: part.part, kind: kind, detail: detail)
        }
    }

    private static func judge(_ part: ManifestPart, _ previous: [ManifestPart]) -> (Anomaly.Kind, String)? {
        guard let last = previous.first else { return nil }
        if part.files == 0, let before = last.files, before > 0 {
            return (.empty, "no files, where there were \(before)")
        }
        if part.bytes.bytes == 0, last.bytes.bytes > 0 { return (.empty, "nothing, where there were \(last.bytes)") }
        if let far = RetentionAnomaly.far(
            bytes: part.bytes, files: part.files, from: previous.map { ($0.bytes, $0.files) })
        {
            return (.size, far)
        }
        return changed(part, previous).map { (.change, $0) }
    }

    /// Files of another content under their old names make a backup as large as ever, and nearly all of it new.
    private static func changed(_ part: ManifestPart, _ previous: [ManifestPart]) -> String? {
        let usual = previous.compactMap(share)
        guard let now = share(part), now >= changedShare, Double(part.bytes.bytes) >= RetentionAnomaly.smallestBytes,
            let median = RetentionAnomaly.median(of: usual), now >= median * changedFactor
        else { return nil }
        return "\(Int(now * 100)) % of it is new, where \(Int((median * 100).rounded())) % is usual"
    }

    private static func share(_ part: ManifestPart) -> Double? {
        guard let added = part.addedBytes, part.bytes.bytes > 0 else { return nil }
        return Double(added.bytes) / Double(part.bytes.bytes)
    }
}
