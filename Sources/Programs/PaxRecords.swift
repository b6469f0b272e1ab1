/// What an extended header of the pax format says about the member behind it.
/// - Source: POSIX.1-2017, pax, "pax Extended Header"; GNU tar 1.34, "Storing Sparse Files".
struct PaxRecords {
    private(set) var path: [UInt8]?
    private(set) var link: [UInt8]?
    private(set) var size: Int64?
    private(set) var modified: TarTime?
    private(set) var sparseName: [UInt8]?
    private(set) var realSize: Int64?
    /// The map of a sparse file in the formats 0.0 and 0.1.
    private(set) var fragments: [TarFragment] = []
    private(set) var isSparse = false
    /// The map stands before the content: format 1.0.
    private(set) var hasMapInContent = false
    private var offset: Int64?

    init() {}

    /// - Throws: the reason, when the records cannot be understood.
    init(_ bytes: [UInt8]) throws(PaxProblem) {
        var rest = bytes[...]
        while !rest.isEmpty {
            // LENGTH blank KEY=VALUE newline; the length counts all of it.
            guard let blank = rest.prefix(20).firstIndex(of: 32),
                let length = PaxRecords.number(rest[..<blank]), length <= rest.count,
                length > blank - rest.startIndex + 2, case let end = rest.startIndex + Int(length), rest[end - 1] == 10,
                let equals = rest[(blank + 1)..<(end - 1)].firstIndex(of: 61)
            else { throw PaxProblem(what: "its extended header is malformed") }
            try take(String(decoding: rest[(blank + 1)..<equals], as: UTF8.self), rest[(equals + 1)..<(end - 1)])
            rest = rest[end...]
        }
    }

    private mutating func take(_ key: String, _ value: ArraySlice<UInt8>) throws(PaxProblem) {
        switch key {
        case "path": path = try PaxRecords.name(value, key)
        case "linkpath": link = try PaxRecords.name(value, key)
        case "size": size = try PaxRecords.count(value, key)
        case "mtime": modified = try PaxRecords.time(value)
        case "GNU.sparse.name":
            isSparse = true
            sparseName = try PaxRecords.name(value, key)
        case "GNU.sparse.size", "GNU.sparse.realsize":
            isSparse = true
            realSize = try PaxRecords.count(value, key)
        case "GNU.sparse.numblocks": isSparse = true
        case "GNU.sparse.offset": offset = try PaxRecords.count(value, key)
        case "GNU.sparse.numbytes":
            guard let start = offset else { throw PaxProblem(what: "its sparse map is malformed") }
            fragments.append(TarFragment(offset: start, length: try PaxRecords.count(value, key)))
            offset = nil
        case "GNU.sparse.map":
            isSparse = true
            let numbers = value.split(separator: 44)
            guard numbers.count.isMultiple(of: 2) else { throw PaxProblem(what: "its sparse map is malformed") }
            fragments = []
            for index in stride(from: 0, to: numbers.count, by: 2) {
                let start = try PaxRecords.count(numbers[index], key)
                fragments.append(TarFragment(offset: start, length: try PaxRecords.count(numbers[index + 1], key)))
            }
        case "GNU.sparse.major":
            isSparse = true
            guard let number = PaxRecords.number(value), number < 2 else {
                throw PaxProblem(what: "its format of sparse files is not known")
            }
            hasMapInContent = number == 1
        default: break
        }
    }

    /// True for what changes how a member is read; in a header for all members nobody writes that.
    var decidesMore: Bool { path != nil || link != nil || size != nil || isSparse || !fragments.isEmpty }

    private static func name(_ value: ArraySlice<UInt8>, _ key: String) throws(PaxProblem) -> [UInt8] {
        // An empty value takes back what a header for all members said, which we refuse to begin with.
        guard !value.isEmpty, !value.contains(0) else { throw PaxProblem(what: "its `\(key)` is malformed") }
        return Array(value)
    }

    private static func count(_ value: ArraySlice<UInt8>, _ key: String) throws(PaxProblem) -> Int64 {
        guard let number = number(value) else { throw PaxProblem(what: "its `\(key)` is malformed") }
        return number
    }

    static func number(_ digits: ArraySlice<UInt8>) -> Int64? {
        guard !digits.isEmpty, digits.count <= 18 else { return nil }
        var value: Int64 = 0
        for digit in digits {
            guard (48...57).contains(digit) else { return nil }
            value = value * 10 + Int64(digit - 48)
        }
        return value
    }

    /// Seconds with as many decimals as the writer liked, perhaps before 1970.
    private static func time(_ value: ArraySlice<UInt8>) throws(PaxProblem) -> TarTime {
        let isNegative = value.first == 45
        let halves = (isNegative ? value.dropFirst() : value).split(separator: 46, maxSplits: 1)
        guard let whole = halves.first, let seconds = number(whole) else {
            throw PaxProblem(what: "its `mtime` is malformed")
        }
        var fraction = halves.count > 1 ? Array(halves[1].prefix(9)) : []
        fraction += [UInt8](repeating: 48, count: 9 - fraction.count)
        guard let nanoseconds = number(fraction[...]) else { throw PaxProblem(what: "its `mtime` is malformed") }
        guard isNegative else { return TarTime(seconds: seconds, nanoseconds: Int32(nanoseconds)) }
        return nanoseconds == 0
            ? TarTime(seconds: -seconds)
            : TarTime(seconds: -seconds - 1, nanoseconds: Int32(1_000_000_000 - nanoseconds))
    }
}

struct PaxProblem: Error {
    var what: String
}
