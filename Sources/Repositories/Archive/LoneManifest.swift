package import BackupModel
import Digests
import Foundation
import Programs

/// A manifest of ours that lies beside a file, away from any repository: whether it was written by who may.
package struct LoneManifest: Sendable {
    package enum Proof: Sendable, Equatable {
        /// In words, by what.
        case holds(String)
        /// In words, why.
        case untested(String)
        case fails(String)
    }

    private let text: [UInt8]
    private let runner: any ToolRunner

    package init(_ text: [UInt8], _ runner: any ToolRunner) {
        self.text = text
        self.runner = runner
    }

    /// Whoever writes a manifest chooses this number, and we pay for it.
    private static let mostRounds = 20_000_000

    /// - Parameters:
    ///   - passphrase: what its code is tested with.
    ///   - signers: a file of public keys, or of allowed signers as ssh has them.
    ///   - needsCode: what is encrypted with a passphrase has a manifest with a code of it.
    /// - Throws: ``RepositoryError/unsupported(_:)`` where it cannot be tested.
    package func proof(
        passphrase: Secret?, signers: String?, needsCode: Bool
    ) async throws(RepositoryError) -> Proof {
        // A proof that does not decode is none, which is told.
        guard let (unproven, old) = ArchiveAuthentication.replace(in: text, with: ArchiveAuthentication.null),
            let proof = try? JSONDecoder().decode(ArchiveAuthentication.self, from: Data(old))
        else { return .fails("it has no proof that can be read") }
        switch proof {
        case .code(let code, let salt, let rounds):
            guard let passphrase else {
                if signers != nil { return .fails("it bears no signature") }
                return .untested("it has a code of a passphrase, which --password-file gives")
            }
            guard let salt = Hexadecimal.bytes(salt), (1...LoneManifest.mostRounds).contains(rounds) else {
                return .fails("its code was made in no way of ours")
            }
            do throws(DigestError) {
                return try ArchiveHeader.Key.derive(passphrase, salt: salt, rounds: rounds).isCode(code, of: unproven)
                    ? .holds("by the passphrase") : .fails("its code is not that of its text and this passphrase")
            } catch {
                throw .unsupported(error.description)
            }
        case .signature where needsCode, .none where needsCode:
            return .fails("it bears no code of the passphrase, as that of every such archive does")
        case .signature(let signature):
            guard let signers else {
                return .untested("it is signed with an ssh key, and --signers gives none")
            }
            return try await isSigned(unproven, signature, by: signers)
                ? .holds("by its ssh signature") : .fails("its signature is of none of \(signers)")
        case .none:
            if signers != nil { return .fails("it bears no signature") }
            return .untested("it bears no proof, so it and the archive could have been exchanged together")
        }
    }

    private func isSigned(
        _ text: [UInt8], _ signature: String, by signers: String
    ) async throws(RepositoryError) -> Bool {
        guard let keys = FileManager.default.contents(atPath: signers) else {
            throw .unsupported("the signers in \(signers) cannot be read")
        }
        let folder = NSTemporaryDirectory() + "/holdfast-signers-\(UUID().uuidString)"
        defer {
            do { try FileManager.default.removeItem(atPath: folder) } catch {
                // Public keys and a signature: what stays is nobody's secret.
            }
        }
        do throws(SystemFailure) {
            try SystemFolder.makePrivate(folder)
            let allowed = SSHSignature.allowedSigners(inFile: String(decoding: keys, as: UTF8.self))
            try SystemFolder.makeFile(Array(allowed.utf8), at: folder + "/signers")
            try SystemFolder.makeFile(Array(signature.utf8), at: folder + "/signature")
        } catch {
            throw .unsupported("\(error.path) cannot be written: \(error.reason)")
        }
        return try await runner.end(
            of: SSHSignature.verify(text, signature: folder + "/signature", signers: folder + "/signers")
        ).didItsWork
    }
}
