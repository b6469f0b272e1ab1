package import BackupModel
import Synchronization

/// Secrets by reference; what is not there is missing.
package final class MemorySecrets: SecretStore {
    private let secrets: Mutex<[SecretReference: Secret]>

    package init(_ secrets: [SecretReference: Secret] = [:]) { self.secrets = Mutex(secrets) }

    package func set(_ reference: SecretReference, to secret: Secret?) {
        secrets.withLock { $0[reference] = secret }
    }

    package func resolve(_ reference: SecretReference, environment: [String: String]) async throws(SecretError)
        -> Secret
    {
        if case .environment(let name) = reference, let value = environment[name], !value.isEmpty {
            return Secret(value)
        }
        guard let secret = secrets.withLock({ $0[reference] }) else { throw .missing(reference) }
        if secret.isEmpty { throw .empty(reference) }
        return secret
    }

    package func write(_ secret: Secret, at path: String) throws(SecretError) {
        secrets.withLock { $0[.file(path)] = secret }
    }

    package func replace(_ path: String, with draft: String, keeping kept: String) throws(SecretError) {
        secrets.withLock { secrets in
            secrets[.file(kept)] = secrets[.file(path)]
            secrets[.file(path)] = secrets.removeValue(forKey: .file(draft))
        }
    }

    package func generate(at path: String) throws(SecretError) -> Secret {
        let reference = SecretReference.file(path)
        let secret = Secret("generated-\(path)")
        let isNew = secrets.withLock { secrets in
            defer { secrets[reference] = secrets[reference] ?? secret }
            return secrets[reference] == nil
        }
        guard isNew else { throw .unreadable(reference, reason: "it exists already and is left as it is") }
        return secret
    }
}
