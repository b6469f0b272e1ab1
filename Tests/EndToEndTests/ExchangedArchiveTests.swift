import Foundation
import TestSupport
import Testing

/// An archive file that stands alone, exchanged together with its manifest by somebody without the key.
@Suite("Exchanged archives") struct ExchangedArchiveTests {
    private struct Scene {
        let world: World
        /// The folder of the only run, fetched as an operator would.
        let fetched: String

        init(_ key: String) async throws {
            world = try World("exchanged")
            try world.folder.write("correct horse", to: "pass", mode: 0o600)
            fetched = world.folder["fetched"]
            for program in ["age.key", "signer", "other"] {
                let made =
                    program == "age.key"
                    ? try await world.program.runTool("age-keygen", "-o", world.folder["age.key"])
                    : try await world.program.runTool(
                        "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", world.folder[program])
                try #require(made.code == 0, "\(made)")
            }
            let recipient = try await world.program.runTool("age-keygen", "-y", world.folder["age.key"])
            let text = key.replacingOccurrences(
                of: "RECIPIENT", with: recipient.output.trimmingCharacters(in: .newlines)
            )
            .replacingOccurrences(of: "FOLDER", with: world.folder.path)
            try world.program.writeProfile(
                """
                sources: { documents: { files: "\(world.documents)" } }
                repositories: { local: { archive: "\(world.program.repository)", main: documents, \(text) } }
                """)
            try await backUp()
        }

        func backUp() async throws {
            try await world.backUp("--strict")
            let run = try #require(
                FileManager.default.contentsOfDirectory(atPath: world.program.repository).filter { !$0.hasPrefix(".") }
                    .max())
            try? FileManager.default.removeItem(atPath: fetched)
            try FileManager.default.copyItem(atPath: "\(world.program.repository)/\(run)", toPath: fetched)
        }

        func file(_ ending: String) throws -> String {
            let names = try FileManager.default.contentsOfDirectory(atPath: fetched)
            return try fetched + "/" + #require(names.first { $0.hasSuffix(ending) })
        }
        var archive: String {
            get throws {
                let names = try FileManager.default.contentsOfDirectory(atPath: fetched)
                return try fetched + "/" + #require(names.first { !$0.hasSuffix(".json") })
            }
        }

        func change(_ manifest: (String) throws -> String) throws {
            let path = try file(".json")
            let text = try String(contentsOfFile: path, encoding: .utf8)
            try manifest(text).write(toFile: path, atomically: false, encoding: .utf8)
        }

        func restore(_ words: String...) async throws -> HoldfastProgram.Result {
            try await world.program.run(["restore", "--archive", try archive, world.folder["back"]] + words)
        }

        func expectNothing(_ result: HoldfastProgram.Result, _ code: Int32 = 65) {
            #expect(result.code == code, "\(result)")
            #expect(!FileManager.default.fileExists(atPath: world.folder["back"]), "\(result)")
        }
    }

    @Test(arguments: ["openssl", "gpg"])
    func `with the passphrase a pair that somebody else wrote is refused`(encrypt: String) async throws {
        let scene = try await Scene("encrypt: \(encrypt), password: \"file:FOLDER/pass\"")
        let pass = scene.world.folder["pass"]
        let digest = try await scene.world.program.runTool("sha256sum", scene.archive).output.prefix(64)
        // An older archive of the same passphrase in the place of a newer one, and its digest in the manifest.
        let old = try Data(contentsOf: URL(fileURLWithPath: scene.archive))
        try scene.world.folder.write("new\n", to: "documents/one.txt")
        try await scene.backUp()
        try old.write(to: URL(fileURLWithPath: scene.archive))
        let plain = try await scene.restore("--password-file", pass)
        scene.expectNothing(plain)
        try scene.change { text in
            let sum = try #require(text.range(of: "\"sha256\" : \"")?.upperBound)
            let was = text[sum...].prefix(64)
            return text.replacingOccurrences(of: was, with: digest)
        }
        let exchanged = try await scene.restore("--password-file", pass)
        scene.expectNothing(exchanged)
        #expect(exchanged.errors.contains("is not authentic"), "\(exchanged)")
        let dry = try await scene.restore("--password-file", pass, "--dry-run")
        #expect(dry.code == 65, "\(dry)")
        // A wrong passphrase is still called one.
        try scene.world.folder.write("wrong", to: "wrong", mode: 0o600)
        let wrong = try await scene.restore("--password-file", scene.world.folder["wrong"])
        scene.expectNothing(wrong, 12)
        guard encrypt == "openssl" else { return }
        try scene.change { text in
            text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
                line.hasPrefix("  \"authentication\" : ")
                    ? "  \"authentication\" : {\"method\":\"unauthenticated\"}," : line
            }.joined(separator: "\n")
        }
        let stripped = try await scene.restore("--password-file", pass)
        scene.expectNothing(stripped)
        #expect(stripped.errors.contains("is not authentic"), "\(stripped)")
    }

    @Test func `a pair that is whole is said to be authentic, and older under newer names it is none`() async throws {
        let scene = try await Scene("encrypt: openssl, password: \"file:FOLDER/pass\"")
        let pass = scene.world.folder["pass"]
        let (archive, manifest) = (try scene.archive, try scene.file(".json"))
        for (path, ending) in [(archive, ".tar.zst.enc"), (manifest, ".json")] {
            try FileManager.default.moveItem(atPath: path, toPath: scene.fetched + "/test-29991231-000000" + ending)
        }
        let renamed = try await scene.restore("--password-file", pass)
        scene.expectNothing(renamed)
        #expect(renamed.errors.contains("speaks of other files"), "\(renamed)")
        for (path, ending) in [(archive, ".tar.zst.enc"), (manifest, ".json")] {
            try FileManager.default.moveItem(atPath: scene.fetched + "/test-29991231-000000" + ending, toPath: path)
        }
        let whole = try await scene.restore("--password-file", pass)
        #expect(whole.code == 0 && whole.errors.contains("is authentic, by the passphrase"), "\(whole)")
    }

    @Test func `a signature is tested with the keys that may sign, and that it was not tested is said`() async throws {
        let scene = try await Scene("encrypt: age, recipients: [RECIPIENT], sign: \"FOLDER/signer\"")
        let key = scene.world.folder["age.key"]
        let publicKey = scene.world.folder["signer.pub"]
        let other = try await scene.restore("--identity", key, "--signers", scene.world.folder["other.pub"])
        scene.expectNothing(other)
        let untested = try await scene.restore("--identity", key, "--dry-run")
        #expect(untested.code == 0 && untested.errors.contains("was not tested: it is signed"), "\(untested)")
        let signer = try String(contentsOfFile: publicKey, encoding: .utf8)
        let list = try scene.world.folder.write("# who may\nme@example.org \(signer)", to: "allowed")
        let listed = try await scene.restore("--identity", key, "--signers", list, "--dry-run")
        #expect(listed.code == 0 && listed.errors.contains("by its ssh signature"), "\(listed)")
        let whole = try await scene.restore("--identity", key, "--signers", publicKey)
        #expect(whole.code == 0 && whole.errors.contains("by its ssh signature"), "\(whole)")
        try FileManager.default.removeItem(atPath: scene.world.folder["back"])
        try scene.change { $0.replacingOccurrences(of: "\"host\" : \"", with: "\"host\" : \"not-") }
        let changed = try await scene.restore("--identity", key, "--signers", publicKey)
        scene.expectNothing(changed)
    }

    @Test func `what has no proof is opened, and that is said in one line`() async throws {
        let scene = try await Scene("encrypt: age, recipients: [RECIPIENT]")
        let key = scene.world.folder["age.key"]
        let plain = try await scene.restore("--identity", key)
        #expect(plain.code == 0 && plain.errors.contains("it bears no proof"), "\(plain)")
        try FileManager.default.removeItem(atPath: scene.world.folder["back"])
        let signed = try await scene.restore("--identity", key, "--signers", scene.world.folder["signer.pub"])
        scene.expectNothing(signed)
    }
}
