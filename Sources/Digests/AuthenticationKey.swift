import CCrypto

/// A key derived from a passphrase, and the codes that only who has it can make.
/// - Source: RFC 2104 (HMAC) and RFC 8018 (PBKDF2), by libcrypto:
///   https://docs.openssl.org/3.0/man3/PKCS5_PBKDF2_HMAC/, https://docs.openssl.org/3.0/man3/HMAC/
package struct AuthenticationKey: Sendable {
    private let bytes: [UInt8]

    /// What OWASP asks of PBKDF2 with HMAC-SHA256; about a quarter of a second.
    /// - Source: https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#pbkdf2
    package static let usualRounds = 600_000

    /// By PBKDF2 with HMAC-SHA256.
    /// - Throws: ``DigestError/unavailable``.
    package init(passphrase: [UInt8], salt: [UInt8], rounds: Int) throws(DigestError) {
        guard let rounds = Int32(exactly: rounds), rounds > 0 else { throw .unavailable }
        var key = [UInt8](repeating: 0, count: 32)
        let isDerived = passphrase.withUnsafeBytes { secret in
            PKCS5_PBKDF2_HMAC(
                secret.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(secret.count), salt, Int32(salt.count),
                rounds, EVP_sha256(), Int32(key.count), &key)
        }
        guard isDerived == 1 else { throw .unavailable }
        bytes = key
    }

    /// HMAC-SHA256.
    package func code(of message: [UInt8]) throws(DigestError) -> SHA256Digest {
        var code = [UInt8](repeating: 0, count: 32)
        var length: UInt32 = 0
        guard
            HMAC(EVP_sha256(), bytes, Int32(bytes.count), message, message.count, &code, &length) != nil, length == 32
        else { throw .unavailable }
        return SHA256Digest(bytes: code)
    }

    /// Takes the same time wherever the difference is.
    package func isCode(_ text: String, of message: [UInt8]) throws(DigestError) -> Bool {
        let expected = Array(try code(of: message).description.utf8)
        let given = Array(text.utf8)
        guard given.count == expected.count else { return false }
        return zip(given, expected).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
