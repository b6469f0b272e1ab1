import BackupModel

/// Keeps the beginning and the end of an output of any length, in bounded memory.
struct OutputKeeper {
    private let limit: Int
    private var head: [UInt8] = []
    /// A ring once it is full; `oldest` is where it begins.
    private var tail: [UInt8] = []
    private var oldest = 0
    private(set) var total: Int64 = 0

    /// - Parameter limit: of the head, and of the tail.
    init(limit: ByteCount) { self.limit = Int(clamping: max(limit.bytes, 0)) }

    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        total += Int64(bytes.count)
        var rest = bytes[...]
        let room = limit - head.count
        if room > 0 {
            head.append(contentsOf: rest.prefix(room))
            rest = rest.dropFirst(room)
        }
        // What would be overwritten in the same call need not be copied at all.
        rest = rest.suffix(limit)
        let space = limit - tail.count
        if space > 0 {
            tail.append(contentsOf: rest.prefix(space))
            rest = rest.dropFirst(space)
        }
        while !rest.isEmpty {
            let piece = rest.prefix(limit - oldest)
            tail.withUnsafeMutableBytes { ring in
                UnsafeMutableRawBufferPointer(rebasing: ring[oldest..<oldest + piece.count])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: piece))
            }
            oldest = (oldest + piece.count) % limit
            rest = rest.dropFirst(piece.count)
        }
    }

    var captured: CapturedOutput {
        CapturedOutput(
            head: head, tail: oldest == 0 ? tail : Array(tail[oldest...] + tail[..<oldest]),
            totalBytes: ByteCount(total))
    }
}
