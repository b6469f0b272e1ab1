import BackupModel
import Digests
import Foundation
import Programs
import Synchronization

/// What every operation of one rsync repository needs: its folder and the programs.
final class RsyncAccess: Sendable {
    let settings: RsyncSettings
    let services: Services
    let folder: RsyncFolder
    let own: OwnStreams
    private let cacheFolder: String
    private let counter = Atomic<Int>(0)
    /// Names that this process is using or has used, by the folder of their run.
    let reserved = ReservedNames()
    private let version = AskedOnce<String>()

    init(_ settings: RsyncSettings, _ services: Services, cacheFolder: String) {
        self.settings = settings
        self.services = services
        self.cacheFolder = cacheFolder
        folder = RsyncFolder(path: settings.folder)
        own = OwnStreams(program: services.program)
    }

    var location: String { settings.folder }
    var starts: Int { counter.load(ordering: .relaxed) }
    func countStarts(_ count: Int) { counter.add(count, ordering: .relaxed) }

    func requirePlace() throws(RepositoryError) {
        try settings.requiredMount?.require(for: settings.folder, location: location, services.host)
    }

    /// For small files that a program takes by name.
    func scratch() throws(RepositoryError) -> String {
        let path = "\(cacheFolder)/rsync"
        do throws(SystemFailure) {
            try SystemFolder.makePrivate(path)
        } catch {
            throw .unsupported("the folder \(error.path) cannot be made: \(error.reason)")
        }
        return path
    }

    /// The version of rsync, which is new enough.
    func rsyncVersion() async throws(RepositoryError) -> String {
        try await version.value { () throws(RepositoryError) in
            self.countStarts(1)
            var command = ToolCommand("rsync", ["--version"])
            command.limits.total = .seconds(20)
            let result = try await self.services.runner.end(of: command)
            guard result.didItsWork, let version = Rsync.version(result.output.text) else {
                throw .toolFailed(
                    tool: "rsync", how: result.termination.description,
                    detail: "it does not tell its version: \(result.lastWords)")
            }
            guard !Rsync.isTooOld(version) else {
                throw .toolTooOld(tool: "rsync", version: version, needed: Rsync.oldest)
            }
            return version
        }
    }

    func prepared(_ command: ToolCommand) -> ToolCommand {
        var command = command
        command.niceness = services.settings.niceness
        return command
    }

    /// Runs rsync; how it ended is for the caller to judge, unless it was stopped.
    func run(_ command: ToolCommand, reading reader: (any LineReader)? = nil) async throws(RepositoryError)
        -> ToolResult
    {
        guard !Task.isCancelled else { throw .cancelled }
        countStarts(1)
        let result: ToolResult
        do throws(ToolError) {
            result = try await services.runner.run(prepared(command), reading: reader)
        } catch {
            throw .tool(error)
        }
        switch result.stopped {
        case .cancelled: throw .cancelled
        case .totalLimit, .stallLimit: throw .timedOut(tool: command.name, limit: "its time limit")
        case .pipelineFailed, nil: return result
        }
    }

    func pipe(_ stages: [ToolCommand], refusingEmpty: Bool = true) async throws(RepositoryError) -> PipelineResult {
        guard !Task.isCancelled else { throw .cancelled }
        countStarts(stages.count)
        do throws(ToolError) {
            return try await services.runner.pipeline(stages.map(prepared), refusingEmpty: refusingEmpty, reading: nil)
        } catch {
            throw .tool(error)
        }
    }

    /// A failure of the system while a tree was written or read.
    func error(_ failure: SystemFailure) -> RepositoryError {
        switch failure.code {
        case ECANCELED: .cancelled
        case EINVAL:
            .damaged(location: location, detail: "\(failure.path): it is not the list of digests that was written")
        default: folder.repositoryError(failure)
        }
    }

    func full(_ detail: String) -> RepositoryError {
        let room = services.host.room(at: location)
        return .full(location: location, detail: detail + RestorePlace.withoutInodes(room), free: room?.free)
    }

    static func id(_ words: [String]) throws(RepositoryError) -> String {
        do throws(DigestError) {
            return try SHA256.digest(of: Array(words.joined(separator: "\n").utf8)).description
        } catch {
            throw .unsupported(error.description)
        }
    }
}
