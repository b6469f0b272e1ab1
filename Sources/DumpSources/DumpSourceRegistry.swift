package import BackupModel

/// One kind of source: its keys, and how it is made from them.
package struct DumpSourceKind: Sendable {
    package var descriptor: KindDescriptor
}

/// Every kind of source there is. A new kind is one file and one line here.
package enum DumpSourceRegistry {
    package static let kinds: [DumpSourceKind] = [
        DumpSourceKind(descriptor: FilesSettings.descriptor),
        DumpSourceKind(descriptor: SQLiteSettings.descriptor),
        DumpSourceKind(descriptor: PostgreSQLSettings.descriptor),
        DumpSourceKind(descriptor: CommandSettings.descriptor),
    ]
}
