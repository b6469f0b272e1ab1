import BackupModel
import Foundation

/// Tells a snapshot that is far bigger or smaller than those before it: a source that lost its files, or one that was
/// encrypted by somebody else. Older backups are then the valuable ones, so nothing of the group is removed.
///
/// It settles by itself: once most of the last ten look like the newest, the change is the new normal.
enum RetentionAnomaly {
    /// How many good ones before the newest make the median, at most and at least.
    static let window = 10
    static let fewest = 5
    /// Less than half, or more than three times the median.
    static let shrinkage = 0.5
    static let growth = 3.0
    /// Smaller changes never count, whatever their ratio.
    static let smallestBytes = 1.0 * 1024 * 1024
    static let smallestFiles = 20.0

    /// - Parameters:
    ///   - candidates: newest first.
    ///   - border: what was made before it is no measure any more.
    static func find(in candidates: [RetentionCandidate], since border: Date? = nil) -> String? {
        guard let newest = candidates.first else { return nil }
        let previous = candidates.dropFirst().filter { candidate in
            candidate.condition.isGood && border.map { candidate.time >= $0 } != false
        }
        guard
            let far = far(
                bytes: newest.bytes, files: newest.files, from: previous.prefix(window).map { ($0.bytes, $0.files) })
        else { return nil }
        return "its newest snapshot, \(newest.id), holds \(far)"
    }

    /// `12 files, far from the usual 3400`, or `nil`.
    static func far(
        bytes: ByteCount?, files: Int64?, from previous: [(bytes: ByteCount?, files: Int64?)]
    ) -> String? {
        if let bytes, let median = median(of: previous.compactMap { $0.bytes.map { Double($0.bytes) } }),
            isFar(Double(bytes.bytes), from: median, smallest: smallestBytes)
        {
            return "\(bytes), far from the usual \(ByteCount(Int64(median)))"
        }
        if let files, let median = median(of: previous.compactMap { $0.files.map(Double.init) }),
            isFar(Double(files), from: median, smallest: smallestFiles)
        {
            return "\(files) files, far from the usual \(Int64(median))"
        }
        return nil
    }

    private static func isFar(_ value: Double, from median: Double, smallest: Double) -> Bool {
        abs(value - median) >= smallest && (value < median * shrinkage || value > median * growth)
    }

    /// `nil` when there are too few to judge by.
    static func median(of values: [Double]) -> Double? {
        guard values.count >= fewest else { return nil }
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
    }
}
