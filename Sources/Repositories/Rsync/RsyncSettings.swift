package import BackupModel
import Foundation

/// What a profile says about a tree of hard links.
package struct RsyncSettings: Sendable, Equatable {
    /// Absolute.
    package var folder: String
    /// Files are compared by what is in them.
    package var comparesContents: Bool
    package var requiredMount: RequiredMount?
    package var mustBeOffSourceDevice: Bool

    /// - Throws: ``RepositoryError/unsupported(_:)`` naming the key that is missing or cannot be used.
    package init(_ spec: RepositorySpec) throws(RepositoryError) {
        let entry = spec.entry
        if let problem = RsyncSettings.problem(of: entry) {
            throw .unsupported("repository \(spec.name): \(problem.message)")
        }
        let base = (entry.location.file as NSString).deletingLastPathComponent
        guard let folder = entry["rsync"]?.text.flatMap({ ResticLocation($0, relativeTo: base) })?.folder, folder != "/"
        else { throw .unsupported("repository \(spec.name) has no folder: write its path under `rsync:`") }
        self.folder = folder
        comparesContents = entry["checksum"]?.boolean ?? false
        requiredMount = RequiredMount(entry["must-be-mounted"])
        mustBeOffSourceDevice = entry["other-device-than-sources"]?.boolean ?? false
    }

    package static let descriptor = KindDescriptor(
        kind: "rsync",
        summary:
            "Plain folders on a disk of this machine, one for each run: every one looks like the whole, and files that did "
            + "not change are hard links to those of the run before. Not encrypted.",
        shape: .string,
        siblingKeys: [
            KeyDescriptor(
                "checksum", .boolean,
                "Compares files by what is in them, which reads all of them on both sides, instead of by size and time.",
                default: "false"),
            KeyDescriptor(
                "must-be-mounted", .either([.boolean, .path]),
                "Refuses to work unless a disk is mounted at or above the repository's folder, or at the path given."),
            KeyDescriptor(
                "other-device-than-sources", .boolean,
                "Refuses to work when the repository lies on the disk that it backs up.", default: "false"),
        ],
        example: """
            rsync: /mnt/backup-drive/ripple-env
            must-be-mounted: true
            other-device-than-sources: true
            """,
        note:
            "what is stored there is not encrypted: whoever holds the disk reads it; give sources with secrets `encrypt:`, or "
            + "use `restic` or `archive`",
        cannotLead: "nothing can be fed from an rsync repository; give the other one a profile of its own",
        check: { entry in problem(of: entry).map { [$0] } ?? [] })

    /// What the shapes of the keys do not say.
    private static func problem(of entry: ConfigValue) -> ConfigProblem? {
        let place = entry["rsync"]?.location ?? entry.location
        if let follows = entry["follows"] {
            return ConfigProblem(
                at: follows.location, keyPath: "follows",
                message:
                    "an rsync repository follows no other: it takes backups itself. For a copy of another repository use a "
                    + "repository of that kind; for trees beside it, a profile of their own")
        }
        guard let text = entry["rsync"]?.text, !text.isEmpty else { return nil }
        let head = text.prefix { $0 != "/" }
        if head.contains(":") {
            return ConfigProblem(
                at: place, keyPath: "rsync",
                message:
                    "`\(text)` is an address, and this kind needs a folder of this machine: hard links are made by its file "
                    + "system. Mount a disk and name its folder; for another machine use `restic: sftp:…`")
        }
        return nil
    }
}
