import Foundation

/// A real, empty restic repository whose key costs next to nothing to derive, where one that restic makes itself costs every
/// start of it half a second of CPU. For tests that start it often and are not about its making.
package struct QuickRepository: Sendable {
    package let password: String
    /// What tells it from another one: its key as restic 0.14.0 made it, wrapped anew with scrypt at N = 256.
    private let salt: String
    private let masterKey: String
    /// The SHA-256 of the key's file, which is its name.
    private let keyID: String
    private let config: String

    /// - Parameter path: must not exist.
    package func lay(at path: String) throws {
        for name in ["data", "index", "keys", "locks", "snapshots"] {
            try FileManager.default.createDirectory(
                atPath: "\(path)/\(name)", withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        }
        // As restic does.
        for number in 0...255 {
            let name = (number < 16 ? "0" : "") + String(number, radix: 16)
            guard mkdir("\(path)/data/\(name)", 0o700) == 0 else { throw StartFailure("no \(path)/data/\(name)") }
        }
        guard let config = Data(base64Encoded: config) else { throw StartFailure("no configuration") }
        for (name, content) in [("keys/\(keyID)", Data(key.utf8)), ("config", config)] {
            try content.write(to: URL(fileURLWithPath: "\(path)/\(name)"))
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: "\(path)/\(name)")
        }
    }

    /// Lays down ``primary``.
    package static func lay(at path: String) throws { try primary.lay(at: path) }

    private var key: String {
        #"{"created":"2026-01-01T00:00:00Z","username":"tests","hostname":"tests","kdf":"scrypt","N":256,"r":8,"p":1,"#
            + #""salt":"\#(salt)","data":"\#(masterKey)"}"#
    }

    /// The one that a profile backs up to.
    package static let primary = QuickRepository(
        password: "correct horse",
        salt:
            "0pWAyERXlzdonX1fCUmfLf0dfKJG38sni4KZigmdxIrasyl4Vw3wv6MqkSOqT8lorndA+qcYRr/zvZ/RSqft9Q==",
        masterKey:
            "y1hORMQ+1r0LwtnH4kKDfdJHyN3u4/y+T1EGvgMV+MS5f5Q7WT7ZA9MhSQmYBSkXhnkkt0woS0jwfZq+Ye8D3vm4RK4HJxNanCre"
            + "I6a6H0fLUowhjEI3TcWljMI9mmYMfmOsv9XOVUUjRYpRsLtTzABaSbYoi9ftV2Ng8gzUYO8gmxu8qIGtZc4uEMpO9vQILR+DzOqQ"
            + "OC6vjrcK3fVaeA==",
        keyID: "0060318703c7a7d639bbe3ed6a17c15febc45daf27096cc4468f26158161b2c3",
        config: primaryConfig)

    /// Another one, which cuts files as the primary does, for what is fed by `restic copy`.
    package static let copy = QuickRepository(
        password: "correct horse",
        salt:
            "9E/64CTP2bQxglmtIFRL5Y4tmt9NnCpKtqIigUrjsp5UTUD4b2HM57idSBiH/6gwJKZtvxiUCS8iv6jqPPTniA==",
        masterKey:
            "rzfBcvVugd684od1bzT2raz5epfIs6jXbR7I53TWILIgOKTVwCqFawSqP/uWp0Yn2/Nxvh70Nsyj+ztso+2jOU/QSU4bYYzruq7s"
            + "7z8jLCklLtL97jKl3yrD97k9SNipisbibVeG4XeSfk/G5WpnKOydbKdQxU5CkYFHgoW1p5GlP9eZ2lb93ByAG3UqHioq77uWaj34"
            + "g9NuN+d7Tyi8Xg==",
        keyID: "6245be8fe32d3261d16f98915d21e34cdd73327b7d78d4db774525320f73159b",
        config: copyConfig)

    /// The same as ``copy``, for a follower with a password of its own.
    package static let foreignCopy = QuickRepository(
        password: "battery staple",
        salt:
            "jzaUYdYxTX5XLQBrg7pZRqkdpohhGbsQ4SB+PB/Y94GLDxdOz7Zj38Hv7Mqu9E7cnvcXEA1JpSVLMN6X//9SUQ==",
        masterKey:
            "Q/KzGZJS+rm3AeejW3nKULqwPxqyk/O5xeccOar7Hs2f94KIOwVXddfETAazWwTfUEOVGNCH4EEOfLjt4ufn/Dn9Wb9uAo1LXr8d"
            + "OT0Ymd60FrDxOb2bWxzCx1vNxIuVaFhl4oe1U0HhlYKpKMOPij3PS99M/bZ1894Vuk+r2+A9zBDLmRE7aFF3I3ZgZ/7Mx/3TcXg/"
            + "avMozWZNKOsxeA==",
        keyID: "6e24fa64bb9fa767b5a0c337b70bdd58cb481cc541e77d911568ec90a0bd3cdf",
        config: copyConfig)

    private static let primaryConfig =
        "kxonzm34mNAtgDNvZTL8zqE2l+b3DFPW6JVqXzvPzpdgIYBpMECCK0LWohXpuyFZPGhxXNhaOodUnhg17Hn3f3Y3JHLLdI5ZdCtc"
        + "5bKdpYLcqvJ6/tnGOpRPDH2NKdBng+VOziKPfXoG6Xzth6+nlARhFSPmXdK3e1AELNnpWHEI2fH1/6Dp+9bCpZlXMf32O+2P+lXo"
        + "+emRjLw="
    private static let copyConfig =
        "J6qohzSd3oOho7Qwmh24hoF5l5ddrCGm9q58kt4xsFAhziyhiy3175atioRVtxxFPcCyccrnGLEcyWBCK0bYmd2WQqUL5hPGdVvW"
        + "wucQo7JvTwm2Vwlfns9wGPhqpVOZQOu61ZCsMhrxddc53G7xLvoWWFsVuWZUWdPR8y905huc9AFh97zhk17HeVnyeGCH1CHLE4PC"
        + "xW+jJEM="
}
