import BackupModel

/// Names of files in an archive repository.
enum ArchiveNames {
    /// A file's name without the stamp and its endings: `hermes`, `hermes-db-app.sql`.
    static func stem(
        _ name: String, source: SourceName, part: PartPath, content: ArchiveManifest.File.Content, main: SourceName?
    ) -> String {
        let last = part.rawValue.split(separator: "/").last.map(String.init) ?? ""
        switch content {
        case .tree where source == main: return RunNames.safe(name)
        case .tree: return RunNames.safe(name) + "-" + RunNames.safe(source.rawValue)
        case .dump, .file: return RunNames.safe(name) + "-" + RunNames.safe(source.rawValue) + "-" + RunNames.safe(last)
        }
    }

    static func endings(
        _ content: ArchiveManifest.File.Content, _ compression: ArchiveSettings.Compression,
        _ encryption: ArchiveSettings.Encryption
    ) -> String {
        (content == .tree ? ".tar." : ".") + compression.ending + "." + encryption.ending
    }
}
