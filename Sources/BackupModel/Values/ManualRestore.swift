/// How one part comes back with nothing of Holdfast's, as lines for `bash`.
///
/// Whoever writes them down sets, before them: `$PLACE`, where the repository is; `$DIR`, a folder of the source's own, which is
/// there; and for a part that is one file `$FILE`, what it is to be called there; `$PROFILE` and `$OF_HOST`, whose backup it is; and
/// `$NEWEST`, not empty where a later backup is wanted than that of the part. `stop WORDS…` gives the part up.
package struct ManualRestore: Sendable, Equatable {
    /// What must be at hand, in a shell variable.
    package struct Key: Sendable, Equatable {
        package enum Form: Sendable, Equatable {
            /// The variable names a file.
            case file
            /// The variable has the value itself, for the program reads it from there.
            case text
        }

        /// `PASSWORD_FILE`, `IDENTITY_FILE`
        package var variable: String
        /// In words.
        package var what: String
        /// Where the profile says that it is kept.
        package var kept: SecretReference?
        package var form: Form
        /// Without it something comes back that is not opened, and the rest as always.
        package var isOptional: Bool

        package init(
            variable: String, what: String, kept: SecretReference?, form: Form = .file, isOptional: Bool = false
        ) {
            self.variable = variable
            self.what = what
            self.kept = kept
            self.form = form
            self.isOptional = isOptional
        }
    }

    /// A variable that is no secret and has this value unless somebody gives another.
    package struct Setting: Sendable, Equatable {
        package var variable: String
        package var value: String
        package init(_ variable: String, _ value: String) {
            self.variable = variable
            self.value = value
        }
    }

    /// Without path or version.
    package var programs: [String]
    package var keys: [Key]
    package var settings: [Setting]
    /// Once, before any part of the repository.
    package var setup: [String]
    /// Finds it: of a part that is a file of its own in the repository, sets `$ARCHIVE`, where it can be read from.
    package var locate: [String]
    package var lines: [String]
    /// Opens what was encrypted before it was stored.
    package var opening: [String]
    package var cleanup: [String]
    /// Of a part that is a file of its own in the repository, its path below `$PLACE`.
    package var stored: String?
    /// What the part is called in `$DIR` as it was stored, where it is one file.
    package var storedName: String?
    /// What it is called there when all is done; `nil` for a tree.
    package var name: String?
    /// What is to be known, in words.
    package var notes: [String]

    package init(programs: [String], keys: [Key], lines: [String], name: String? = nil) {
        self.programs = programs
        self.keys = keys
        self.lines = lines
        self.name = name
        storedName = name
        settings = []
        setup = []
        locate = []
        opening = []
        cleanup = []
        notes = []
    }

    /// From another place that has the same files: a replica.
    package func at(_ other: ManualRestore) -> ManualRestore {
        var moved = self
        moved.programs = programs + other.programs
        moved.keys = keys.filter { key in !other.keys.contains { $0.variable == key.variable } } + other.keys
        moved.settings = other.settings
        moved.setup = other.setup
        moved.notes = notes + other.notes
        return moved
    }
}

/// What is done with a part's file once it is back, and how that proves itself, with nothing of Holdfast's. In its lines `$FILE`
/// is the file and `$DATABASE` the database that it is loaded into; `proven WORDS…`, `unproven WORDS…` and `wrong WORDS…` say how it
/// stands.
package struct ManualUse: Sendable, Equatable {
    package enum Server: String, Sendable, Equatable, CaseIterable { case postgres, mysql }

    /// What must run for it; `nil`: nothing.
    package var server: Server?
    package var programs: [String]
    package var lines: [String]
    /// The name that the database had.
    package var database: String?
    /// Before the databases of its server.
    package var comesFirst: Bool
    /// What is to be known, in words.
    package var notes: [String]

    package init(
        server: Server?, programs: [String], lines: [String], database: String? = nil, comesFirst: Bool = false,
        notes: [String] = []
    ) {
        self.server = server
        self.programs = programs
        self.lines = lines
        self.database = database
        self.comesFirst = comesFirst
        self.notes = notes
    }
}
