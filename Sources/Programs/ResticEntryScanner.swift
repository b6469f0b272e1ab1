package import BackupModel

/// Reads what `restic ls --json` prints, some ten times as fast as a general decoder: a snapshot may have millions of lines.
/// - Source: https://restic.readthedocs.io/en/stable/075_scripting.html#ls, checked for 0.14.0, 0.18.0 and 0.19.1 (the key
///   `struct_type` is in all of them).
package enum ResticEntryScanner {
    package enum Line: Sendable, Equatable {
        case entry(SnapshotEntry)
        /// The head of the listing, or a kind of line that a later restic may add.
        case other
        /// Not JSON, or an entry without a path.
        case unreadable
    }

    package static func scan(_ bytes: UnsafeRawBufferPointer) -> Line {
        var cursor = JSONCursor(bytes)
        guard cursor.take(123) else { return cursor.isAtEnd ? .other : .unreadable }
        var path: JSONCursor.Text?
        var type: JSONCursor.Text?
        var modified: JSONCursor.Text?
        var size: Int64 = 0
        var isNode = false
        while !cursor.take(125) {
            guard let key = cursor.string(), cursor.take(58) else { return .unreadable }
            if cursor.equals(key, "path") {
                path = cursor.string()
            } else if cursor.equals(key, "type") {
                type = cursor.string()
            } else if cursor.equals(key, "mtime") {
                modified = cursor.string()
            } else if cursor.equals(key, "size") {
                guard let count = cursor.count() else { return .unreadable }
                size = count
            } else if cursor.equals(key, "struct_type") {
                guard let value = cursor.string() else { return .unreadable }
                isNode = cursor.equals(value, "node")
            } else if !cursor.skipValue() {
                return .unreadable
            }
            guard cursor.take(44) || cursor.peek() == 125 else { return .unreadable }
        }
        guard isNode else { return .other }
        guard let path, let type else { return .unreadable }
        return .entry(
            SnapshotEntry(
                path: cursor.decoded(path), type: entryType(type, cursor), size: size,
                modified: modified.map(cursor.decoded) ?? ""))
    }

    private static func entryType(_ text: JSONCursor.Text, _ cursor: JSONCursor) -> SnapshotEntry.EntryType {
        if cursor.equals(text, "file") { return .file }
        if cursor.equals(text, "dir") { return .directory }
        return cursor.equals(text, "symlink") ? .symlink : .other
    }
}
