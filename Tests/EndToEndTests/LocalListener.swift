import Foundation

/// A port of this machine at which somebody listens.
final class LocalListener: Sendable {
    let port: UInt16
    private let descriptor: Int32

    init(datagrams: Bool = false) throws {
        let kind = datagrams ? Int32(SOCK_DGRAM.rawValue) : Int32(SOCK_STREAM.rawValue)
        descriptor = socket(AF_INET, kind | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let number = descriptor
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(number, address, size) == 0 && getsockname(number, address, &size) == 0
            }
        }
        guard isBound, datagrams || listen(descriptor, 8) == 0 else { throw POSIXError(.EADDRINUSE) }
        port = UInt16(bigEndian: address.sin_port)
    }

    deinit { close(descriptor) }

    /// Nobody listens there any more.
    func stop() { shutdown(descriptor, Int32(SHUT_RDWR)) }

    func receive() -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 2048)
        let count = recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
        return Array(bytes.prefix(max(0, count)))
    }
}
