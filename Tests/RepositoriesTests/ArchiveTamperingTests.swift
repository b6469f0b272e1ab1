import BackupModel
import Foundation
import TestSupport
import Testing

@testable import Repositories

/// Whoever holds the disk can change what is on it. It is found, and named.
@Suite struct ArchiveTamperingTests {
    /// - Returns: what a verification says of it, and whether anything was restored.
    private func findings(_ bench: ArchiveBench, _ stored: [StoredPart]) async throws -> (said: String, restored: Bool)
    {
        let report = try await bench.repository().verify(.structure) { _ in }
        #expect(!report.isSound)
        let target = bench.scratch["restored"]
        var restored = true
        do {
            _ = try await bench.repository().reader(for: stored[0].snapshot).extract(
                include: [], into: target, exact: false
            ) { _ in }
        } catch {
            restored = false
        }
        #expect(!FileManager.default.fileExists(atPath: target) || restored)
        return (report.errors.joined(separator: "\n"), restored)
    }

    private func scene() async throws -> (bench: ArchiveBench, stored: [StoredPart]) {
        let bench = try await ArchiveBench(.openssl)
        try bench.fillSource()
        return (bench, try await bench.storeRun(try await bench.created()))
    }

    @Test func `a byte that flipped in an archive is found before anything is decrypted`() async throws {
        let (bench, stored) = try await scene()
        let path = try bench.path(ending: ".tar.gz.enc")
        try bench.change(path) { $0[$0.count / 2] ^= 1 }
        let found = try await findings(bench, stored)
        #expect(found.said.contains((path as NSString).lastPathComponent))
        #expect(found.said.contains("content"))
        #expect(!found.restored)
        #expect(try await bench.repository().scrub { _ in }.damaged.count == 1)
    }

    @Test func `an archive that was cut short is found`() async throws {
        let (bench, stored) = try await scene()
        try bench.change(try bench.path(ending: ".tar.gz.enc")) { $0.removeLast(16) }
        let found = try await findings(bench, stored)
        #expect(found.said.contains("bytes instead of"))
        #expect(!found.restored)
    }

    @Test func `an archive that is missing is found`() async throws {
        let (bench, stored) = try await scene()
        try FileManager.default.removeItem(atPath: bench.path(ending: ".tar.gz.enc"))
        let found = try await findings(bench, stored)
        #expect(found.said.contains("is missing"))
        #expect(!found.restored)
        // It is in no list any more.
        #expect(try await bench.repository().snapshots().count == 2)
    }

    @Test func `a manifest that is missing is found`() async throws {
        let (bench, stored) = try await scene()
        try FileManager.default.removeItem(atPath: bench.path(ending: ".json"))
        let found = try await findings(bench, stored)
        #expect(found.said.contains("its manifest is missing"))
        #expect(!found.restored)
    }

    @Test(arguments: ["flipped", "cut", "without proof", "another proof"])
    func `a manifest that was changed is found`(how: String) async throws {
        let (bench, stored) = try await scene()
        try bench.change(try bench.path(ending: ".json")) { data in
            let text = String(decoding: data, as: UTF8.self)
            switch how {
            case "flipped":
                data = Data(text.replacingOccurrences(of: "\"host\" : \"vm\"", with: "\"host\" : \"vn\"").utf8)
            case "cut": data.removeLast(20)
            case "without proof":
                let (bytes, _) = ArchiveAuthentication.replace(
                    in: Array(data), with: Array(#"{"method":"unauthenticated"}"#.utf8))!
                data = Data(bytes)
            default:
                let proof =
                    #"{"mac":"\#(String(repeating: "0", count: 64))","method":"hmac-sha256","rounds":1,"salt":"00"}"#
                data = Data(ArchiveAuthentication.replace(in: Array(data), with: Array(proof.utf8))!.text)
            }
        }
        let found = try await findings(bench, stored)
        #expect(found.said.contains(".json"), "\(found.said)")
        #expect(!found.restored)
        await #expect(throws: RepositoryError.self) { try await bench.repository().snapshots() }
    }

    @Test func `an archive that was swapped together with its digest is found`() async throws {
        let (bench, stored) = try await scene()
        // Somebody who has the disk and no password puts an archive of his own there.
        let path = try bench.path(ending: ".tar.gz.enc")
        try bench.change(path) { $0 = Data("Salted__and something else".utf8) }
        let digest = try await bench.shell("sha256sum < '\(path)'").prefix(64)
        try bench.change(try bench.path(ending: ".json")) { data in
            data = Data(
                String(decoding: data, as: UTF8.self)
                    .replacingOccurrences(of: stored[0].snapshot.rawValue, with: digest).utf8)
        }
        let found = try await findings(bench, stored)
        #expect(found.said.contains("not authentic"))
        #expect(!found.restored)
    }

    @Test func `the files of an older run in a newer one's place are found`() async throws {
        let (bench, _) = try await scene()
        let later = "20261122T023000Z-000002"
        let stored = try await bench.storeRun(try bench.repository(), run: later)
        let stamps = [ArchiveBench.run, later].map { RunNames.stamp(of: RunID(unchecked: $0), now: Date()) }
        _ = try await bench.shell(
            """
            cd '\(bench.folder)' && rm -r \(stamps[1]) && cp -a \(stamps[0]) \(stamps[1]) && cd \(stamps[1]) && \
            for f in *; do mv "$f" "$(echo "$f" | sed 's/\(stamps[0])/\(stamps[1])/')"; done
            """)
        let found = try await findings(bench, stored)
        #expect(found.said.contains("it is the manifest of \(stamps[0])"))
        #expect(!found.restored)
    }

    @Test func `a signed manifest proves itself, and a changed one does not`() async throws {
        let bench = try await ArchiveBench(.age)
        try bench.fillSource()
        _ = try await bench.shell("ssh-keygen -q -t ed25519 -N '' -f key")
        let keys: [String: ConfigValue.Content?] = ["sign": .string(bench.scratch["key"])]
        let repository = try await bench.created(keys)
        _ = try await bench.storeRun(repository)
        let report = try await repository.verify(.structure) { _ in }
        #expect(report.isSound && report.notices.isEmpty, "\(report)")
        try bench.change(try bench.path(ending: ".json")) { data in
            data = Data(
                String(decoding: data, as: UTF8.self)
                    .replacingOccurrences(of: "\"host\" : \"vm\"", with: "\"host\" : \"vn\"").utf8)
        }
        let second = try await repository.verify(.structure) { _ in }
        #expect(second.errors.contains { $0.contains("signature") }, "\(second)")
    }

    @Test func `a repository without password or signature says so`() async throws {
        let bench = try await ArchiveBench(.age)
        try bench.fillSource()
        let repository = try await bench.created()
        _ = try await bench.storeRun(repository)
        let report = try await repository.verify(.structure) { _ in }
        #expect(report.isSound)
        #expect(report.notices.contains { $0.contains("not authenticated") })
    }
}
