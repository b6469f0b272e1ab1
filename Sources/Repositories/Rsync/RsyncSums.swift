import BackupModel
import Foundation

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Makes a run's list of digests from those of its parts.
struct RsyncSums {
    let folder: RsyncFolder

    private static let head = Array(
        "# `sha256sum -c SHA256SUMS` in this folder checks every file. Lines that begin with # are passed over.\n".utf8)

    /// - Parameters:
    ///   - lists: absolute paths.
    ///   - name: of the result, in the repository.
    /// - Returns: where each of them is in it.
    func join(_ lists: [String], into name: String) throws(RepositoryError) -> [(offset: Int64, length: Int64)] {
        try folder.mapped { () throws(SystemFailure) in
            let file = try JoinedFile("\(folder.path)/\(name)", head: RsyncSums.head)
            for list in lists { try file.append(list) }
            return file.places
        }
    }

    /// Puts comments in some of a list's places; all else stays where it is.
    func blank(_ places: [(offset: Int64, length: Int64)], of name: String) throws(RepositoryError) {
        let path = "\(folder.path)/\(name)"
        let draft = "\(name).tmp-\(getpid())"
        try folder.mapped { () throws(SystemFailure) in
            let file = try JoinedFile("\(folder.path)/\(draft)", head: [])
            var done: Int64 = 0
            for place in places.sorted(by: { $0.offset < $1.offset }) {
                try file.append(path, offset: done, length: place.offset - done)
                try file.fill(place.length)
                done = place.offset + place.length
            }
            try file.append(path, offset: done)
        }
        try folder.sync(draft)
        try folder.rename(draft, to: name)
    }

    /// A file made of others.
    private final class JoinedFile {
        private let path: String
        private let file: Int32
        private var size: Int64
        private(set) var places: [(offset: Int64, length: Int64)] = []

        init(_ path: String, head: [UInt8]) throws(SystemFailure) {
            self.path = path
            size = Int64(head.count)
            file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
            guard file >= 0 else { throw .last(path) }
            try put(head, head.count)
        }

        deinit { if file >= 0 { close(file) } }

        func append(_ source: String, offset: Int64 = 0, length: Int64? = nil) throws(SystemFailure) {
            let input = open(source, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
            guard input >= 0, lseek(input, off_t(offset), SEEK_SET) >= 0 else { throw .last(source) }
            defer { close(input) }
            var buffer = [UInt8](repeating: 0, count: 1 << 18)
            var done: Int64 = 0
            while done < length ?? .max {
                let count = read(input, &buffer, Int(min(Int64(buffer.count), (length ?? .max) - done)))
                guard count >= 0 else { throw .last(source) }
                if count == 0 { break }
                try put(buffer, count)
                done += Int64(count)
            }
            guard length == nil || done == length else { throw SystemFailure(code: EINVAL, path: source) }
            places.append((size, done))
            size += done
        }

        /// A comment.
        func fill(_ length: Int64) throws(SystemFailure) {
            guard length > 1 else { return }
            var left = length - 2
            let blanks = [UInt8](repeating: 32, count: 1 << 16)
            try put([35], 1)
            while left > 0 {
                let count = Int(min(left, Int64(blanks.count)))
                try put(blanks, count)
                left -= Int64(count)
            }
            try put([10], 1)
        }

        private func put(_ bytes: [UInt8], _ count: Int) throws(SystemFailure) {
            var done = 0
            while done < count {
                let wrote = bytes.withUnsafeBytes { JoinedFile.write(file, $0.baseAddress! + done, count - done) }
                guard wrote >= 0 else { throw .last(path) }
                done += wrote
            }
        }

        private static func write(_ file: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int {
            #if canImport(Glibc)
                Glibc.write(file, bytes, count)
            #else
                Darwin.write(file, bytes, count)
            #endif
        }
    }
}
