import Foundation
import Testing

/// The real programs that tests run on, as `scripts/install-tools --tests` lays them down.
package enum RealTools {
    /// The top folder of the package.
    package static let packageRoot: String = {
        var url = URL(fileURLWithPath: #filePath)
        for _ in 0..<3 { url.deleteLastPathComponent() }
        return url.path
    }()

    /// Where the programs are that are not the system's own.
    package static let folder =
        ProcessInfo.processInfo.environment["HOLDFAST_TEST_TOOLS"] ?? packageRoot + "/.build-tools"

    /// One restic of a Debian suite.
    package struct Restic: Sendable, CustomTestStringConvertible {
        package let version: String
        package let path: String
        package var testDescription: String { "restic \(version)" }
    }

    /// Every restic there is, oldest first; in CI there must be three.
    package static let restics: [Restic] = {
        guard let list = try? String(contentsOfFile: folder + "/restic/versions", encoding: .utf8) else {
            return []
        }
        return list.split(whereSeparator: \.isNewline).map { version in
            Restic(version: String(version), path: "\(folder)/restic/\(version)/restic")
        }
    }()

    package static var oldestAndNewest: [Restic] {
        restics.count > 1 ? [restics[0], restics[restics.count - 1]] : restics
    }
}
