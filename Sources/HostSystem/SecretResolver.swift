package import BackupModel
import Foundation

/// Reads secrets from where a profile says they are.
package struct SecretResolver: SecretStore {
    /// No password or key is longer; whatever is, was not meant.
    static let sizeLimit = 64 << 10
    package static let commandLimit = Duration.seconds(30)

    private let runner: (any ToolRunner)?
    private let processEnvironment: [String: String]
    private let commandLimit: Duration

    /// - Parameter runner: starts the programs of `command:`; without one, those fail.
    package init(
        runner: (any ToolRunner)?, processEnvironment: [String: String] = ProcessInfo.processInfo.environment,
        commandLimit: Duration = SecretResolver.commandLimit
    ) {
        self.runner = runner
        self.processEnvironment = processEnvironment
        self.commandLimit = commandLimit
    }

    package func resolve(_ reference: SecretReference, environment: [String: String]) async throws(SecretError)
        -> Secret
    {
        switch reference {
        case .environment(let name):
            // An empty variable counts as unset, as everywhere in a profile.
            let values = [environment[name], processEnvironment[name]].compactMap(\.self)
            guard !values.isEmpty else { throw .missing(reference) }
            return try checked(Array((values.first { !$0.isEmpty } ?? "").utf8), reference)
        case .file(let path):
            return try checked(SecretFile.read(path, for: reference), reference)
        case .credential(let name):
            guard let folder = processEnvironment["CREDENTIALS_DIRECTORY"], folder.hasPrefix("/") else {
                throw .unreadable(
                    reference,
                    reason: "CREDENTIALS_DIRECTORY is not set; systemd sets it for a unit with LoadCredential=")
            }
            guard !name.contains("/"), name != ".", name != ".." else {
                throw .unreadable(reference, reason: "a credential's name has no slash in it")
            }
            return try checked(SecretFile.read("\(folder)/\(name)", for: reference), reference)
        case .command(let argv):
            return try checked(await output(of: argv, environment: environment, for: reference), reference)
        }
    }

    package func generate(at path: String) throws(SecretError) -> Secret {
        var generator = SystemRandomNumberGenerator()
        let random = (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        let text = Data(random).base64EncodedString()
            .replacingOccurrences(of: "+", with: "-").replacingOccurrences(of: "/", with: "_")
            .replacingOccurrences(of: "=", with: "")
        try SecretFile.create(path, text + "\n")
        return Secret(text)
    }

    package func write(_ secret: Secret, at path: String) throws(SecretError) {
        try SecretFile.create(path, String(decoding: secret.reveal(for: .comparison), as: UTF8.self) + "\n")
    }

    package func replace(_ path: String, with draft: String, keeping kept: String) throws(SecretError) {
        try SecretFile.replace(path, with: draft, keeping: kept)
    }

    /// Takes one newline from the end, and refuses what cannot have been meant as a secret.
    private func checked(_ bytes: [UInt8], _ reference: SecretReference) throws(SecretError) -> Secret {
        guard bytes.count <= SecretResolver.sizeLimit else {
            throw .unreadable(reference, reason: "it is longer than \(ByteCount(Int64(SecretResolver.sizeLimit)))")
        }
        if bytes.starts(with: [0xff, 0xfe]) || bytes.starts(with: [0xfe, 0xff]) {
            throw .unreadable(reference, reason: "it is UTF-16; write it as UTF-8")
        }
        if bytes.starts(with: [0xef, 0xbb, 0xbf]) {
            throw .unreadable(reference, reason: "it begins with a byte order mark; write it as UTF-8 without one")
        }
        guard !bytes.contains(0) else {
            throw .unreadable(reference, reason: "it has a NUL byte in it; write it as text")
        }
        var rest = bytes[...]
        if rest.last == UInt8(ascii: "\n") {
            rest.removeLast()
            if rest.last == UInt8(ascii: "\r") { rest.removeLast() }
        }
        guard !rest.isEmpty else { throw .empty(reference) }
        return Secret(Array(rest))
    }

    /// Variables that password managers need to find their store and their agent.
    private static let inheritedVariables: Set = [
        "DBUS_SESSION_BUS_ADDRESS", "GNUPGHOME", "PASSWORD_STORE_DIR", "SSH_AUTH_SOCK", "XDG_CONFIG_HOME",
        "XDG_DATA_HOME", "XDG_RUNTIME_DIR",
    ]

    private func output(
        of argv: [String], environment: [String: String], for reference: SecretReference
    ) async throws(SecretError) -> [UInt8] {
        guard let runner, let program = argv.first else {
            throw .providerFailed(reference, how: "no program can be started here")
        }
        var command = ToolCommand(program, Array(argv.dropFirst()))
        command.environment = environment
        command.inheritedVariables = SecretResolver.inheritedVariables
        command.limits = ToolCommand.Limits(total: commandLimit, stall: nil)
        command.teardown = TeardownStep.terminateFirst
        command.whenOrphaned = .signal(.terminate)
        // Twice this is kept, and it must hold all of a secret at the limit.
        command.keptOutput = ByteCount(Int64(SecretResolver.sizeLimit))
        let result: ToolResult
        do {
            result = try await runner.run(command)
        } catch {
            throw .providerFailed(reference, how: error.description)
        }
        guard result.didItsWork else { throw .providerFailed(reference, how: failure(of: result)) }
        guard result.output.isComplete else {
            throw .providerFailed(reference, how: "it wrote \(result.output.totalBytes), which is no secret")
        }
        let bytes = result.output.head + result.output.tail
        guard !bytes.isEmpty else { throw .providerFailed(reference, how: "it ended well but wrote nothing") }
        return bytes
    }

    /// Never tells what the program wrote to standard output.
    private func failure(of result: ToolResult) -> String {
        switch result.stopped {
        case .totalLimit, .stallLimit: return "it did not end within \(Int(commandLimit.inSeconds)) s and was stopped"
        case .cancelled, .pipelineFailed: return "it was stopped because the run was cancelled"
        case nil: break
        }
        let said = result.errors.text.split(whereSeparator: \.isNewline).last.map(String.init) ?? ""
        let clean = String(
            said.unicodeScalars.filter { $0.value >= 32 && $0.value != 127 }.prefix(200).map(Character.init))
        return result.termination.description + (clean.isEmpty ? "" : ": \(clean)")
    }
}
