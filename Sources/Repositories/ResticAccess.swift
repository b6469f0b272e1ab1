import BackupModel
import Digests
import Foundation
import Programs
import Synchronization

/// Starts restic for one repository: asks once for version and secrets, counts the starts, waits for locks, and turns every
/// bad end into one error.
final class ResticAccess: Sendable {
    let settings: ResticSettings
    let services: Services
    /// For programs that speak to the backend beside restic.
    let server: ServerAccess
    /// The repository's folder where it is one of this machine.
    let folder: ResticFolder?
    private let cacheFolder: String
    private let counter = Atomic<Int>(0)
    private let generated = Mutex<String?>(nil)
    private let flatSnapshots = Mutex<[SnapshotID: Bool]>([:])
    private let ready = AskedOnce<Restic>()

    init(_ settings: ResticSettings, _ services: Services, cacheFolder: String) {
        self.settings = settings
        self.services = services
        self.cacheFolder = cacheFolder
        folder = settings.location.folder.map(ResticFolder.init)
        server = ServerAccess(
            location: settings.location.text, services: services, secretVariables: settings.secretVariables,
            plainVariables: settings.plainVariables, options: settings.tuning.options,
            certificates: settings.tuning.certificates, cacheFolder: cacheFolder)
    }

    var location: String { settings.location.text }
    /// False where no lock can be written, and so nothing else either, and in a mirror, from which nobody removes anything:
    /// reading goes on without one.
    var canLock: Bool {
        if settings.isMirror { return false }
        // Why it cannot be written to is told by what writes.
        return folder.map { (try? $0.requireWritable()) != nil } ?? true
    }
    var starts: Int { counter.load(ordering: .relaxed) }
    func countStart() { counter.add(1, ordering: .relaxed) }

    /// Whether a snapshot is known to hold its stream under a flat name (``ResticPartName``).
    func isStoredFlat(_ snapshot: SnapshotID) -> Bool? { flatSnapshots.withLock { $0[snapshot] } }
    func rememberStoredFlat(_ snapshot: SnapshotID, _ isFlat: Bool) {
        flatSnapshots.withLock { $0[snapshot] = isFlat }
    }

    // MARK: - What every command needs

    /// The program, its version and the secrets. Asked for once, also when several parts are stored at the same time;
    /// after a failure the next caller asks anew.
    func restic() async throws(RepositoryError) -> Restic {
        try await ready.value { () throws(RepositoryError) in try await self.prepare() }
    }

    private func prepare() async throws(RepositoryError) -> Restic {
        let version = try await version()
        let ownCache = try server.privateFolder("restic-" + fingerprint())
        var restic = Restic(
            program: settings.program, location: location, version: version, cache: .folder(ownCache))
        restic.tuning = settings.tuning
        restic.tuning.uploadLimit = services.settings.uploadLimit
        restic.tuning.downloadLimit = services.settings.downloadLimit
        restic.niceness = services.settings.niceness
        restic.environment = settings.plainVariables
        restic.secrets = [.memoryFile(variable: "RESTIC_PASSWORD_FILE", try await password())]
        for (name, reference) in settings.secretVariables.sorted(by: { $0.key < $1.key }) {
            restic.secrets.append(.environment(variable: name, try await secret(reference)))
        }
        if let credential = settings.restCredential {
            let user = if let reference = credential.user { try await text(of: reference) } else { credential.userText }
            guard let address = settings.location.rest(user: user, password: try await text(of: credential.password))
            else { throw .unsupported("\(location) is no address of a REST server without a name in it") }
            restic.locationWithPassword = Secret(address)
        }
        return restic
    }

    private func text(of reference: SecretReference) async throws(RepositoryError) -> String {
        String(decoding: try await secret(reference).reveal(for: .childProcess), as: UTF8.self)
    }

    /// Where the profile names a variable that is empty, the file that a new password was written to.
    private func password() async throws(RepositoryError) -> Secret {
        do throws(RepositoryError) {
            return try await secret(settings.password)
        } catch {
            guard let file = settings.newPasswordFile, isMissing(error), FileManager.default.fileExists(atPath: file)
            else { throw error }
            return try await secret(.file(file))
        }
    }

    /// Where the password is kept now, by the profile and by what is there.
    func keptPassword() async -> SecretReference {
        do { return try await passwordPlace() } catch { return settings.password }
    }

    /// Where ``password()`` has it from.
    func passwordPlace() async throws(RepositoryError) -> SecretReference {
        guard let file = settings.newPasswordFile, settings.password != .file(file) else { return settings.password }
        do throws(RepositoryError) {
            _ = try await secret(settings.password)
        } catch {
            guard isMissing(error), FileManager.default.fileExists(atPath: file) else { throw error }
            return .file(file)
        }
        return settings.password
    }

    private func isMissing(_ error: RepositoryError) -> Bool {
        switch error {
        case .secret(.missing), .secret(.empty(.environment)): true
        default: false
        }
    }

    /// Names this repository's cache: two copies of one repository must never share it.
    private func fingerprint() throws(RepositoryError) -> String {
        do throws(DigestError) {
            return String(try SHA256.digest(of: Array(location.utf8)).description.prefix(16))
        } catch {
            throw .unsupported(error.description)
        }
    }

    /// Asks the server, where it is one that can be asked, whether it can be used.
    /// - Returns: false where there is not even a bucket.
    /// - Throws: ``RepositoryError/denied(location:detail:)`` or ``RepositoryError/unreachable(location:detail:)``, in the server's
    ///   own words. What it says of the repository is left to restic.
    func greet() async throws(RepositoryError) -> Bool {
        guard services.runner.locate("curl") != nil, let request = try await greeting() else { return true }
        var pauses: [Duration] = [.seconds(1), .seconds(4)]
        while true {
            let said = try await services.runner.end(of: request.command()).output.text
            switch ServerGreeting(CurlRequest.answer(said)) {
            case .fine: return true
            case .noBucket: return false
            case .refused(let how): throw .denied(location: location, detail: how)
            case .unreachable(let how):
                guard !pauses.isEmpty else { throw .unreachable(location: location, detail: how) }
                do {
                    try await services.clock.sleep(for: pauses.removeFirst())
                } catch {
                    throw .cancelled
                }
            }
        }
    }

    private func greeting() async throws(RepositoryError) -> CurlRequest? {
        let url: String
        let credential: CurlRequest.Credential
        if let address = S3Address(location) {
            guard server.hasS3Key, try await server.curl()?.canSign == true else { return nil }
            url = address.url(of: "config")
            credential = .s3(try await server.s3Credential(for: address), digest: S3Credential.digestOfNothing)
        } else if location.hasPrefix("rest:http") {
            let base = location.dropFirst("rest:".count)
            url = base + (base.hasSuffix("/") ? "" : "/") + "config"
            credential =
                if let own = try await restCredential() {
                    .password(user: own.user, password: own.password)
                } else { .anonymous }
        } else {
            return nil
        }
        var request = CurlRequest(.get, url, credential)
        request.certificates = settings.tuning.certificates
        return request
    }

    /// A REST server's user and password; `nil` where the profile names none.
    func restCredential() async throws(RepositoryError) -> (user: Secret, password: Secret)? {
        guard let credential = settings.restCredential else { return nil }
        let user =
            if let reference = credential.user { try await secret(reference) } else { Secret(credential.userText) }
        return (user, try await secret(credential.password))
    }

    func secret(_ reference: SecretReference) async throws(RepositoryError) -> Secret {
        try await services.secret(reference)
    }

    /// Whether the password is one that is yet to be made, with the repository.
    func lacksNewPassword() async throws(RepositoryError) -> Bool {
        guard settings.newPasswordFile != nil else { return false }
        do throws(RepositoryError) {
            _ = try await password()
            return false
        } catch {
            guard isMissing(error) else { throw error }
            return true
        }
    }

    /// Makes the password where the profile wants that and there is none.
    /// - Returns: whether it made one.
    func generatePasswordIfMissing() async throws(RepositoryError) -> Bool {
        guard let path = settings.newPasswordFile, try await lacksNewPassword() else { return false }
        do throws(SecretError) {
            _ = try services.secrets.generate(at: path)
        } catch {
            throw .secret(error)
        }
        generated.withLock { $0 = path }
        return true
    }

    /// Takes away the password that was just made, with which no repository was.
    /// - Important: deletes its file.
    func withdrawNewPassword() throws(RepositoryError) {
        guard let path = generated.withLock({ $0 }) else { return }
        do throws(SystemFailure) { try SystemFolder.remove(path) } catch {
            throw .unsupported("\(path), a password that opens nothing, cannot be removed: \(error.reason)")
        }
        generated.withLock { $0 = nil }
    }

    /// The file that ``generatePasswordIfMissing()`` wrote.
    var newPasswordFile: String? { generated.withLock { $0 } }

    func version() async throws(RepositoryError) -> ResticVersion {
        guard let path = services.runner.locate(settings.program) else {
            throw .tool(.notFound(program: settings.program, searched: ["the search path"]))
        }
        let cache = ResticVersionCache(file: try server.privateFolder("restic") + "/versions.json")
        if let known = cache.version(ofProgramAt: path) { return try supported(known) }
        let result = try await start(Restic.versionCommand(program: path))
        guard result.didItsWork, let version = ResticVersion(programOutput: result.output.text) else {
            throw .toolFailed(
                tool: "restic version", how: result.termination.description,
                detail: ResticDiagnostics(result.errors.text).telling)
        }
        cache.remember(version, ofProgramAt: path)
        return try supported(version)
    }

    private func supported(_ version: ResticVersion) throws(RepositoryError) -> ResticVersion {
        guard version.isSupported else {
            throw .toolTooOld(
                tool: "restic", version: version.description, needed: ResticVersion.oldest.description)
        }
        return version
    }

    // MARK: - Starting

    /// Runs a command that must end well.
    func run(_ command: ToolCommand, reading reader: (any LineReader)? = nil) async throws(RepositoryError)
        -> ToolResult
    {
        let result = try await attempt(command, reading: reader)
        guard result.didItsWork else { throw failure(of: result) }
        return result
    }

    /// Runs a command whose bad end the caller reads himself. A lock is waited for; being stopped throws.
    func attempt(
        _ command: ToolCommand, reading reader: (any LineReader)? = nil
    ) async throws(RepositoryError) -> ToolResult {
        try await patiently { () throws(RepositoryError) in
            let result = try await self.start(command, reading: reader)
            guard !result.didItsWork else { return result }
            let failure = self.failure(of: result)
            switch failure {
            case .locked, .cancelled, .timedOut: throw failure
            default: return result
            }
        }
    }

    /// Waits for somebody else's lock, asking ever more seldom, as long as the profile allows.
    func patiently<Value: Sendable>(
        _ body: () async throws(RepositoryError) -> Value
    ) async throws(RepositoryError) -> Value {
        let clock = services.clock
        let end = clock.uptime + services.settings.lockWait
        var pause = Duration.seconds(1)
        while true {
            do throws(RepositoryError) {
                return try await body()
            } catch {
                guard case .locked = error, clock.uptime < end else { throw error }
            }
            do {
                try await clock.sleep(for: min(pause, end - clock.uptime))
            } catch {
                throw .cancelled
            }
            pause = min(pause * 2, .seconds(30))
        }
    }

    func start(_ command: ToolCommand, reading reader: (any LineReader)? = nil) async throws(RepositoryError)
        -> ToolResult
    {
        guard !Task.isCancelled else { throw .cancelled }
        countStart()
        do throws(ToolError) {
            return try await services.runner.run(command, reading: reader)
        } catch {
            throw .tool(error)
        }
    }

    // MARK: - Bad ends

    func failure(of result: ToolResult) -> RepositoryError {
        let diagnostics = ResticDiagnostics(result.errors.text)
        let code: Int32? = if case .exited(let code) = result.termination { code } else { nil }
        let reason = ResticFailure(exitCode: code, diagnostics, now: services.clock.now)
        switch result.stopped {
        case .cancelled: return .cancelled
        case .totalLimit, .stallLimit:
            if reason == .unreachable { return .unreachable(location: location, detail: diagnostics.telling) }
            let limits = result.command.limits
            let limit = result.stopped == .totalLimit ? limits.total : limits.stall
            return .timedOut(tool: "restic", limit: limit.map { "\(Int($0.inSeconds)) s" } ?? "its time limit")
        case .pipelineFailed, nil: break
        }
        return error(for: reason, detail: diagnostics.telling, how: result.termination.description)
    }

    private func error(for reason: ResticFailure, detail: String, how: String) -> RepositoryError {
        switch reason {
        case .noRepository: return .absent(location: location)
        case .wrongPassword:
            // restic says the same of a repository that has lost its keys.
            if let folder, let keys = try? folder.keyIDs(), keys.isEmpty { return .keysMissing(location: location) }
            return .wrongPassword(location: location)
        case .locked(let notice):
            return .locked(location: location, by: notice.map { [$0.lock] } ?? [], detail: detail)
        case .formatTooNew: return .formatTooNew(location: location, detail: detail)
        case .damaged: return .damaged(location: location, detail: detail)
        case .full(let path):
            let isInside = path.map { $0.hasPrefix(location + "/") } ?? true
            let place = isInside ? location : path.map { ($0 as NSString).deletingLastPathComponent } ?? location
            let isLocal = folder != nil || !isInside
            return .full(
                location: place, detail: detail, free: isLocal ? services.host.room(at: place)?.free : nil)
        case .readOnly: return .readOnly(location: location, detail: detail)
        case .denied: return .denied(location: location, detail: detail)
        case .unreachable: return .unreachable(location: location, detail: detail)
        case .sourceUnreadable: return .sourceUnreadable(detail: detail)
        case .notFound: return .notFound(what: detail)
        case .usage, .unknown: return .toolFailed(tool: "restic", how: how, detail: detail)
        }
    }
}

/// Does work to its end although the surrounding task is cancelled: what a failure left behind is put away all the same.
func uncancelled<Value: Sendable>(_ body: @escaping @Sendable () async -> Value) async -> Value {
    await Task { await body() }.value
}
