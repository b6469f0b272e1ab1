import BackupModel
import Foundation
import Programs

/// Passes a tar stream on as it is, and puts a last member into it: the digests of all its files.
struct TarDigesting {
    private let input = StreamInput()
    private var scanner = TarScanner()
    private var contents: TarContents
    private var written: Int64 = 0

    init() throws {
        contents = try TarContents(hashing: true)
        StandardStreams.widenPipe(STDOUT_FILENO)
    }

    /// Nothing that could pass for the end of the archive is written before all of it was understood.
    mutating func run() throws {
        var sawEnd = false
        while try input.fill() {
            var index = 0
            // Where the archive's members end in this portion.
            var end: Int?
            while let event = try scanner.next(in: input.bytes, at: &index) {
                switch event {
                case .entry(let entry): contents.begin(entry)
                case .content(let range): try contents.content(UnsafeRawBufferPointer(rebasing: input.bytes[range]))
                case .hole(let count): try contents.hole(count)
                case .endOfEntry: try contents.end()
                case .endOfArchive: end = index
                }
            }
            if !sawEnd { try pass(UnsafeRawBufferPointer(rebasing: input.bytes[..<(end ?? index)])) }
            if end != nil { sawEnd = true }
            input.take(index)
        }
        try scanner.finish(rest: input.bytes.count)
        try writeSums()
        try writeEnd()
        try StandardStreams.write(contents.summary, to: STDERR_FILENO)
    }

    private mutating func pass(_ bytes: UnsafeRawBufferPointer) throws {
        try StandardStreams.write(bytes)
        written += Int64(bytes.count)
    }

    private mutating func pass(_ bytes: [UInt8]) throws {
        try StandardStreams.write(bytes)
        written += Int64(bytes.count)
    }

    private mutating func writeSums() throws {
        let size = contents.sums.textSize
        guard size < 8 << 30 else { throw Failure("there are too many files for one list of digests") }
        try pass(
            TarMember.header(
                name: TarSums.memberName, size: size, modified: Int64(time(nil)), user: geteuid(), group: getegid()))
        var lines = contents.sums.lines()
        var portion: [UInt8] = []
        while let line = lines.next() {
            portion += line
            guard portion.count >= 1 << 18 else { continue }
            try pass(portion)
            portion.removeAll(keepingCapacity: true)
        }
        try pass(portion + [UInt8](repeating: 0, count: TarMember.padding(size)))
    }

    /// Two blocks of zeros and what fills the last record, as `tar` writes it.
    private mutating func writeEnd() throws {
        let record: Int64 = 10_240
        let length = 1024 + (record - (written + 1024) % record) % record
        try pass([UInt8](repeating: 0, count: Int(length)))
    }
}
