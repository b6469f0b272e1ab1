import BackupModel
import Digests
import Foundation

/// Passes standard input on, and the last portion only when all of it has the digest that was expected: of a file that was changed
/// since it was tested, nothing ever comes to its end.
struct MatchedStream {
    let expected: String

    func run() throws {
        StandardStreams.widenPipe(STDOUT_FILENO)
        let input = StreamInput()
        let hash = try SHA256()
        var held: [UInt8] = []
        while try input.fill() {
            try StandardStreams.write(held)
            try hash.update(input.bytes)
            let kept = min(input.bytes.count, 4096)
            try StandardStreams.write(UnsafeRawBufferPointer(rebasing: input.bytes.dropLast(kept)))
            held = Array(input.bytes.suffix(kept))
            input.take(input.bytes.count)
        }
        guard try hash.finish().description == expected else {
            throw Failure("the file was changed while it was read", kind: .damaged)
        }
        try StandardStreams.write(held)
    }
}
