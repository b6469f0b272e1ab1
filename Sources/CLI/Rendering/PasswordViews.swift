import BackupEngine
import BackupModel
import Foundation

/// Keys of repositories, and what became of them.
enum PasswordViews {
    static func lines(_ keys: [RepositoryKey], of engine: Engine, _ pin: RepositoryPin?) -> [String] {
        ["\(engine.primary.spec.name): \(Words.count(keys.count, "password"))"]
            + keys.map { key in
                "  key \(key.id.prefix(8)) made by \(key.user)@\(key.host)"
                    + (key.created.map { " on \(Format.time($0))" } ?? "")
                    + (key.isOurs ? "  (the one in use)" : "")
                    + (pin?.identity.keyIDs.contains(key.id) == false ? "  NEW: nobody added it here" : "")
                    + (pin?.keyChange?.old == key.id ? "  (to be removed)" : "")
            }
    }

    static func document(_ keys: [RepositoryKey], of engine: Engine, _ pin: RepositoryPin?) -> JSONValue {
        .object([
            ("repository", .string(engine.primary.spec.name.rawValue)),
            (
                "keys",
                .array(
                    keys.map { key in
                        .object([
                            ("id", .string(key.id)), ("user", .string(key.user)), ("host", .string(key.host)),
                            ("created", JSONValue(key.created)), ("inUse", JSONValue(key.isOurs)),
                            ("pinned", JSONValue(pin?.identity.keyIDs.contains(key.id) ?? false)),
                        ])
                    })
            ),
        ])
    }

    static func document(_ report: KeyRotation.Report, waiting: Bool) -> JSONValue {
        .object([
            ("place", .string(report.place.description)), ("file", .string(report.file)),
            ("previous", JSONValue(report.previous)), ("waiting", JSONValue(waiting)),
            (
                "repositories",
                .array(
                    report.repositories.map { changed in
                        .object([
                            ("repository", .string(changed.repository.rawValue)), ("old", JSONValue(changed.old)),
                            ("new", .string(changed.new)), ("oldRemoved", JSONValue(changed.isOldRemoved)),
                            ("refusal", changed.refusal.map(RunViews.failure) ?? .null),
                        ])
                    })
            ),
        ])
    }

    /// What was put right before a key was touched.
    static func tellNotices(_ report: KeyRotation.Report, _ console: Console) {
        for notice in report.repositories.flatMap(\.notices) { console.say("note: \(Console.harmless(notice))") }
    }

    /// - Parameter mirrors: of the profile.
    static func tell(_ report: KeyRotation.Report, mirrors: [RepositorySpec], _ console: Console) {
        let names = report.repositories.map(\.repository.rawValue).joined(separator: ", ")
        if report.isWaiting {
            console.print(
                """
                \(names): the new password is in \(report.file), and opens it beside the old one.
                Now put it where \(report.place) comes from, then remove the old key:
                  holdfast key rotate \(report.repositories[0].repository) --finish
                """)
            return
        }
        for changed in report.repositories {
            let old = changed.old.map { String($0.prefix(8)) } ?? ""
            console.print(
                changed.isOldRemoved
                    ? "\(changed.repository): has key \(changed.new.prefix(8)) now; key \(old) is gone, and the old password opens "
                        + "nothing there any more"
                    : "\(changed.repository): has key \(changed.new.prefix(8)) now; THE OLD KEY \(old) STAYS, and the old password "
                        + "still opens it: \(changed.refusal?.description ?? "it could not be removed")")
        }
        if let previous = report.previous {
            console.print("The new password is in \(report.file), the old one in \(previous).")
        }
        console.print(
            "Keep a copy of the new password somewhere else, and print the kit anew: without it nothing can be restored."
        )
        let leaders = Set(report.repositories.map(\.repository))
        for mirror in mirrors where mirror.follow.map({ leaders.contains($0.leader) }) == true {
            console.print(
                """
                \(mirror.name) is a mirror: it opens with the old password alone until its next feed brings the new key, and with both
                from then on, for nobody removes anything there. Keep the old password for its closed generations.
                """)
        }
        console.print(
            """
            What a new password cannot do: the repository's own key is the same. Whoever kept a copy of the old key file and knows
            the old password can still open all of it, also what is stored from now on. Is the old password in wrong hands, and the
            key file too? Then make a new repository and copy what is worth keeping; see docs/keys.md.
            """)
    }
}
