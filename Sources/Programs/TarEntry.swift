package import BackupModel

/// One member of a tar archive, as it is unpacked: headers that only say more about the next one are no entries.
package struct TarEntry: Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        case file
        case directory
        case symbolicLink
        case hardLink
        case characterDevice
        case blockDevice
        case fifo
        /// A type that none of the known formats has, by its letter.
        case unknown(UInt8)
    }

    /// Byte for byte, which need not be UTF-8, without slashes at the end.
    package var name: [UInt8]
    package var kind: Kind
    /// Of the file when it is unpacked: the holes of a sparse one count. 0 for everything that is no file.
    package var size: Int64 = 0
    package var mode: UInt32 = 0
    package var modified = TarTime(seconds: 0)
    /// Where a symbolic link leads, or of what a hard link is another name.
    package var link: [UInt8] = []

    package init(name: [UInt8], kind: Kind) {
        self.name = name
        self.kind = kind
    }

    /// For people; what is no UTF-8 is repaired.
    package var displayedName: String { String(decoding: name, as: UTF8.self) }
}

/// A moment, to the nanosecond, since 1970.
package struct TarTime: Sendable, Equatable {
    package var seconds: Int64
    /// Always forward from `seconds`.
    package var nanoseconds: Int32 = 0

    package init(seconds: Int64, nanoseconds: Int32 = 0) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }
}

/// What is wrong with a tar stream. Positions are bytes from its beginning.
package enum TarError: OperatorError, Equatable {
    case notTar
    case damaged(position: Int64, what: String)
    case truncated(position: Int64)
    /// Something that programs understand differently, or not at all, so that what one tests another would not unpack.
    case ambiguous(name: String, what: String)
    /// An entry that would not stay below the folder that it is unpacked into, or is no file, folder or link.
    case refused(name: String, what: String)
    /// The content is not what the digests inside say.
    case mismatch(String)

    package var kind: FailureKind { .damaged }

    package var description: String {
        switch self {
        case .notTar: "this is no tar archive"
        case .damaged(let position, let what): "the tar archive is damaged at byte \(position): \(what)"
        case .truncated(let position):
            "the tar archive is cut off: it ends at byte \(position), without its end-of-archive mark"
        case .ambiguous(let name, let what): "`\(name)` in the tar archive: \(what)"
        case .refused(let name, let what): "`\(name)` in the tar archive \(what)"
        case .mismatch(let what): what
        }
    }

    package var hint: String? {
        switch self {
        case .refused: "do not unpack it before you know who made it"
        case .notTar, .damaged, .truncated, .ambiguous, .mismatch: nil
        }
    }
}
