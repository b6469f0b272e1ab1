/// What a probe's findings mean: whether what the profile claims is true, and what a thief of the credential could do. Pure.
package struct AccessVerdict: Sendable, Equatable {
    /// What a credential amounts to.
    package enum Effective: String, Sendable {
        case full
        case appendOnly = "append-only"
        /// Lists, reads and puts, and deletes nothing, not even locks.
        case noDelete = "no-delete"
        case writeOnly = "write-only"
        case readOnly = "read-only"
        case nothing = "none"
    }

    /// `nil` where too little is known, or where it is none of these.
    package var effective: Effective?
    /// Claims of the profile that are not true, and ways of feeding that cannot work.
    package var falsehoods: [Failure]
    /// Whole sentences.
    package var thief: [String]

    private let report: AccessReport

    /// - Parameters:
    ///   - claim: what the profile says under `access:`.
    ///   - method: how the repository is fed; `nil` for the primary.
    package init(_ report: AccessReport, claim: RepositoryAccess, method: FollowSpec.Method?) {
        self.report = report
        effective = nil
        falsehoods = []
        thief = []
        effective = effectiveAccess()
        falsehoods = falseClaims(claim) + impossibleMethod(method)
        thief = whatAThiefCould()
    }

    private func may(_ rights: AccessRight...) -> Bool { rights.allSatisfy { report[$0] == .allowed } }
    private func mayNot(_ rights: AccessRight...) -> Bool { rights.allSatisfy { report[$0] == .refused } }

    /// Where no harmless request tells whether files can be added, the rest decides.
    private func effectiveAccess() -> Effective? {
        if mayNot(.put) {
            if may(.read), mayNot(.deleteData) { return .readOnly }
            return mayNot(.list, .read, .deleteData, .deleteLocks) ? Effective.nothing : nil
        }
        if may(.list, .read, .deleteData, .deleteLocks) { return .full }
        guard mayNot(.deleteData) else { return nil }
        if may(.list, .read, .deleteLocks) { return .appendOnly }
        if may(.list, .read), mayNot(.deleteLocks) { return .noDelete }
        return mayNot(.list, .read, .deleteLocks) ? .writeOnly : nil
    }

    private func falseClaims(_ claim: RepositoryAccess) -> [Failure] {
        let needed: [AccessRight]
        let excluded: [AccessRight]
        switch claim {
        case .full: (needed, excluded) = ([.list, .read, .put, .deleteData, .deleteLocks], [])
        case .appendOnly: (needed, excluded) = ([.list, .read, .put], [.deleteData])
        case .writeOnly: (needed, excluded) = ([.put], [.list, .read, .deleteData, .deleteLocks])
        case .auto: (needed, excluded) = ([.put], [])
        }
        let lacking = needed.filter { report[$0] == .refused }
        let surplus = excluded.filter { report[$0] == .allowed }
        var failures: [Failure] = []
        if !surplus.isEmpty {
            failures.append(
                falsehood("the profile says `access: \(claim.rawValue)`, and the credential may \(words(surplus))"))
        }
        if !lacking.isEmpty {
            let said = claim == .auto ? "backups are to go there" : "the profile says `access: \(claim.rawValue)`"
            failures.append(falsehood("\(said), and the credential may not \(words(lacking))"))
        }
        return failures
    }

    private func falsehood(_ text: String) -> Failure {
        var hint = "correct the rights of the credential"
        if let effective, let access = RepositoryAccess(rawValue: effective.rawValue) {
            hint += ", or write `access: \(access.rawValue)`"
        }
        return Failure(text, hint: hint, kind: .badProfile)
    }

    /// restic takes locks to copy, and needs to list, to read, and to remove them again.
    private func impossibleMethod(_ method: FollowSpec.Method?) -> [Failure] {
        guard method != .mirror, !mayNot(.put) else { return [] }
        if mayNot(.deleteLocks) {
            return [
                Failure(
                    "the credential may not delete locks, so every command of restic would leave one behind, until "
                        + "none can work there any more",
                    hint: method == nil
                        ? "let it delete below locks/" : "write `by: mirror`, or let it delete below locks/",
                    kind: .badProfile)
            ]
        }
        guard mayNot(.list) || mayNot(.read) else { return [] }
        return [
            Failure(
                "restic cannot work with a credential that may not list and read",
                hint: method == nil ? "give it these rights" : "write `by: mirror`", kind: .badProfile)
        ]
    }

    private func whatAThiefCould() -> [String] {
        var sentences: [String] = []
        switch (report[.deleteData], report[.overwrite]) {
        case (.allowed, _):
            sentences.append(
                "A thief could delete every backup there, unless the place keeps versions that this credential "
                    + "cannot delete.")
        case (_, .allowed):
            sentences.append(
                "A thief could replace files of the backups with rubbish, which is as good as deleting them, unless "
                    + "the place keeps old versions.")
        case (.refused, .refused) where !mayNot(.put):
            sentences.append("A thief could add files until the place is full, and neither change nor remove any.")
        case (.refused, .unknown(let why)) where !mayNot(.put) && !may(.put):
            sentences.append(
                "A thief could remove nothing. Whether one could add or replace files could not be told: \(why).")
        case (.refused, _) where !mayNot(.put):
            sentences.append("A thief could add files until the place is full, and remove none.")
        case (.refused, _):
            sentences.append("A thief could neither add nor remove anything.")
        case (.unknown(let why), _):
            sentences.append("Whether a thief could delete backups could not be told: \(why).")
        }
        if may(.deleteLocks), !may(.deleteData) {
            sentences.append("A thief could remove the locks of those who are at work there.")
        }
        if may(.read) {
            sentences.append("A thief who has the repository's password too could read every backup.")
        } else if mayNot(.read) {
            sentences.append(
                may(.list)
                    ? "A thief could see names and sizes of the files, and read none." : "A thief could read nothing.")
        }
        return sentences
    }

    private func words(_ rights: [AccessRight]) -> String {
        let words = rights.map(\.words)
        guard words.count > 1, let last = words.last else { return words.first ?? "" }
        return words.dropLast().joined(separator: ", ") + " and " + last
    }
}
