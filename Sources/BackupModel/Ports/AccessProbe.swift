/// Finds out what a credential may really do, and leaves the repository as it was: nothing that exists is deleted or
/// replaced. Made by `RepositoryRegistry`.
package protocol AccessProbe: Sendable {
    /// - Throws: ``RepositoryError`` where the place could not be asked at all.
    func probe() async throws(RepositoryError) -> AccessReport
}

/// Something that a credential may do or not.
package enum AccessRight: String, Sendable, CaseIterable {
    case list
    case read
    /// Add a file.
    case put
    /// Replace a file.
    case overwrite
    case deleteData = "delete-data"
    case deleteLocks = "delete-locks"

    package var words: String { rawValue.replacing("-", with: " ") }
}

package enum Permission: Sendable, Equatable {
    case allowed
    case refused
    /// With the reason, as it goes on after "could not be told:".
    case unknown(String)
}

/// What a probe found.
package struct AccessReport: Sendable, Equatable {
    private var permissions: [AccessRight: Permission]
    /// Whether a put that may only create leaves alone what is there; `nil` where that was not to be learned.
    package var honoursCreateOnly: Bool?
    /// What else is to be said, such as what the probe left behind.
    package var notices: [String]

    package init(
        _ permissions: [AccessRight: Permission], honoursCreateOnly: Bool? = nil, notices: [String] = []
    ) {
        self.permissions = permissions
        self.honoursCreateOnly = honoursCreateOnly
        self.notices = notices
    }

    /// All rights unknown for one reason.
    package static func unknown(_ reason: String) -> AccessReport {
        AccessReport(Dictionary(uniqueKeysWithValues: AccessRight.allCases.map { ($0, .unknown(reason)) }))
    }

    package subscript(right: AccessRight) -> Permission {
        get { permissions[right] ?? .unknown("it was not tried") }
        set { permissions[right] = newValue }
    }
}
