package import BackupModel
import Foundation

/// Runs hooks on this machine.
package struct LocalHooks: HookRunner {
    private let runner: any ToolRunner
    private let secrets: any SecretStore
    private let folders: HookFolders
    /// The profile's own, which `env:` secrets may come from.
    private let environment: [String: String]
    private let niceness: Int32

    /// So that programs find the services that they speak to; secrets are none of them.
    private static let inherited: Set<String> = [
        "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "DOCKER_HOST", "DOCKER_CONTEXT", "CONTAINER_HOST",
        "SSH_AUTH_SOCK",
        "HOLDFAST_STATE_DIR", "HOLDFAST_CONFIG_DIR", "HOLDFAST_CACHE_DIR",
    ]

    package init(
        runner: any ToolRunner, secrets: any SecretStore, folders: HookFolders, environment: [String: String] = [:],
        niceness: Int32 = 0
    ) {
        self.runner = runner
        self.secrets = secrets
        self.folders = folders
        self.environment = environment
        self.niceness = niceness
    }

    package func locate(_ action: HookAction) throws(HookError) -> String { try found(action).file.path }

    private struct Found {
        var file: TrustedFile
        /// By which it was asked for; what it calls itself.
        var name: String
        var arguments: [String]
    }

    private func found(_ action: HookAction) throws(HookError) -> Found {
        // A text that somebody else can write is a program that somebody else can write.
        if action.file.hasPrefix("/") { _ = try opened(action.file, isProgram: false) }
        switch action.program {
        case .shell(let text):
            return Found(file: try opened("/bin/sh"), name: "/bin/sh", arguments: ["-c", text, action.name])
        case .run(let words):
            guard let first = words.first, !first.isEmpty else {
                throw .missing(action.name, searched: ["an empty list of words"])
            }
            let path = try path(of: first, action)
            return Found(file: try opened(path), name: path, arguments: Array(words.dropFirst()))
        case .plugin(let name):
            let searched = folders.searched(from: action.file)
            for folder in searched {
                do throws(TrustedFile.Refusal) {
                    let path = "\(folder)/\(name)"
                    return Found(file: try TrustedFile.open(path), name: path, arguments: [])
                } catch {
                    if error.isMissing { continue }
                    throw LocalHooks.error("\(folder)/\(name)", error)
                }
            }
            throw .missing(name, searched: searched)
        }
    }

    private func path(of word: String, _ action: HookAction) throws(HookError) -> String {
        if word.hasPrefix("/") { return word }
        if word.contains("/") { return HookFolders.parent(of: action.file) + "/" + word }
        guard let path = runner.locate(word) else {
            throw .tool(.notFound(program: word, searched: ["PATH"]))
        }
        return path
    }

    private func opened(_ path: String, isProgram: Bool = true) throws(HookError) -> TrustedFile {
        do throws(TrustedFile.Refusal) { return try TrustedFile.open(path, isProgram: isProgram) } catch {
            throw LocalHooks.error(path, error)
        }
    }

    private static func error(_ path: String, _ refusal: TrustedFile.Refusal) -> HookError {
        if refusal.isMissing { return .missing(path, searched: []) }
        return refusal.isUnsafe
            ? .unsafe(path: path, place: refusal.place, reason: refusal.reason)
            : .unreadable(path: path, reason: (refusal.place == path ? "" : refusal.place + " ") + refusal.reason)
    }

    package func run(_ action: HookAction, _ document: HookDocument) async throws(HookError) -> HookReport {
        let found = try found(action)
        var command = ToolCommand(found.name, found.arguments)
        #if os(Linux)
            command.programDescriptor = found.file.descriptor
        #else
            command.program = found.file.path
        #endif
        command.input = .bytes(LocalHooks.bytes(document))
        command.environment = action.variables.merging(document.variables) { $1 }
        command.environment["HOLDFAST_HOOK_FILE"] = found.file.path
        command.inheritedVariables = LocalHooks.inherited
        for (variable, reference) in action.secrets.sorted(by: { $0.key < $1.key }) {
            do throws(SecretError) {
                command.secrets.append(
                    .environment(
                        variable: variable, try await secrets.resolve(reference, environment: environment)))
            } catch { throw .secret(error) }
        }
        let folder = HookFolders.parent(of: action.file)
        if folder.hasPrefix("/") { command.workingDirectory = folder }
        if let restored = document.restored { command.workingDirectory = restored.folder }
        command.limits = ToolCommand.Limits(total: action.timeLimit, stall: nil)
        command.teardown = TeardownStep.terminateFirst
        // What gives something back goes on to its end without us.
        command.whenOrphaned = document.event == HookDocument.release ? .leave : .signal(.terminate)
        command.niceness = niceness
        command.keptOutput = .kibibytes(16)
        let result: ToolResult
        do { result = try await runner.run(command) } catch { throw .tool(error) }
        withExtendedLifetime(found.file) {}
        return HookAnswer(result).report(limit: action.timeLimit)
    }

    /// One line with a newline behind it.
    private static func bytes(_ document: HookDocument) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Numbers of a profile are finite: there is nothing in it that JSON cannot say.
        guard let data = try? encoder.encode(document) else { return Array("{}\n".utf8) }
        return Array(data) + [UInt8(ascii: "\n")]
    }
}
