import Foundation

/// A real, empty restic repository whose key costs next to nothing to derive, where one that restic makes itself costs every
/// start of it half a second of CPU. For tests that start it hundreds of times and are about something else.
package enum QuickRepository {
    package static let password = "correct horse"

    /// - Parameter path: must not exist.
    package static func lay(at path: String) throws {
        for name in ["data", "index", "keys", "locks", "snapshots"] {
            try FileManager.default.createDirectory(
                atPath: "\(path)/\(name)", withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        }
        try Data(key.utf8).write(to: URL(fileURLWithPath: "\(path)/keys/\(keyID)"))
        try Data(base64Encoded: config)?.write(to: URL(fileURLWithPath: "\(path)/config"))
    }

    /// The master key of a repository that restic 0.14.0 made, wrapped anew with scrypt at N = 256.
    private static let key =
        #"{"created":"2026-01-01T00:00:00Z","username":"tests","hostname":"tests","kdf":"scrypt","N":256,"r":8,"p":1,"#
        + #""salt":"0pWAyERXlzdonX1fCUmfLf0dfKJG38sni4KZigmdxIrasyl4Vw3wv6MqkSOqT8lorndA+qcYRr/zvZ/RSqft9Q==","#
        + #""data":"y1hORMQ+1r0LwtnH4kKDfdJHyN3u4/y+T1EGvgMV+MS5f5Q7WT7ZA9MhSQmYBSkXhnkkt0woS0jwfZq+Ye8D3vm4RK4HJxNa"#
        + #"nCreI6a6H0fLUowhjEI3TcWljMI9mmYMfmOsv9XOVUUjRYpRsLtTzABaSbYoi9ftV2Ng8gzUYO8gmxu8qIGtZc4uEMpO9vQILR+DzOqQ"#
        + #"OC6vjrcK3fVaeA=="}"#
    private static let keyID = "0060318703c7a7d639bbe3ed6a17c15febc45daf27096cc4468f26158161b2c3"
    private static let config =
        "kxonzm34mNAtgDNvZTL8zqE2l+b3DFPW6JVqXzvPzpdgIYBpMECCK0LWohXpuyFZPGhxXNhaOodUnhg17Hn3f3Y3JHLLdI5ZdCtc5bKdpYLc"
        + "qvJ6/tnGOpRPDH2NKdBng+VOziKPfXoG6Xzth6+nlARhFSPmXdK3e1AELNnpWHEI2fH1/6Dp+9bCpZlXMf32O+2P+lXo+emRjLw="
}
