package import BackupModel
import Foundation
import Programs

extension RsyncRepository {
    /// Where a part lies as it was: a folder, or a file.
    package func path(of part: ManifestPart) throws(RepositoryError) -> String {
        let place = try RsyncRuns(access: access).place(of: part.snapshot)
        guard case .part(let stored) = place.content else {
            throw .notFound(what: "a part in snapshot \(part.snapshot)")
        }
        return "\(access.folder.path)/\(place.folder)/\(stored.name)"
    }

    package func byHand(_ part: ManifestPart) async throws(RepositoryError) -> ManualRestore {
        let place = try RsyncRuns(access: access).place(of: part.snapshot)
        guard case .part(let stored) = place.content else {
            throw .notFound(what: "a part in snapshot \(part.snapshot)")
        }
        let folder = "\"$PLACE\"/" + ShellWord.quoted(place.folder)
        // The part's own lines: others may be damaged.
        let sums =
            "dd if=\(RsyncManifest.sumsName) iflag=skip_bytes,count_bytes skip=\(stored.offset) count=\(stored.length)"
            + " status=none"
        var lines: [String] = []
        if stored.content != .tree || stored.files > 0 {
            lines.append("(cd \(folder) && \(sums) | sha256sum --quiet -c -)")
        }
        let name = ShellWord.quoted(stored.name)
        var restore = ManualRestore(programs: ["sha256sum", "cp", "dd"], keys: [], lines: lines)
        if stored.content == .tree {
            restore.lines.append("cp -a \(folder)/\(name)/. \"$DIR\"")
            restore.lines.append("proven \"$DIR: every file had its digest when it was copied\"")
        } else {
            restore.lines.append("cp -a \(folder)/\(name) \"$FILE\"")
            restore.name = (stored.part as NSString).lastPathComponent
            restore.storedName = restore.name
        }
        return restore.opened(part)
    }
}
