import BackupModel
import Programs

/// What a source says under `encrypt:`.
struct EncryptSettings: Sendable, Equatable {
    var program: Recipients.Program
    var recipients: [String]
    /// Absolute.
    var recipientsFile: String?
    /// What age decrypts with; only a restore needs it.
    var identity: SecretReference?

    /// - Returns: `nil` where nothing is to be encrypted.
    init?(_ spec: SourceSpec) {
        guard let entry = spec.entry["encrypt"] else { return nil }
        program = entry["gpg"] == nil ? .age : .gpg
        recipients = entry[program.rawValue]?.strings ?? []
        recipientsFile = entry["recipients-file"]?.text
        identity = entry["identity"]?.secret
    }
}
