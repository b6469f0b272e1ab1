package import Foundation

/// What a file or folder is, whatever it is called at the moment.
package struct FileIdentity: Codable, Sendable, Equatable, Hashable {
    package var device: UInt64
    package var inode: UInt64
    package init(device: UInt64, inode: UInt64) {
        self.device = device
        self.inode = inode
    }
}

/// How what was restored takes the places of what lives there, step by step. It is on disk before the first step, and every
/// step can be told to be done or not by looking: whoever finds it after a crash can finish it, or take it back.
package struct Settlement: Codable, Sendable, Equatable {
    /// Something staged takes a place; what was there goes aside, on the same file system. Paths are absolute.
    package struct Exchange: Codable, Sendable, Equatable {
        package var source: SourceName
        /// `nil` where nothing takes the place.
        package var staged: String?
        package var place: String
        package var aside: String
        /// Of what is staged; of what is in the place where nothing is staged. By it a step is known to be done.
        package var identity: FileIdentity
        /// Endings of files beside it that belong to it, as `-wal` to a database, where they could not be closed into it. They go
        /// where it goes.
        package var sideFiles: [String]
        /// Of those that lie beside what is staged, by ending: what is found beside the place after a crash is told apart by it.
        package var stagedSideFiles: [String: FileIdentity]?
        /// Whether something was in the place before; `nil` in what an older version noted.
        package var wasThere: Bool?

        package init(
            source: SourceName, staged: String?, place: String, aside: String, identity: FileIdentity,
            sideFiles: [String] = [], stagedSideFiles: [String: FileIdentity]? = nil, wasThere: Bool? = nil
        ) {
            self.source = source
            self.staged = staged
            self.place = place
            self.aside = aside
            self.identity = identity
            self.sideFiles = sideFiles
            self.stagedSideFiles = stagedSideFiles
            self.wasThere = wasThere
        }
    }

    /// A database that was loaded under a name of its own takes the name of another, which goes on under a third.
    package struct Renaming: Codable, Sendable, Equatable {
        /// Whose server it is; facts are left out.
        package var part: ManifestPart
        /// `nil` where nothing takes the name.
        package var staged: String?
        package var live: String
        package var aside: String
        /// Whether there was a database of that name before; `nil` in what an older version noted.
        package var wasThere: Bool?
        /// Of the server, see ``DatabaseServer/identity()``.
        package var server: String?
        /// What takes the name had it before, and comes back with what it has of its own; `nil`: no.
        package var isReturn: Bool?

        package init(
            part: ManifestPart, staged: String?, live: String, aside: String, wasThere: Bool? = nil,
            server: String? = nil
        ) {
            self.wasThere = wasThere
            self.server = server
            self.part = part
            self.part.facts = Facts()
            self.staged = staged
            self.live = live
            self.aside = aside
        }
    }

    package enum Step: Codable, Sendable, Equatable {
        case path(Exchange)
        case database(Renaming)

        package var source: SourceName {
            switch self {
            case .path(let exchange): exchange.source
            case .database(let renaming): renaming.part.source
            }
        }

        /// What lives there, for people.
        package var place: String {
            switch self {
            case .path(let exchange): exchange.place
            case .database(let renaming): "database \(renaming.live)"
            }
        }

        /// Where what was there goes, for people.
        package var aside: String {
            switch self {
            case .path(let exchange): exchange.aside
            case .database(let renaming): "database \(renaming.aside)"
            }
        }
    }

    /// What may lie beside a database in a file and belongs to it.
    /// - Source: https://www.sqlite.org/tempfiles.html
    package static let databaseSideFiles = ["-wal", "-shm", "-journal"]

    package var run: RunID
    /// What was restored: a restore point, or, of an undoing, the run that was undone.
    package var origin: String
    package var began: Date
    package var steps: [Step]

    package init(run: RunID, origin: String, began: Date, steps: [Step]) {
        self.run = run
        self.origin = origin
        self.began = began
        self.steps = steps
    }
}

/// Where a part lives when it is restored into place.
package enum LivePlace: Sendable, Equatable {
    package struct Path: Sendable, Equatable {
        /// Where a restore leaves it, below the folder that it was given; begins with `/`.
        package var restored: String
        /// Absolute.
        package var live: String
        package var sideFiles: [String]
        /// What of a folder is in no restore point, as the profile says it.
        package var leavesOut: [String] = []
        package init(restored: String, live: String, sideFiles: [String] = []) {
            self.restored = restored
            self.live = live
            self.sideFiles = sideFiles
        }
    }

    /// Each takes its place as a whole; what is in a folder there and not in the restore point goes aside with it.
    case whole([Path])
    /// Each file takes its place by itself; what else is in the folders there stays.
    case merged([Path])
    /// A database of the source's server.
    case database(String)
    /// Its server as a whole: what is missing there is made.
    case server
    /// It needs none, for it is there to be read.
    case unneeded
    /// It has none: why, and what to do instead.
    case nowhere(String)
}
