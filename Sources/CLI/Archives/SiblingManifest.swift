import BackupModel
import Foundation

/// The document beside an archive that says what its SHA-256 is: ours, or that of a script, which has the digest under some key that
/// ends in `sha256`.
struct SiblingManifest {
    let path: String
    /// Made by Holdfast.
    let isOurs: Bool
    let text: [UInt8]
    private let digests: Set<String>

    private static let sizeLimit = 64 << 20

    /// - Returns: `nil` when there is none.
    /// - Throws: ``Failure`` when there is one that says nothing of the archive.
    static func beside(_ archive: String, stem: String) throws(Failure) -> SiblingManifest? {
        let (folder, name) = (
            URL(fileURLWithPath: archive).deletingLastPathComponent().path,
            URL(fileURLWithPath: archive).lastPathComponent
        )
        for candidate in ["\(folder)/\(stem).json", "\(folder)/\(name).json"] {
            guard let file = FileHandle(forReadingAtPath: candidate) else {
                guard access(candidate, F_OK) != 0, errno == ENOENT else {
                    throw Failure("the manifest \(candidate) cannot be read", kind: .notPermitted)
                }
                continue
            }
            let bytes: Data
            do { bytes = try file.read(upToCount: sizeLimit + 1) ?? Data() } catch {
                throw Failure("the manifest \(candidate) cannot be read: \(error.localizedDescription)")
            }
            guard bytes.count <= sizeLimit else {
                throw Failure("the manifest \(candidate) is far too large to be one", kind: .damaged)
            }
            return try SiblingManifest(candidate, bytes, of: name)
        }
        return try ofRun(in: folder, naming: name)
    }

    /// One of ours that is called otherwise: a run's manifest bears the name of its main tree, and speaks for all files beside it.
    private static func ofRun(in folder: String, naming name: String) throws(Failure) -> SiblingManifest? {
        // Where the folder cannot be listed, nothing is found, and what is not verified is said.
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        for candidate in names.sorted() where candidate.hasSuffix(".json") {
            let path = "\(folder)/\(candidate)"
            // One that went meanwhile, or that may not be read, is as good as absent.
            guard let size = (try? FileManager.default.attributesOfItem(atPath: path))?[.size] as? Int,
                size <= sizeLimit, let bytes = FileManager.default.contents(atPath: path),
                // Any other document that lies there says nothing of the archive.
                let document = try? JSONSerialization.jsonObject(with: bytes) as? [String: Any],
                (document["format"] as? String)?.hasPrefix("holdfast") == true,
                let files = document["files"] as? [[String: Any]],
                files.contains(where: { $0["name"] as? String == name })
            else { continue }
            return try SiblingManifest(path, bytes, of: name)
        }
        return nil
    }

    init(_ path: String, _ bytes: Data, of archive: String) throws(Failure) {
        self.path = path
        text = Array(bytes)
        let hint = "without the manifest nothing could be verified; to restore all the same, move it elsewhere"
        let document: [String: Any]
        do {
            guard let object = try JSONSerialization.jsonObject(with: bytes) as? [String: Any] else {
                throw CocoaError(.coderReadCorrupt)
            }
            document = object
        } catch {
            throw Failure("the manifest \(path) is damaged: it is no JSON object", hint: hint, kind: .damaged)
        }
        isOurs = (document["format"] as? String)?.hasPrefix("holdfast") == true
        let entries = document["files"] as? [[String: Any]] ?? []
        if let entry = entries.first(where: { $0["name"] as? String == archive }) {
            digests = SiblingManifest.digests(in: entry)
        } else if isOurs {
            // Ours name each file: an older pair under newer names is no newer one.
            throw Failure(
                "the manifest \(path) speaks of other files, \(document["archive"] as? String ?? "of none") for one, and not of "
                    + archive, hint: "give both the names that they were made with", kind: .damaged)
        } else {
            digests = SiblingManifest.digests(in: document)
        }
        guard !digests.isEmpty else {
            throw Failure("the manifest \(path) has no SHA-256 of \(archive)", hint: hint, kind: .damaged)
        }
    }

    func agrees(with digest: String) -> Bool { digests.contains(digest) }

    /// Of this object, and of objects in it, for scripts put it where they like.
    private static func digests(in object: [String: Any], depth: Int = 0) -> Set<String> {
        var found: Set<String> = []
        for (key, value) in object {
            if key.lowercased().hasSuffix("sha256"), let text = (value as? String)?.lowercased(), isDigest(text) {
                found.insert(text)
            } else if depth < 2, key != "files", let inner = value as? [String: Any] {
                found.formUnion(digests(in: inner, depth: depth + 1))
            }
        }
        return found
    }

    private static func isDigest(_ text: String) -> Bool {
        text.utf8.count == 64 && text.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
    }
}
