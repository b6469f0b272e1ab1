import BackupModel
import TestSupport
import Testing

@testable import BackupEngine

@Suite("Changes of passwords")
struct KeyRotationTests {
    private let bench: Bench
    private let secrets = MemorySecrets()
    private let old = MemoryRepository.identity.keyIDs[0]

    init() throws { bench = try Bench() }

    private func rotation(of reference: SecretReference) async throws -> KeyRotation {
        secrets.set(reference, to: Secret("current"))
        _ = try await MemoryKeys(bench.repository, secrets, at: reference)
        await bench.backup()
        return KeyRotation([bench.engine()], secrets)
    }

    private var pin: RepositoryPin? {
        get throws { try bench.pins.pin(profile: Bench.profile, repository: bench.repository.spec.pinName) }
    }

    private func refusal(_ body: () async throws -> KeyRotation.Report) async throws -> Failure {
        try await #require(throws: Failure.self) { _ = try await body() }
    }

    @Test func `a further password is refused while an old key is still to be removed, which it would make forgotten`()
        async throws
    {
        let rotation = try await rotation(of: .environment("PASSWORD"))
        #expect(try await rotation.rotate(newPasswordFile: "/new").isWaiting)
        let refused = try await refusal { try await rotation.add(label: "safe", passwordFile: "/safe") }
        #expect(refused.description.contains("key \(old.prefix(8)) is not removed"), "\(refused)")
        #expect(refused.hint == "finish it first: holdfast key rotate local --finish" && refused.kind == .usage)
        // The very password that waits would do the same.
        _ = try await refusal { try await rotation.add(label: "safe", passwordFile: "/new") }
        #expect(try pin?.keyChange?.old == old)
        secrets.set(.environment("PASSWORD"), to: try await secrets.resolve(.file("/new"), environment: [:]))
        let finished = try await rotation.finish()
        #expect(finished.repositories.map(\.isOldRemoved) == [true])
        #expect(try pin?.identity.keyIDs.contains(old) == false && pin?.keyChange == nil)
        #expect(try await rotation.add(label: "safe", passwordFile: "/safe").repositories.count == 1)
    }

    @Test func `a password that is given is refused where another one waits already, and nothing is changed`()
        async throws
    {
        let rotation = try await rotation(of: .file("/pw"))
        secrets.set(.file("/pw.new"), to: Secret("left there"))
        secrets.set(.file("/safe"), to: Secret("in the safe"))
        let refused = try await refusal { try await rotation.rotate(newPasswordFile: "/safe") }
        #expect(refused.description.contains("/pw.new is there already and holds another password than /safe"))
        #expect(refused.hint?.contains("remove /pw.new") == true && refused.kind == .usage)
        #expect(try await secrets.resolve(.file("/pw"), environment: [:]) == Secret("current"))
        // The same one twice is no other.
        secrets.set(.file("/pw.new"), to: Secret("in the safe"))
        #expect(try await rotation.rotate(newPasswordFile: "/safe").repositories.map(\.isOldRemoved) == [true])
        #expect(try await secrets.resolve(.file("/pw"), environment: [:]) == Secret("in the safe"))
    }

    @Test func `the password in use is refused as a new one before anything is written, and one that was is named`()
        async throws
    {
        let rotation = try await rotation(of: .file("/pw"))
        secrets.set(.file("/given"), to: Secret("current"))
        let refused = try await refusal { try await rotation.rotate(newPasswordFile: "/given") }
        #expect(refused.description == "/given holds the password that is in use already" && refused.kind == .usage)
        await #expect(throws: SecretError.self) { try await secrets.resolve(.file("/pw.new"), environment: [:]) }
        #expect(try await rotation.rotate(newPasswordFile: nil).repositories.map(\.isOldRemoved) == [true])
        // As an earlier release left it.
        secrets.set(.file("/pw.new"), to: try await secrets.resolve(.file("/pw"), environment: [:]))
        let stuck = try await refusal { try await rotation.rotate(newPasswordFile: nil) }
        #expect(stuck.description.contains("/pw.new") && stuck.hint?.contains("remove it") == true, "\(stuck)")
    }
}
