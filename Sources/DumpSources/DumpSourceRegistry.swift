package import BackupModel

/// One kind of source: its keys, and how it is made from them.
package struct DumpSourceKind: Sendable {
    package var descriptor: KindDescriptor
    package var make: @Sendable (SourceSpec, Services) throws(SourceError) -> any DumpSource

    package init(
        descriptor: KindDescriptor,
        make: @escaping @Sendable (SourceSpec, Services) throws(SourceError) -> any DumpSource
    ) {
        self.descriptor = descriptor
        self.make = make
    }
}

/// Every kind of source there is. A new kind is one file and one line here.
package enum DumpSourceRegistry {
    package static let kinds: [DumpSourceKind] = [
        FilesSource.kind,
        VolumeSource.kind,
        GitUntrackedSource.kind,
        SQLiteDump.kind,
        PostgreSQLDump.kind,
        MySQLDump.kind,
        CommandDump.kind,
    ]

    package static func make(_ spec: SourceSpec, _ services: Services) throws(SourceError) -> any DumpSource {
        let source = try plain(spec, services)
        return spec.entry["encrypt"] == nil ? source : EncryptedSource(source, services, identity: nil)
    }

    /// What puts a part back, whether it was encrypted or not, and whatever the profile says of that now.
    /// - Parameter identity: what decrypts it, in place of the profile's.
    package static func restorer(
        _ part: ManifestPart, _ spec: SourceSpec, _ services: Services, identity: SecretReference?
    ) throws(SourceError) -> any DumpSource {
        let source = try plain(spec, services)
        return part.encryption == nil ? source : EncryptedSource(source, services, identity: identity)
    }

    private static func plain(_ spec: SourceSpec, _ services: Services) throws(SourceError) -> any DumpSource {
        guard let kind = kinds.first(where: { $0.descriptor.kind == spec.kind }) else {
            throw .unsupported("there is no kind of source called \(spec.kind)", hint: nil)
        }
        return try kind.make(spec, services)
    }
}
