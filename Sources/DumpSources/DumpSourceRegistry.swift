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
        CommandDump.kind,
    ]

    package static func make(_ spec: SourceSpec, _ services: Services) throws(SourceError) -> any DumpSource {
        guard let kind = kinds.first(where: { $0.descriptor.kind == spec.kind }) else {
            throw .unsupported("there is no kind of source called \(spec.kind)", hint: nil)
        }
        return try kind.make(spec, services)
    }
}
