import BackupModel
import Foundation
import Programs

/// Reads a tar stream to its end and prints what is in it.
struct TarList {
    /// Whether contents are compared with the digests inside.
    enum Check { case never, whenPresent, always }

    private let input = StreamInput()
    private var scanner = TarScanner()
    private var safety: TarSafety?
    private let check: Check
    private var contents: TarContents
    private var comparison: SumsComparison?
    private var output: [UInt8] = []

    init(safe: Bool, check: Check) throws {
        safety = safe ? TarSafety() : nil
        self.check = check
        contents = try TarContents(hashing: check != .never)
    }

    mutating func run() throws {
        do {
            try read()
        } catch let error as TarError {
            // What was found before it is said before it.
            try flush()
            throw Failure(error)
        }
        try flush()
        try StandardStreams.write(contents.summary, to: STDERR_FILENO)
    }

    private mutating func read() throws {
        while try input.fill() {
            var index = 0
            while let event = try scanner.next(in: input.bytes, at: &index) { try take(event) }
            input.take(index)
        }
        try scanner.finish(rest: input.bytes.count)
        guard check != .never else { return }
        guard let comparison, comparison.files == contents.sums.count else {
            guard check == .always || comparison != nil else { return }
            throw TarError.mismatch(
                "the archive has no \(TarSums.memberName) at its end with which its contents could be compared")
        }
        if let name = comparison.difference {
            throw TarError.mismatch(
                "`\(name)` in the archive is not what the archive's own \(TarSums.memberName) says")
        }
    }

    private mutating func take(_ event: TarScanner.Event) throws {
        switch event {
        case .entry(let entry):
            try safety?.admit(entry)
            contents.begin(entry)
            if entry.kind == .file, TarSums.isSums(entry) {
                comparison = SumsComparison(contents.sums)
                return
            }
            if comparison?.isOpen == true { comparison?.close() }
            output += TarListing.line(for: entry)
            if output.count >= 1 << 16 { try flush() }
        case .content(let range):
            let bytes = UnsafeRawBufferPointer(rebasing: input.bytes[range])
            if comparison?.isOpen == true { comparison?.compare(bytes) } else { try contents.content(bytes) }
        case .hole(let count):
            if comparison?.isOpen == true { comparison?.fail() } else { try contents.hole(count) }
        case .endOfEntry:
            if comparison?.isOpen == true { comparison?.close() } else { try contents.end() }
        case .endOfArchive: break
        }
    }

    private mutating func flush() throws {
        try StandardStreams.write(output)
        output.removeAll(keepingCapacity: true)
    }
}

/// Compares the digests inside an archive with those of the files before them, line by line.
private struct SumsComparison {
    let files: Int
    private(set) var isOpen = true
    /// The file at which they differ first.
    private(set) var difference: String?
    private var lines: TarSums.Lines
    private var expected: ArraySlice<UInt8> = []

    init(_ sums: TarSums) {
        files = sums.count
        lines = sums.lines()
    }

    mutating func compare(_ bytes: UnsafeRawBufferPointer) {
        var rest = bytes[...]
        while difference == nil, !rest.isEmpty {
            if expected.isEmpty { expected = (lines.next() ?? [])[...] }
            let count = min(rest.count, expected.count)
            guard count > 0, rest.prefix(count).elementsEqual(expected.prefix(count)) else { return fail() }
            rest = rest.dropFirst(count)
            expected = expected.dropFirst(count)
        }
    }

    mutating func fail() {
        if difference == nil { difference = String(decoding: lines.name, as: UTF8.self) }
    }

    /// Nothing may be missing at its end.
    mutating func close() {
        isOpen = false
        if expected.isEmpty { expected = (lines.next() ?? [])[...] }
        if !expected.isEmpty { fail() }
    }
}
