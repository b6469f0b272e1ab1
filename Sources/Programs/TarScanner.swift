/// Reads a tar stream of any length, portion by portion, and says what is in it. It keeps nothing but the header at hand.
///
/// Knows v7, ustar, pax, GNU's long names, and sparse files in all four formats. What programs would understand in different
/// ways is refused (``TarError/ambiguous(name:what:)``), so that what was tested is what `tar` unpacks.
package struct TarScanner {
    package enum Event: Equatable {
        case entry(TarEntry)
        /// Bytes of a file's content: a range of the portion that was handed in.
        case content(Range<Int>)
        /// As many zeros of a file's content, of which the stream knows only that they are there.
        case hole(Int64)
        case endOfEntry
        /// The two blocks of zeros that end an archive begin where the position is left. Only zeros may follow.
        case endOfArchive
    }

    private enum State {
        case header
        case longText(Extension, remaining: Int64)
        case sparseExtension
        case sparseMap
        case content
        case end
    }

    private enum Extension: Equatable { case pax, globalPax, longName, longLink }

    /// No header of extensions is longer: names, times, and attributes of a file.
    private static let extensionLimit: Int64 = 8 << 20
    /// No sparse file has more pieces.
    private static let fragmentLimit = 1 << 22

    /// Bytes taken so far.
    package private(set) var position: Int64 = 0
    private var state = State.header
    private var sawHeader = false

    private var text: [UInt8] = []
    private var pax: PaxRecords?
    private var longName: [UInt8]?
    private var longLink: [UInt8]?

    private var name: [UInt8] = []
    private var isFile = false
    /// Of the member's content, in the stream.
    private var stored: Int64 = 0
    private var padding: Int64 = 0
    private var isSparse = false
    private var fragments: [TarFragment] = []
    private var fragment = 0
    private var place: Int64 = 0
    private var realSize: Int64 = 0
    private var map = SparseMapText()

    package init() {}

    /// The next thing in the stream.
    ///
    /// - Parameter index: where in `bytes` to go on; it is moved behind what was taken. What is left when there is no event
    ///   more, less than 1,024 bytes, must come again at the beginning of the next portion.
    /// - Returns: `nil` when more bytes are needed.
    /// - Throws: ``TarError``; the scanner is of no use then.
    package mutating func next(in bytes: UnsafeRawBufferPointer, at index: inout Int) throws(TarError) -> Event? {
        let start = index
        defer { position += Int64(index - start) }
        while true {
            let here = position + Int64(index - start)
            switch state {
            case .header:
                guard let block = block(bytes, at: index) else { return nil }
                if TarHeader.isZero(block) {
                    guard let second = self.block(bytes, at: index + TarHeader.size) else { return nil }
                    guard TarHeader.isZero(second), pax == nil, longName == nil, longLink == nil else {
                        throw damaged(here, "a block of zeros stands where a member should")
                    }
                    state = .end
                    return .endOfArchive
                }
                index += TarHeader.size
                if let entry = try read(TarHeader(block), here) { return .entry(entry) }
            case .longText(let kind, let remaining):
                let count = min(remaining, Int64(bytes.count - index))
                text.append(contentsOf: bytes[index..<index + Int(count)])
                index += Int(count)
                state = .longText(kind, remaining: remaining - count)
                guard remaining == count else { return nil }
                guard skipPadding(bytes, &index) else { return nil }
                try end(kind, here)
            case .sparseExtension:
                guard let block = block(bytes, at: index) else { return nil }
                index += TarHeader.size
                guard let (more, goesOn) = TarHeader(block).sparseExtension,
                    fragments.count + more.count <= TarScanner.fragmentLimit
                else { throw damaged(here, "the map of a sparse file is malformed") }
                fragments += more
                if !goesOn { try beginSparseContent(here) }
            case .sparseMap:
                guard let block = block(bytes, at: index) else { return nil }
                guard stored >= Int64(TarHeader.size) else {
                    throw damaged(here, "the map of a sparse file is malformed")
                }
                index += TarHeader.size
                stored -= Int64(TarHeader.size)
                guard map.take(block), map.fragments.count <= TarScanner.fragmentLimit else {
                    throw damaged(here, "the map of a sparse file is malformed")
                }
                if map.isComplete {
                    fragments = map.fragments
                    try beginSparseContent(here)
                }
            case .content:
                if let event = content(bytes, &index) { return event }
                guard stored == 0 else { return nil }
                guard skipPadding(bytes, &index) else { return nil }
                state = .header
                return .endOfEntry
            case .end:
                while index < bytes.count {
                    guard bytes[index] == 0 else {
                        throw damaged(here, "something follows behind its end")
                    }
                    index += 1
                }
                return nil
            }
        }
    }

    /// To be called at the end of the stream.
    /// - Parameter rest: how many bytes were left over.
    /// - Throws: ``TarError`` when the archive does not end there.
    package func finish(rest: Int = 0) throws(TarError) {
        if case .end = state { return }
        guard sawHeader || rest >= TarHeader.size else {
            if position + Int64(rest) == 0 { throw .truncated(position: 0) }
            throw .notTar
        }
        throw .truncated(position: position + Int64(rest))
    }

    private func block(_ bytes: UnsafeRawBufferPointer, at index: Int) -> UnsafeRawBufferPointer? {
        guard bytes.count - index >= TarHeader.size else { return nil }
        return UnsafeRawBufferPointer(rebasing: bytes[index..<index + TarHeader.size])
    }

    /// Passes over what fills the last block of a content.
    /// - Returns: false when more bytes are needed.
    private mutating func skipPadding(_ bytes: UnsafeRawBufferPointer, _ index: inout Int) -> Bool {
        let count = min(padding, Int64(bytes.count - index))
        index += Int(count)
        padding -= count
        return padding == 0
    }

    private func damaged(_ position: Int64, _ what: String) -> TarError { .damaged(position: position, what: what) }

    private func ambiguous(_ what: String) -> TarError {
        .ambiguous(name: String(decoding: name, as: UTF8.self), what: what)
    }
}

extension TarScanner {
    /// Takes in a header.
    /// - Returns: `nil` for one that only says more about the next.
    private mutating func read(_ header: TarHeader, _ here: Int64) throws(TarError) -> TarEntry? {
        guard header.hasRightChecksum else {
            if sawHeader { throw damaged(here, "the checksum of a header is wrong") }
            throw .notTar
        }
        sawHeader = true
        guard let size = header.size, let mode = header.mode, let modified = header.modified, size >= 0, size < 1 << 60
        else { throw damaged(here, "a number in a header is malformed") }
        switch header.type {
        case UInt8(ascii: "x"): try begin(.pax, size, here)
        case UInt8(ascii: "g"): try begin(.globalPax, size, here)
        case UInt8(ascii: "L"): try begin(.longName, size, here)
        case UInt8(ascii: "K"): try begin(.longLink, size, here)
        case UInt8(ascii: "V") where size == 0: break
        default:
            var entry = TarEntry(name: header.name, kind: TarScanner.kind(header.type))
            entry.mode = UInt32(truncatingIfNeeded: mode & 0o7777)
            entry.modified = TarTime(seconds: modified)
            entry.link = header.link
            return try complete(entry, header, size, here)
        }
        return nil
    }

    private mutating func begin(_ kind: Extension, _ size: Int64, _ here: Int64) throws(TarError) {
        guard size <= TarScanner.extensionLimit else { throw damaged(here, "an extended header is far too long") }
        text.removeAll(keepingCapacity: true)
        state = .longText(kind, remaining: size)
        padding = TarScanner.padding(size)
    }

    private mutating func end(_ kind: Extension, _ here: Int64) throws(TarError) {
        state = .header
        switch kind {
        case .pax, .globalPax:
            let records: PaxRecords
            do throws(PaxProblem) {
                records = try PaxRecords(text)
            } catch {
                throw damaged(here, error.what)
            }
            if kind == .globalPax {
                guard !records.decidesMore else { throw damaged(here, "one header gives all members a name or a size") }
            } else {
                guard pax == nil else { throw damaged(here, "a member has two extended headers") }
                pax = records
            }
        case .longName, .longLink:
            let name = Array(text[..<(text.firstIndex(of: 0) ?? text.endIndex)])
            guard kind == .longName ? longName == nil : longLink == nil, !name.isEmpty else {
                throw damaged(here, "a long name is malformed")
            }
            if kind == .longName { longName = name } else { longLink = name }
        }
    }

    /// Puts together what the headers say about a member.
    private mutating func complete(
        _ plain: TarEntry, _ header: TarHeader, _ headerSize: Int64, _ here: Int64
    ) throws(TarError) -> TarEntry {
        var entry = plain
        let records = pax ?? PaxRecords()
        guard longName == nil || records.path == nil && records.sparseName == nil,
            longLink == nil || records.link == nil
        else { throw damaged(here, "a member has two long names") }
        entry.name = records.sparseName ?? records.path ?? longName ?? entry.name
        entry.link = records.link ?? longLink ?? entry.link
        entry.modified = records.modified ?? entry.modified
        (pax, longName, longLink) = (nil, nil, nil)
        name = entry.name
        guard !entry.name.isEmpty else { throw damaged(here, "a member has no name") }

        let hasSlash = entry.name.last == 47
        while entry.name.count > 1, entry.name.last == 47 { entry.name.removeLast() }
        // The formats before ustar have no type for folders.
        if hasSlash, entry.kind == .file { entry.kind = .directory }

        stored = records.size ?? headerSize
        isFile = entry.kind == .file
        isSparse = false
        (fragments, fragment, place) = ([], 0, 0)
        if entry.kind != .file, stored != 0 {
            if header.type == UInt8(ascii: "D") {
                entry.kind = .directory
            } else if case .unknown = entry.kind {
                // Passed over, and told of.
            } else {
                throw ambiguous("it is no file, and says that it has content")
            }
        } else if header.type == UInt8(ascii: "D") {
            entry.kind = .directory
        }
        padding = TarScanner.padding(stored)
        state = .content
        entry.size = isFile ? stored : 0
        if header.type == UInt8(ascii: "S") || records.isSparse || !records.fragments.isEmpty {
            try beginSparse(&entry, header, records, here)
        }
        return entry
    }

    private mutating func beginSparse(
        _ entry: inout TarEntry, _ header: TarHeader, _ records: PaxRecords, _ here: Int64
    ) throws(TarError) {
        let isOld = header.type == UInt8(ascii: "S")
        guard isFile, !isOld || !records.isSparse else { throw ambiguous("it is sparse in two ways") }
        guard let size = isOld ? header.realSize : records.realSize, size >= 0, size < 1 << 60 else {
            throw damaged(here, "the size of a sparse file is malformed")
        }
        isSparse = true
        realSize = size
        entry.size = size
        if isOld {
            guard let (first, goesOn) = header.sparseMap else {
                throw damaged(here, "the map of a sparse file is malformed")
            }
            fragments = first
            if goesOn { state = .sparseExtension } else { try beginSparseContent(here) }
        } else if records.hasMapInContent {
            map = SparseMapText()
            state = .sparseMap
        } else {
            fragments = records.fragments
            try beginSparseContent(here)
        }
    }

    /// The map must be in order, within the file, and of as many bytes as there are.
    private mutating func beginSparseContent(_ here: Int64) throws(TarError) {
        var end: Int64 = 0
        var sum: Int64 = 0
        for piece in fragments {
            guard piece.offset >= end, piece.length >= 0, piece.offset <= realSize,
                piece.length <= realSize - piece.offset
            else { throw damaged(here, "the map of a sparse file is malformed") }
            end = piece.offset + piece.length
            sum += piece.length
        }
        guard sum == stored else { throw damaged(here, "the map of a sparse file does not fit its content") }
        state = .content
    }

    /// What comes next of a member's content; `nil` at its end, and when more bytes are needed.
    private mutating func content(_ bytes: UnsafeRawBufferPointer, _ index: inout Int) -> Event? {
        var limit = stored
        if isSparse {
            while fragment < fragments.count, place == fragments[fragment].offset + fragments[fragment].length {
                fragment += 1
            }
            let target = fragment < fragments.count ? fragments[fragment].offset : realSize
            if place < target {
                defer { place = target }
                return .hole(target - place)
            }
            limit = fragment < fragments.count ? fragments[fragment].offset + fragments[fragment].length - place : 0
        }
        let count = Int(min(limit, Int64(bytes.count - index)))
        guard count > 0 else { return nil }
        let range = index..<index + count
        index += count
        stored -= Int64(count)
        place += Int64(count)
        return isFile ? .content(range) : content(bytes, &index)
    }

    private static func padding(_ size: Int64) -> Int64 {
        (Int64(TarHeader.size) - size % Int64(TarHeader.size)) % Int64(TarHeader.size)
    }

    private static func kind(_ type: UInt8) -> TarEntry.Kind {
        switch type {
        case 0, UInt8(ascii: "0"), UInt8(ascii: "7"), UInt8(ascii: "S"): .file
        case UInt8(ascii: "1"): .hardLink
        case UInt8(ascii: "2"): .symbolicLink
        case UInt8(ascii: "3"): .characterDevice
        case UInt8(ascii: "4"): .blockDevice
        case UInt8(ascii: "5"): .directory
        case UInt8(ascii: "6"): .fifo
        default: .unknown(type)
        }
    }
}

/// The map of a sparse file in the format 1.0: decimal numbers, one per line, in front of the content, in whole blocks. The
/// first says how many pieces there are, and each has its place and its length.
private struct SparseMapText {
    private(set) var fragments: [TarFragment] = []
    private var expected: Int64?
    private var digits: [UInt8] = []
    private var offset: Int64?
    var isComplete: Bool { expected == Int64(fragments.count) }

    /// - Returns: false when it is malformed.
    mutating func take(_ block: UnsafeRawBufferPointer) -> Bool {
        for byte in block {
            if isComplete { return true }
            guard byte == 10 else {
                guard digits.count < 18 else { return false }
                digits.append(byte)
                continue
            }
            guard let number = PaxRecords.number(digits[...]) else { return false }
            digits.removeAll(keepingCapacity: true)
            if expected == nil {
                expected = number
            } else if let start = offset {
                fragments.append(TarFragment(offset: start, length: number))
                offset = nil
            } else {
                offset = number
            }
        }
        return true
    }
}
