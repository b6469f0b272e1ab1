package import BackupModel

extension KeyRotation {
    package struct Report: Sendable {
        /// Where the password comes from.
        package var place: SecretReference
        /// The file of the new password.
        package var file: String
        /// That of the old one, where it was ours to put aside.
        package var previous: String?
        package var repositories: [Changed]
        /// The operator has to put the new password in its place first.
        package var isWaiting: Bool
    }

    package struct Changed: Sendable {
        package var repository: RepositoryName
        package var location: String
        /// `nil` where one was only added.
        package var old: String?
        package var new: String
        /// What was put right first, in words.
        package var notices: [String]
        package var isOldRemoved = false
        /// Why the old key stays.
        package var refusal: Failure?
    }
}
