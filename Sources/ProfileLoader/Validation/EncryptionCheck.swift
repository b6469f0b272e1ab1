import BackupModel

/// What the shapes of the keys under a source's `encrypt:` do not say.
enum EncryptionCheck {
    /// - Parameter encryption: the value of the key; its shape has been checked.
    static func problems(of encryption: ConfigValue, isAbstract: Bool) -> [ConfigProblem] {
        var problems: [ConfigProblem] = []
        func refuse(_ value: ConfigValue?, _ key: String, _ message: String) {
            problems.append(
                ConfigProblem(at: value?.location ?? encryption.location, keyPath: key, message: message))
        }
        // One whose shape was wrong has been told of.
        guard case .map = encryption.content else { return [] }
        if let gpg = encryption["gpg"], encryption["age"] != nil {
            refuse(gpg, "gpg", "a source is encrypted by `age:` or by `gpg:`, not by both")
        }
        if let identity = encryption["identity"], encryption["gpg"] != nil {
            refuse(identity, "identity", "goes with age; gpg opens with the keys of the ring of whoever restores")
        }
        for key in ["age", "gpg"] {
            for element in encryption[key]?.elements ?? [] {
                guard let text = element.text else { continue }
                if isSecret(text) {
                    refuse(element, key, "is the secret half of a key; write the public one, and make a new pair")
                } else if key == "age", !text.isEmpty, !text.hasPrefix("age1"), !text.hasPrefix("ssh-") {
                    refuse(element, key, "is no recipient of age: `age1…`, `ssh-ed25519 …` or `ssh-rsa …`")
                }
            }
        }
        let named = ["age", "gpg"].flatMap { encryption[$0]?.strings ?? [] }.filter { !$0.isEmpty }
        let file = encryption["recipients-file"]?.text ?? ""
        if named.isEmpty, file.isEmpty, !isAbstract {
            let place = encryption["age"] ?? encryption["gpg"]
            refuse(
                place, "",
                "names no recipient, and what nobody can open is no backup: `age: [age1…]` (age-keygen makes a key), `gpg: "
                    + "[FINGERPRINT]` or `recipients-file:`")
        }
        return problems
    }

    private static func isSecret(_ text: String) -> Bool {
        text.uppercased().contains("AGE-SECRET-KEY-") || text.contains("PRIVATE KEY-----")
    }
}
