/// How one part comes back with nothing of Holdfast's.
package struct ManualRestore: Sendable, Equatable {
    /// What must be at hand, in a shell variable: the name of a file, or a value.
    package struct Key: Sendable, Equatable {
        /// `PASSWORD_FILE`, `IDENTITY_FILE`
        package var variable: String
        /// In words.
        package var what: String
        /// Where the profile says that it is kept.
        package var kept: SecretReference?
        package init(variable: String, what: String, kept: SecretReference?) {
            self.variable = variable
            self.what = what
            self.kept = kept
        }
    }

    /// Without path or version.
    package var programs: [String]
    package var keys: [Key]
    /// For `bash` with `errexit` and `pipefail`. `$FROM` is the repository's place, `$TARGET` a folder for what comes back; the
    /// part is then at `$TARGET/SOURCE`.
    package var lines: [String]

    package init(programs: [String], keys: [Key], lines: [String]) {
        self.programs = programs
        self.keys = keys
        self.lines = lines
    }
}
