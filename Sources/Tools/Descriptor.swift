import BackupModel
import Foundation
import ProcessSpawn

/// An open file descriptor that belongs to this value and is closed with it, once.
final class Descriptor {
    private(set) var number: Int32

    init(owning number: Int32) { self.number = number }
    deinit { close() }

    var isOpen: Bool { number >= 0 }

    func close() {
        guard isOpen else { return }
        // A second close after EINTR could hit another file: Linux has closed it already.
        _ = Foundation.close(number)
        number = -1
    }

    /// - Throws: ``ToolError/exhausted(what:code:reason:)``
    func duplicate() throws(ToolError) -> Descriptor {
        try Descriptor.made("copying a descriptor") { hf_duplicate(number, &$0) }
    }

    /// Bytes that lie unread in this pipe; `nil` when it does not say.
    var unreadBytes: Int64? {
        var count: Int64 = 0
        return isOpen && hf_unread_bytes(number, &count) == 0 ? count : nil
    }

    /// For the write end of a pipe: nobody can read from it any more.
    var hasNoReader: Bool {
        var entry = pollfd(fd: number, events: Int16(POLLOUT), revents: 0)
        return isOpen && poll(&entry, 1, 0) == 1 && entry.revents & Int16(POLLERR) != 0
    }

    static func made(_ what: String, _ make: (inout Int32) -> Int32) throws(ToolError) -> Descriptor {
        var number: Int32 = -1
        let code = make(&number)
        guard code == 0 else { throw .exhausted(what: "\(what) failed", code: code, reason: describe(errno: code)) }
        return Descriptor(owning: number)
    }

    /// A copy of one that is not ours to close.
    static func copy(of number: Int32) throws(ToolError) -> Descriptor {
        try made("copying a descriptor") { hf_duplicate(number, &$0) }
    }

    /// What a child reads when there is nothing for it.
    static func null() throws(ToolError) -> Descriptor {
        try made("opening /dev/null") { number in
            number = open("/dev/null", O_RDONLY | O_CLOEXEC)
            return number < 0 ? errno : 0
        }
    }

    /// A sealed file in memory, readable by `user` when given.
    static func memoryFile(_ bytes: [UInt8], for user: UserIdentity?) throws(ToolError) -> Descriptor {
        try made("making a memory file") { number in
            bytes.withUnsafeBytes {
                hf_memory_file($0.baseAddress, $0.count, user?.uid ?? .max, user?.gid ?? .max, &number)
            }
        }
    }
}

/// Both ends of a kernel pipe.
struct Pipe {
    let readEnd: Descriptor
    let writeEnd: Descriptor

    /// - Parameter size: the buffer asked for; 0 for the kernel's default.
    init(size: ByteCount = 0) throws(ToolError) {
        var ends: (Int32, Int32) = (-1, -1)
        let code = hf_pipe(Int32(clamping: size.bytes), &ends.0, &ends.1)
        guard code == 0 else {
            throw .exhausted(what: "making a pipe failed", code: code, reason: describe(errno: code))
        }
        readEnd = Descriptor(owning: ends.0)
        writeEnd = Descriptor(owning: ends.1)
    }
}

func describe(errno code: Int32) -> String { String(cString: strerror(code)) }
