import BackupModel
import Foundation
import Synchronization

/// Compares what a kit's lines brought back with the manifest and the repository, apart from what the lines say themselves.
struct KitProof: Sendable {
    let engine: Engine
    /// The kit's `$TARGET`.
    let folder: String
    /// What the lines say of the part.
    let said: [String]

    init(_ engine: Engine, folder: String, said: [String]) {
        self.engine = engine
        self.folder = folder
        self.said = said
    }

    func proof(of part: Kit.Part) async -> KitRehearsal.Proof {
        var proof = KitRehearsal.Proof(part: part.part, proofs: [], unproven: [])
        do {
            let report = try await compare(part)
            proof.proofs = report.proofs
            proof.unproven = report.unproven
        } catch {
            proof.failure = RunRecorder.failure(of: error)
        }
        return proof
    }

    private func compare(_ part: Kit.Part) async throws -> RestoreReport {
        let manifest = part.part
        let place = "\(folder)/\(manifest.source)"
        guard let name = part.restore.name else {
            if manifest.encryption != nil {
                guard !isSealed(part, at: place) else { return unopened(place, manifest) }
            }
            return try await compareTree(manifest, at: place)
        }
        let path = "\(place)/\(name)"
        guard let size = size(of: path) else {
            if manifest.encryption != nil, isSealed(part, at: place) { return unopened(place, manifest) }
            throw Failure("\(manifest.title) did not come back", kind: .unproven)
        }
        let bytes = manifest.encryption?.bytes ?? manifest.bytes
        guard size == bytes.bytes else {
            throw Failure("\(manifest.title) came back with \(size) bytes instead of \(bytes.bytes)", kind: .unproven)
        }
        var report = try await engine.restorer(manifest).prove(manifest, at: path)
        report.proofs.insert("\(bytes.bytes) bytes", at: 0)
        return report
    }

    /// As the lines that open a tree say it.
    private static let digests = "every file has its digest"

    private func unopened(_ place: String, _ part: ManifestPart) -> RestoreReport {
        RestoreReport(place: place, bytes: part.bytes, proofs: [], unproven: ["what is inside: \(KitWords.unopened)"])
    }

    /// The encrypted file is still there.
    private func isSealed(_ part: Kit.Part, at place: String) -> Bool {
        part.restore.storedName.map { size(of: "\(place)/\($0)") != nil } ?? false
    }

    private func size(of path: String) -> Int64? {
        guard let found = try? FileManager.default.attributesOfItem(atPath: path),  // what did not come back has no size
            found[.type] as? FileAttributeType == .typeRegular
        else { return nil }
        return (found[.size] as? NSNumber)?.int64Value
    }

    private func hasOtherNames(_ path: String) -> Bool {
        let found = try? FileManager.default.attributesOfItem(atPath: path)  // unseen: taken for a file with one name
        return ((found?[.referenceCount] as? NSNumber)?.intValue ?? 1) > 1
    }

    /// Every file that the repository lists must be there, as large as it was; what each holds is what the sheet's own lines
    /// compare, by digests.
    private func compareTree(_ part: ManifestPart, at place: String) async throws -> RestoreReport {
        if let encryption = part.encryption {
            // The repository knows one sealed file, and nothing of what is in it.
            let word = "/\(part.source): \(KitProof.digests)"
            guard said.contains(where: { $0.hasPrefix("proven: ") && $0.hasSuffix(word) }) else {
                throw Failure(
                    "\(part.title): the sheet does not say that \(KitProof.digests), and nothing else is known of them",
                    hint: "make the sheet again: holdfast kit", kind: .unproven)
            }
            return RestoreReport(
                place: place, bytes: part.bytes, files: encryption.files,
                proofs: ["\(KitProof.digests), by the sheet's own line"])
        }
        // One after the other: there may be millions.
        let tally = Mutex(Tally())
        try await engine.primary.reader(for: part.snapshot).entries { entry in
            guard entry.type == .file else { return }
            tally.withLock { compare(entry, at: place, &$0) }
        }
        let found = tally.withLock { $0 }
        if let failure = found.failure { throw Failure("\(part.title): \(failure)", kind: .unproven) }
        guard found.files > 0 else {
            return RestoreReport(
                place: place, bytes: part.bytes, files: 0,
                proofs: found.unnameable == 0 ? ["it holds no file, as when it was backed up"] : [],
                unproven: found.unnameable == 0 ? [] : ["its files, whose names are not UTF-8"])
        }
        return RestoreReport(
            place: place, bytes: ByteCount(found.bytes), files: found.files,
            proofs: [
                "\(Words.count(found.files, "file")), \(found.bytes) bytes, all that the repository lists"
                    + (found.unnameable == 0
                        ? ""
                        : " but \(found.unnameable) whose \(found.unnameable == 1 ? "name is" : "names are") not UTF-8")
            ])
    }

    private struct Tally {
        /// What names in the tree begin with that is not there below the folder it came back in.
        var base: String?
        var files: Int64 = 0
        var bytes: Int64 = 0
        /// Whose names are not UTF-8, so that the listing does not have them.
        var unnameable = 0
        /// The first.
        var failure: String?
    }

    private func compare(_ file: SnapshotEntry, at place: String, _ tally: inout Tally) {
        guard tally.failure == nil else { return }
        if file.path.unicodeScalars.contains("\u{FFFD}") {
            tally.unnameable += 1
            return
        }
        if tally.base == nil {
            tally.base = bases(of: file.path).first { size(of: place + file.path.dropFirst($0.count)) != nil }
        }
        guard let base = tally.base, file.path.hasPrefix(base),
            let size = size(of: place + file.path.dropFirst(base.count))
        else {
            tally.failure = "\(file.path) did not come back"
            return
        }
        // Further names of a file are listed without its size where they are stored as links.
        guard size == file.size || file.size == 0 && hasOtherNames(place + file.path.dropFirst(base.count)) else {
            tally.failure = "\(file.path) came back with \(size) bytes instead of \(file.size)"
            return
        }
        tally.files += 1
        tally.bytes += size
    }

    /// `""`, `/opt`, `/opt/app`
    private func bases(of path: String) -> [String] {
        var bases: [String] = []
        var base = (path as NSString).deletingLastPathComponent
        while base.count > 1 {
            bases.append(base)
            base = (base as NSString).deletingLastPathComponent
        }
        return [""] + bases.reversed()
    }
}
