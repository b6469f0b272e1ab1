import Foundation

/// Cuts a stream of bytes into lines. Each byte is looked at once, and copied only when its line straddles two chunks.
struct LineSplitter {
    /// Longer lines arrive cut to this.
    static let longestLine = 1 << 20

    private var unfinished: [UInt8] = []

    mutating func feed(_ chunk: UnsafeRawBufferPointer, to take: (UnsafeRawBufferPointer) -> Void) {
        guard var position = chunk.baseAddress else { return }
        let end = position + chunk.count
        while position < end, let newline = memchr(position, 10, end - position) {
            let newline = UnsafeRawPointer(newline)
            let piece = UnsafeRawBufferPointer(start: position, count: newline - position)
            if unfinished.isEmpty {
                take(UnsafeRawBufferPointer(rebasing: piece.prefix(Self.longestLine)))
            } else {
                append(piece)
                unfinished.withUnsafeBytes(take)
                unfinished.removeAll(keepingCapacity: unfinished.count < 1 << 16)
            }
            position = newline + 1
        }
        append(UnsafeRawBufferPointer(start: position, count: end - position))
    }

    /// Hands over a last line that has no newline.
    mutating func finish(to take: (UnsafeRawBufferPointer) -> Void) {
        guard !unfinished.isEmpty else { return }
        unfinished.withUnsafeBytes(take)
        unfinished = []
    }

    private mutating func append(_ piece: UnsafeRawBufferPointer) {
        unfinished.append(contentsOf: piece.prefix(Self.longestLine - unfinished.count))
    }
}
