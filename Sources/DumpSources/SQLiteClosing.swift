package import BackupModel
import Programs

/// Brings a database that nobody has open into its one file.
enum SQLiteClosing {
    static func close(_ path: String, _ services: Services) async throws(SourceError) -> Bool {
        var command = SQLiteShell.command(path, .existing, script: SQLiteShell.closeScript)
        command.limits.total = .seconds(600)
        let result = try await services.run(command)
        if result.stopped == .cancelled { throw .cancelled }
        // Whatever it said: what counts is that nothing lies beside it any more.
        return result.failure == nil
            && SQLiteCopier.sideFiles.allSatisfy { FileStatus.seen(path + $0) == nil }
    }
}

extension SQLiteDump {
    package func closeFile(at path: String) async throws(SourceError) -> Bool {
        try await SQLiteClosing.close(path, services)
    }
}

extension FilesSource {
    package func closeFile(at path: String) async throws(SourceError) -> Bool {
        try await SQLiteClosing.close(path, services)
    }
}

extension VolumeSource {
    package func closeFile(at path: String) async throws(SourceError) -> Bool {
        try await SQLiteClosing.close(path, services)
    }
}

extension GitUntrackedSource {
    package func closeFile(at path: String) async throws(SourceError) -> Bool {
        try await SQLiteClosing.close(path, services)
    }
}
