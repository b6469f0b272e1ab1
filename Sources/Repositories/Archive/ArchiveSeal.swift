import BackupModel
import Digests
import Foundation
import Programs

/// Writes manifests with their proof, and tests it.
struct ArchiveSeal: Sendable {
    let access: ArchiveAccess
    let keys: ArchiveKeys

    /// A manifest's text.
    func sealed(_ manifest: ArchiveManifest) async throws(RepositoryError) -> [UInt8] {
        let unproven: [UInt8]
        do {
            unproven = try ArchiveAuthentication.unproven(manifest)
        } catch {
            throw .unsupported("the manifest cannot be written: \(error)")
        }
        let proof = try await proof(of: unproven)
        do {
            if let sealed = ArchiveAuthentication.replace(in: unproven, with: try proof.json) { return sealed.text }
        } catch {
            throw .unsupported("the manifest's proof cannot be written: \(error)")
        }
        throw .unsupported("the manifest has no place for its proof")
    }

    private func proof(of text: [UInt8]) async throws(RepositoryError) -> ArchiveAuthentication {
        if let code = keys.code, let key = keys.header.keys.first {
            do throws(DigestError) {
                return .code(try code.code(of: text).description, salt: key.salt, rounds: key.rounds)
            } catch {
                throw .unsupported(error.description)
            }
        }
        guard let signer = access.settings.signingKey else { return .none }
        access.countStarts(1)
        let result = try await access.services.runner.end(of: SSHSignature.sign(text, with: signer))
        guard result.didItsWork, result.output.text.contains("BEGIN SSH SIGNATURE") else {
            throw .toolFailed(
                tool: "ssh-keygen", how: result.termination.description, detail: result.lastWords)
        }
        return .signature(result.output.text)
    }

    enum Verdict: Sendable, Equatable {
        case proven
        /// Nobody could have proven it, in words.
        case unproven(String)
        case forged(String)
    }

    /// Why a manifest must not be written anew with the keys at hand, in words; `nil` where it may be. A proof that cannot be tested
    /// could not be made again either.
    func obstacle(toReplacing text: [UInt8]) async throws(RepositoryError) -> String? {
        switch try await verdict(on: text) {
        case .proven: return nil
        case .forged(let why): return why
        case .unproven(let why):
            let old = ArchiveAuthentication.replace(in: text, with: ArchiveAuthentication.null)?.old ?? []
            // What does not decode is not the mark of a manifest without proof.
            return (try? JSONDecoder().decode(ArchiveAuthentication.self, from: Data(old)))
                == ArchiveAuthentication.none
                ? nil : why
        }
    }

    func verdict(on text: [UInt8]) async throws(RepositoryError) -> Verdict {
        guard let (unproven, old) = ArchiveAuthentication.replace(in: text, with: ArchiveAuthentication.null) else {
            return .forged("it has no place for a proof")
        }
        let proof: ArchiveAuthentication
        do {
            proof = try JSONDecoder().decode(ArchiveAuthentication.self, from: Data(old))
        } catch {
            return .forged("its proof cannot be read")
        }
        if let code = keys.code {
            guard case .code(let given, _, _) = proof else { return .forged("it bears no code of the passphrase") }
            do throws(DigestError) {
                return try code.isCode(given, of: unproven) ? .proven : .forged("its code is not that of its text")
            } catch {
                throw .unsupported(error.description)
            }
        }
        if let signer = access.settings.signingKey {
            guard case .signature(let signature) = proof else { return .forged("it bears no signature") }
            return try await isSigned(unproven, signature, by: signer)
                ? .proven : .forged("its signature is not that of its text")
        }
        return switch proof {
        case .code: .unproven("it has a code of a passphrase, and the profile names none")
        case .signature: .unproven("it is signed, and the profile names no key under `sign:`")
        case .none: .unproven("it is not authenticated: give the repository a `password:` or a key under `sign:`")
        }
    }

    private func isSigned(
        _ text: [UInt8], _ signature: String, by key: String
    ) async throws(RepositoryError) -> Bool {
        access.countStarts(2)
        let asked = try await access.services.runner.end(of: SSHSignature.publicKey(of: key))
        guard asked.didItsWork else {
            throw .toolFailed(tool: "ssh-keygen", how: asked.termination.description, detail: asked.lastWords)
        }
        let place = try access.scratch() + "/" + UUID().uuidString
        defer {
            for ending in [".signers", ".sig"] { unlink(place + ending) }
        }
        do throws(SystemFailure) {
            let signers = SSHSignature.allowedSigners(asked.output.text.trimmingCharacters(in: .whitespacesAndNewlines))
            try SystemFolder.makeFile(Array(signers.utf8), at: place + ".signers")
            try SystemFolder.makeFile(Array(signature.utf8), at: place + ".sig")
        } catch {
            throw .unsupported("\(error.path) cannot be written: \(error.reason)")
        }
        return try await access.services.runner.end(
            of: SSHSignature.verify(text, signature: place + ".sig", signers: place + ".signers")
        ).didItsWork
    }
}
