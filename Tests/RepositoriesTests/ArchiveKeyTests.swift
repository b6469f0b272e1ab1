import BackupModel
import Digests
import Foundation
import TestSupport
import Testing

@testable import Repositories

@Suite struct ArchiveKeyTests {
    @Test(arguments: [ArchiveBench.Way.agePassphrase, .gpg, .openssl])
    func `a wrong passphrase is told before anything is encrypted with it`(way: ArchiveBench.Way) async throws {
        let bench = try await ArchiveBench(way)
        try bench.fillSource()
        let stored = try await bench.storeRun(try await bench.created())
        let before = try bench.names()
        try bench.scratch.write("wrong horse", to: "password")
        let repository = try bench.repository()
        for work in [
            { _ = try await repository.inspect(pin: nil) },
            { _ = try await bench.storeTree(repository, run: "20261122T023000Z-000003") },
            { _ = try await repository.snapshots() },
            {
                _ = try await repository.reader(for: stored[0].snapshot).extract(
                    include: [], into: bench.scratch["restored"], exact: false
                ) { _ in }
            },
        ] as [() async throws -> Void] {
            await #expect { try await work() } throws: { error in
                guard case .wrongPassword? = error as? RepositoryError else { return false }
                return true
            }
        }
        #expect(try bench.names() == before)
        #expect(!FileManager.default.fileExists(atPath: bench.scratch["restored"]))
    }

    @Test func `a key that does not open the files is a wrong password, and none at all is said`() async throws {
        let bench = try await ArchiveBench(.age)
        try bench.fillSource()
        let stored = try await bench.storeRun(try await bench.created())
        let other = try await bench.shell("age-keygen 2>/dev/null")
        try bench.scratch.write(other, to: "identity")
        await #expect {
            _ = try await bench.repository().reader(for: stored[0].snapshot).extract(
                include: [], into: bench.scratch["restored"], exact: false
            ) { _ in }
        } throws: { error in
            guard case .noKey(_, "age", let detail)? = error as? RepositoryError else { return false }
            return detail == "no identity matched any of the recipients"
        }
        #expect(!FileManager.default.fileExists(atPath: bench.scratch["restored"]))
        let report = try await bench.repository(["identity": nil]).verify(.allData) { _ in }
        #expect(report.isSound)
        #expect(report.notices.contains { $0.contains("2 files could not be looked into") }, "\(report)")
    }

    @Test func `recipients that were emptied are refused, and replaced ones are another identity`() async throws {
        let bench = try await ArchiveBench(.age)
        try bench.fillSource()
        let file = try bench.scratch.write("# ours\n\(bench.recipient)\n", to: "recipients")
        let keys: [String: ConfigValue.Content?] = ["recipients": nil, "recipients-file": .string(file)]
        let repository = try bench.repository(keys)
        let identity = try await repository.create()
        let stored = try await bench.storeTree(repository)
        #expect(stored.files == 8)

        try bench.scratch.write("# nobody\n", to: "recipients")
        for work in [
            { _ = try await bench.repository(keys).inspect(pin: nil) },
            { _ = try await bench.storeTree(try bench.repository(keys), run: "20261122T023000Z-000003") },
        ] as [() async throws -> Void] {
            await #expect { try await work() } throws: { error in
                guard case .unsupported(let why)? = error as? RepositoryError else { return false }
                return why.contains("recipient")
            }
        }
        let other = try await bench.shell("age-keygen 2>&1 >/dev/null").split(separator: " ").last ?? ""
        try bench.scratch.write(String(other), to: "recipients")
        guard case .present(let found) = try await bench.repository(keys).inspect(pin: nil) else {
            Issue.record("the repository is gone")
            return
        }
        #expect(found.id == identity.id)
        #expect(found.keyIDs != identity.keyIDs)
    }

    @Test func `settings that nobody could open anything with are refused`() async throws {
        let bench = try await ArchiveBench(.age)
        let password = ConfigValue.Content.string("file:" + bench.scratch["password"])
        for keys in [
            ["recipients": nil], ["recipients": .list([])],
            ["recipients": nil, "encrypt": .string("gpg")], ["recipients": nil, "encrypt": .string("openssl")],
            ["encrypt": .string("openssl"), "password": password],
        ] as [[String: ConfigValue.Content?]] {
            #expect(throws: RepositoryError.self) { try bench.repository(keys) }
        }
    }

    @Test(arguments: ["two\u{1}words", "\u{3}", String(repeating: "long", count: 251)])
    func `a passphrase that no terminal takes as it is goes to no age`(passphrase: String) async throws {
        let bench = try await ArchiveBench(.agePassphrase)
        try bench.scratch.write(passphrase, to: "password")
        await #expect(throws: RepositoryError.self) { try await bench.repository().create() }
    }

    @Test(arguments: ["s3:https://key:secret@host/bucket", "s3://bucket/path", "rclone:remote:path"])
    func `an address with a password in it is a fault of the profile`(address: String) {
        let place = SourceLocation(file: "p.yaml", line: 1, column: 1)
        func entry(_ key: String, _ text: String) -> ConfigValue.Entry {
            .init(key: key, keyLocation: place, value: ConfigValue(.string(text), at: place))
        }
        let value = ConfigValue(
            .map([entry("archive", address), entry("encrypt", "openssl"), entry("password", "env:P")]), at: place)
        let problems = ArchiveSettings.descriptor.check(value)
        #expect(problems.contains { $0.message.contains("must not hold a password") } == address.contains("secret"))
    }

    @Test func `codes are those of other programs`() async throws {
        let bench = try await ArchiveBench(.openssl)
        let expected = try await bench.shell(
            """
            python3 -c 'import hashlib, hmac; k = hashlib.pbkdf2_hmac("sha256", b"password", b"salt", 4096)
            print(hmac.new(k, b"what do ya want?", "sha256").hexdigest(), end="")'
            """)
        let key = try AuthenticationKey(passphrase: Array("password".utf8), salt: Array("salt".utf8), rounds: 4096)
        let message = Array("what do ya want?".utf8)
        #expect(try key.code(of: message).description == expected)
        #expect(try key.isCode(expected, of: message))
        #expect(try !key.isCode(expected, of: message + [0]))
        #expect(try !key.isCode("", of: []))
    }

    @Test func `a proof is over the very bytes of the text`() throws {
        let text = Array(
            "{\n  \"a\" : \"\\n  \\\"authentication\\\" : 1\",\n  \"authentication\" : null,\n  \"b\" : 1\n}\n".utf8)
        let sealed = try #require(ArchiveAuthentication.replace(in: text, with: Array("{\"x\":1}".utf8)))
        #expect(String(decoding: sealed.old, as: UTF8.self) == "null")
        let back = try #require(ArchiveAuthentication.replace(in: sealed.text, with: ArchiveAuthentication.null))
        #expect(back.text == text)
        #expect(String(decoding: back.old, as: UTF8.self) == "{\"x\":1}")
        // Two of them are one too many.
        #expect(ArchiveAuthentication.replace(in: text + text, with: []) == nil)
    }
}
