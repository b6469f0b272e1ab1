import BackupModel

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A database server of our own that lives as long as one proof: nobody reaches it over a network, and all that it has is in a
/// folder that goes with it.
struct ThrowawayServer: Sendable {
    /// Why there can be none here.
    struct Obstacle: Error {
        var what: String
        var remedy: String
    }

    let services: Services
    /// Makes its data folder.
    let create: ToolCommand
    let serve: ToolCommand
    /// The number of its process, once it takes connections.
    let ready: @Sendable () async -> Int32?
    /// Ends it quickly; where that fails, the end of the conversation ends it.
    let stop: @Sendable (Int32) async -> Void

    private static let patience = Duration.seconds(120)

    /// Starts it, and ends it when `body` is done, however that is.
    func whileUp<Value: Sendable>(
        _ body: @escaping @Sendable (_ process: Int32) async throws -> Value
    ) async throws(SourceError) -> Value {
        _ = try await services.succeed(create)
        do {
            return try await services.runner.converse(with: services.prepared(serve)) { talk in
                let process = try await process(talk)
                let result: Result<Value, any Error>
                do { result = .success(try await body(process)) } catch { result = .failure(error) }
                // Also when we are being cancelled.
                await Task { await stop(process) }.value
                return try result.get()
            }
        } catch let error as SourceError {
            throw error
        } catch let error as ToolError {
            throw .tool(error)
        } catch is CancellationError {
            throw .cancelled
        } catch {
            if Task.isCancelled { throw .cancelled }
            throw .toolFailed(tool: baseName(serve.program), how: "\(error)", detail: "")
        }
    }

    private func process(_ talk: any Conversation) async throws -> Int32 {
        let end = services.clock.uptime + ThrowawayServer.patience
        while services.clock.uptime < end {
            if Task.isCancelled { throw SourceError.cancelled }
            if let process = await ready() { return process }
            do {
                // It says nothing there; that it ends is told at once.
                guard try await talk.nextLine(within: .milliseconds(30)) == nil else { continue }
            } catch ToolError.conversationEnded { continue }
            throw SourceError.toolFailed(
                tool: baseName(serve.program), how: "it ended before it took connections",
                detail: tellingEnd(of: talk.diagnostics))
        }
        throw SourceError.timedOut(tool: baseName(serve.program), limit: inWords(ThrowawayServer.patience))
    }
}

extension Services {
    /// Whom a server runs as that refuses root: somebody who owns nothing, and above all no database.
    func unprivilegedUser() throws(SourceError) -> UserIdentity? {
        guard host.effectiveUserID == 0 else { return nil }
        guard let nobody = host.user(named: "nobody"), nobody.uid != 0 else {
            throw .missing(
                "the user nobody", hint: "a database server refuses to run as root: run the drill as another user")
        }
        return nobody
    }

    /// A folder for a server: private to whom it runs as. It may lie on another disk than what is restored.
    func serverFolder(
        _ request: ProofRequest, _ user: UserIdentity?, room: ByteCount
    ) async throws(SourceError) -> String {
        let base = user == nil ? request.restore.directory : try await request.openFolder()
        try checkRoom(for: room, at: base)
        return try serverFolder(below: base, user)
    }

    func serverFolder(below base: String, _ user: UserIdentity?) throws(SourceError) -> String {
        let path = "\(base)/server-\(String(UInt32.random(in: 0x1000_0000...UInt32.max), radix: 16))"
        do throws(SystemError) { try System.createFolder(path) } catch {
            throw .unreadable(path, reason: "it cannot be made: \(error)")
        }
        if let user, chown(path, user.uid, user.gid) != 0 {
            throw .unreadable(path, reason: "it cannot be given to \(user.name): \(SystemError(errno))")
        }
        return path
    }

    /// What resists goes with the working folder that it is in.
    func removeServerFolder(_ path: String) { System.removeTree(path) }

    /// By way of a process, whose working folder has its socket: its own path may be too long for one.
    static func workingFolder(of process: Int32) -> String { "/proc/\(process)/cwd" }
}
