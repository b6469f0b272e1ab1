import Foundation

/// A server on a port of 127.0.0.1 that is gone when the value is, and when the tests are, however they end.
final class LocalServer: Sendable {
    let port: UInt16
    /// A file; the server ends when it is gone. A signal would not do: a child of a thread that runs Swift tasks has most
    /// of them blocked.
    private let mark: String

    /// Starts the program and waits until it listens.
    ///
    /// - Parameters:
    ///   - name: what the failure calls it.
    ///   - log: the file that takes what it prints.
    ///   - arguments: the program's, for the port given; the first is the program.
    /// - Throws: ``StartFailure`` when it ends, or does not listen within 30 seconds.
    init(
        _ name: String, log: String, environment: [String: String] = [:], arguments: (UInt16) throws -> [String]
    ) throws {
        let port = try LocalServer.freePort()
        self.port = port
        mark = log + ".running"
        guard FileManager.default.createFile(atPath: mark, contents: nil) else { throw StartFailure("no \(mark)") }
        // The shell ends the server when the mark is gone, or when we are, even by kill -9. It ends with the server.
        let script = """
            log=$1 mark=$2 tests=$3; shift 3
            "$@" >"$log" 2>&1 </dev/null &
            while [ -e "$mark" ] && [ -d "/proc/$tests" ] && kill -0 $! 2>/dev/null; do sleep 0.2; done
            kill -KILL $! 2>/dev/null; wait
            """
        let watcher = Process()
        watcher.executableURL = URL(fileURLWithPath: "/bin/sh")
        watcher.arguments = try ["-c", script, "sh", log, mark, String(getpid())] + arguments(port)
        watcher.environment = ["PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8"]
            .merging(environment) { $1 }
        watcher.standardInput = FileHandle.nullDevice
        watcher.standardOutput = FileHandle.nullDevice
        watcher.standardError = FileHandle.nullDevice
        try watcher.run()
        for _ in 0..<600 where watcher.isRunning {
            if LocalServer.isListening(port) { return }
            usleep(50_000)
        }
        stop()
        let said = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
        throw StartFailure("\(name) did not come up: \(said)")
    }

    deinit { stop() }

    private func stop() {
        // Gone already, with the folder it was in: that does as well.
        try? FileManager.default.removeItem(atPath: mark)
    }

    /// A port that nothing listened on a moment ago.
    private static func freePort() throws -> UInt16 {
        let descriptor = makeSocket()
        guard descriptor >= 0 else { throw StartFailure("no socket: errno \(errno)") }
        defer { close(descriptor) }
        var address = loopback(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withAddress(&address) { pointer in
            bind(descriptor, pointer, length) == 0 ? getsockname(descriptor, pointer, &length) : -1
        }
        guard status == 0 else { throw StartFailure("no free port: errno \(errno)") }
        return UInt16(bigEndian: address.sin_port)
    }

    private static func isListening(_ port: UInt16) -> Bool {
        let descriptor = makeSocket()
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = loopback(port: port)
        return withAddress(&address) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) } == 0
    }

    private static func makeSocket() -> Int32 {
        #if canImport(Glibc)
            socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        #else
            socket(AF_INET, SOCK_STREAM, 0)
        #endif
    }

    private static func loopback(port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    private static func withAddress<Result>(
        _ address: inout sockaddr_in, _ body: (UnsafeMutablePointer<sockaddr>) -> Result
    ) -> Result {
        withUnsafeMutablePointer(to: &address) { pointer in
            // SAFETY: sockaddr is the common head of every socket address; the callee is told the length.
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1, body)
        }
    }
}

/// Why a server of the tests could not be started.
package struct StartFailure: Error, CustomStringConvertible {
    package let description: String
    init(_ description: String) { self.description = description }
}
