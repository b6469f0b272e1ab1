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
        let folder = "\"$FROM\"/" + ShellWord.quoted(place.folder)
        let target = "\"$TARGET\"/" + ShellWord.quoted(part.source.rawValue)
        // The part's own lines: others may be damaged.
        let sums =
            "dd if=\(RsyncManifest.sumsName) iflag=skip_bytes,count_bytes skip=\(stored.offset) count=\(stored.length)"
            + " status=none"
        var lines = ["mkdir -p \(target)"]
        if stored.content != .tree || stored.files > 0 {
            lines.insert("(cd \(folder) && \(sums) | sha256sum --quiet -c -)", at: 0)
        }
        let name = ShellWord.quoted(stored.name)
        if stored.content == .tree {
            lines.append("cp -a \(folder)/\(name)/. \(target)")
        } else {
            let own = ShellWord.quoted((stored.part as NSString).lastPathComponent)
            lines.append("cp -a \(folder)/\(name) \(target)/\(own)")
        }
        return ManualRestore(programs: ["sha256sum", "cp"], keys: [], lines: lines).opening(part)
    }
}
