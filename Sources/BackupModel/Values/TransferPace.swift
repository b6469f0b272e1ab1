/// How fast something moves, and how long the rest of it takes, from what was seen of it in the last seconds.
package struct TransferPace: Sendable {
    /// Long enough to even out what comes in bursts, short enough to notice a change.
    private static let window = Duration.seconds(15)
    /// Less says nothing yet.
    private static let shortest = Duration.seconds(2)

    private var seen: [(time: Duration, bytes: Int64)] = []

    package init() {}

    /// - Parameters:
    ///   - bytes: all so far. Fewer than before is a new beginning.
    ///   - time: by a clock that never goes back.
    package mutating func add(_ bytes: ByteCount, at time: Duration) {
        if let last = seen.last, bytes.bytes < last.bytes { seen = [] }
        seen.append((time, bytes.bytes))
        // One that is older stays, to count from.
        while seen.count > 2, time - seen[1].time >= TransferPace.window { seen.removeFirst() }
    }

    /// `nil` while too little has been seen.
    package var perSecond: ByteCount? {
        guard let first = seen.first, let last = seen.last, last.time - first.time >= TransferPace.shortest else {
            return nil
        }
        return ByteCount(Int64(Double(last.bytes - first.bytes) / (last.time - first.time).inSeconds))
    }

    /// `nil` while it cannot be told: too little was seen, nothing moves, or all is there.
    package func left(of total: ByteCount) -> Duration? {
        guard let rate = perSecond, rate > .zero, let last = seen.last, total.bytes > last.bytes else { return nil }
        return .seconds(Double(total.bytes - last.bytes) / Double(rate.bytes))
    }
}
