import CCrypto

/// SHA-256 by the system's libcrypto, which uses the processor's own instructions for it.
/// - Source: https://docs.openssl.org/3.0/man3/EVP_DigestInit/, checked for OpenSSL 3.0.
package final class SHA256 {
    private let context: OpaquePointer

    /// - Throws: ``DigestError/unavailable`` when libcrypto has no SHA-256, or no memory for it.
    package init() throws(DigestError) {
        guard let context = EVP_MD_CTX_new() else { throw .unavailable }
        self.context = context
        try restart()
    }

    deinit { EVP_MD_CTX_free(context) }

    package func update(_ bytes: UnsafeRawBufferPointer) throws(DigestError) {
        guard EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1 else { throw .unavailable }
    }

    /// The digest of all bytes since the beginning or the last call of this; then it begins anew.
    package func finish() throws(DigestError) -> SHA256Digest {
        var digest = [UInt8](repeating: 0, count: 32)
        var length: UInt32 = 0
        guard EVP_DigestFinal_ex(context, &digest, &length) == 1, length == 32 else { throw .unavailable }
        try restart()
        return SHA256Digest(bytes: digest)
    }

    private func restart() throws(DigestError) {
        guard EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else { throw .unavailable }
    }

    package static func digest(of bytes: some Collection<UInt8>) throws(DigestError) -> SHA256Digest {
        let hash = try SHA256()
        let contiguous = ContiguousArray(bytes)
        let failure: DigestError? = contiguous.withUnsafeBytes { buffer in
            do throws(DigestError) {
                try hash.update(buffer)
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw failure }
        return try hash.finish()
    }
}

/// 32 bytes. Prints as 64 lower-case hexadecimal digits.
package struct SHA256Digest: Hashable, Sendable, CustomStringConvertible {
    package let bytes: [UInt8]

    package var description: String {
        var text = ""
        text.reserveCapacity(64)
        for byte in bytes { text += (byte < 16 ? "0" : "") + String(byte, radix: 16) }
        return text
    }
}

package enum DigestError: Error, Equatable, CustomStringConvertible {
    case unavailable
    /// `code` is the system's error number.
    case unreadable(code: Int32, reason: String)
    /// The caller asked to stop.
    case stopped

    package var description: String {
        switch self {
        case .unavailable: "libcrypto offers no SHA-256"
        case .unreadable(_, let reason): reason
        case .stopped: "stopped"
        }
    }
}
