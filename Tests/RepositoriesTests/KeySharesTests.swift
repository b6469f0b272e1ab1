import Digests
import Foundation
import TestSupport
import Testing

@Suite("Shares of a key") struct KeySharesTests {
    private static let combiner = "/usr/bin/ssss-combine"

    @Test(arguments: [(2, 2), (3, 2), (5, 3), (12, 7)])
    func `any shares up to the threshold give the key back, in any order`(count: Int, threshold: Int) {
        var generator = SeededGenerator(seed: UInt64(count))
        let key = (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        let shares = KeyShares.split(key, into: count, threshold: threshold, using: &generator)
        #expect(shares.map(\.number) == Array(1...count))
        for _ in 0..<3 {
            let chosen = Array(shares.shuffled(using: &generator).prefix(threshold))
            #expect(KeyShares.combine(chosen) == key)
        }
        #expect(KeyShares.combine(Array(shares.prefix(threshold - 1))) != key)
    }

    @Test(
        .enabled(if: FileManager.default.isExecutableFile(atPath: combiner), "ssss is not installed"),
        arguments: [(3, 2), (5, 5)])
    func `ssss puts them together, which knows nothing of ours`(count: Int, threshold: Int) async throws {
        let folder = try ScratchFolder("shares")
        var generator = SystemRandomNumberGenerator()
        // With zeros at its beginning, which a number does not show.
        let key = [0, 0, 7] + (3..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        let shares = KeyShares.split(key, into: count, threshold: threshold, using: &generator)
        let lines = shares.suffix(threshold).reversed().map { $0.text + "\n" }.joined()
        let watched = try WatchedChild(
            ["/bin/sh", "-c", "exec \(Self.combiner) -t \(threshold) -x -D -q 2>&1"], environment: [:],
            input: try folder.write(lines, to: "shares"), output: try folder.write("", to: "out"),
            errors: try folder.write("", to: "err"))
        #expect(await watched.code == 0)
        let said = try String(contentsOfFile: folder["out"], encoding: .utf8).trimmingCharacters(in: .newlines)
        #expect(said == KeyShares.hexadecimal(key))
    }
}
