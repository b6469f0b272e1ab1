import BackupModel
import Foundation

/// Standard input in large portions, through one buffer.
final class StreamInput {
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
    private var filled = 0

    init() { StandardStreams.widenPipe(STDIN_FILENO) }

    deinit { buffer.deallocate() }

    /// What was read and not taken yet.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: buffer[..<filled]) }

    /// Leaves out what was taken; the rest, which should be little, moves to the beginning.
    func take(_ count: Int) {
        filled -= count
        guard filled > 0, count > 0, let place = buffer.baseAddress else { return }
        memmove(place, place + count, filled)
    }

    /// Reads more behind what is there.
    /// - Returns: false at the end.
    func fill() throws(Failure) -> Bool {
        guard let place = buffer.baseAddress else { return false }
        while true {
            let count = read(STDIN_FILENO, place + filled, buffer.count - filled)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else {
                throw Failure("standard input cannot be read: \(StandardStreams.reason(errno))")
            }
            filled += count
            return count > 0
        }
    }
}

enum StandardStreams {
    /// Writes all of it. Unlike what is printed for people, it must arrive.
    static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32 = STDOUT_FILENO) throws(Failure) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = Foundation.write(descriptor, rest.base.baseAddress! + rest.startIndex, rest.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else {
                throw Failure(
                    errno == EPIPE
                        ? "the program that reads our output has ended"
                        : "the output cannot be written: \(reason(errno))",
                    kind: kind(errno))
            }
            rest = rest.dropFirst(count)
        }
    }

    static func write(_ bytes: [UInt8], to descriptor: Int32 = STDOUT_FILENO) throws(Failure) {
        let result: Result<Void, Failure> = bytes.withUnsafeBytes { buffer in
            Result { () throws(Failure) in try write(buffer, to: descriptor) }
        }
        try result.get()
    }

    /// Fewer and larger portions. A system that does not allow it leaves the pipe as it is, and all works the same.
    static func widenPipe(_ descriptor: Int32) {
        #if os(Linux)
            _ = fcntl(descriptor, setPipeSize, 1 << 20)
        #endif
    }

    #if os(Linux)
        /// `F_SETPIPE_SZ`
        /// - Source: fcntl(2), man-pages 6.9.
        private static let setPipeSize: Int32 = 1031
    #endif

    static func reason(_ code: Int32) -> String { String(cString: strerror(code)) }

    static func kind(_ code: Int32) -> FailureKind {
        switch code {
        case ENOSPC, EDQUOT, EFBIG: .destinationFull
        case EROFS: .destinationReadOnly
        default: .failed
        }
    }
}
