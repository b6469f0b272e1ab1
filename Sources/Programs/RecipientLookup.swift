package import BackupModel
import Foundation

/// Finds out whom a profile means: for age by their keys, for gpg by the full fingerprints of what is in the user's ring.
/// Read anew by every process, so that whatever was changed shows.
package struct RecipientLookup: Sendable {
    package var program: Recipients.Program
    /// As the profile has them; empty ones count for nothing.
    package var listed: [String]
    /// Absolute; one to a line, with lines of comment that begin with `#`.
    package var file: String?
    package var runner: any ToolRunner

    package init(_ program: Recipients.Program, listed: [String], file: String?, runner: any ToolRunner) {
        self.program = program
        self.listed = listed
        self.file = file
        self.runner = runner
    }

    package enum Problem: OperatorError {
        case fileUnreadable(String)
        /// Nobody is named.
        case nobody(file: String?)
        /// Where it stands, and what is wrong there. Never what is written there: it may be the secret half of a key.
        case unusable(place: String, why: String)
        case tool(ToolError)
        case cancelled

        package var description: String {
            switch self {
            case .fileUnreadable(let path): "the recipients file \(path) cannot be read; nothing was encrypted"
            case .nobody(let file):
                "no recipient is named\(file.map { " in \($0)" } ?? ""): what nobody can open is no backup"
            case .unusable(let place, let why): "\(place): \(why)"
            case .tool(let error): error.description
            case .cancelled: "cancelled"
            }
        }

        package var hint: String? {
            switch self {
            case .fileUnreadable(let path): "put \(path) back as it was, or name the recipients in the profile"
            case .nobody: "put the recipients back; what is stored already is untouched"
            case .unusable: "correct it; what is stored already is untouched"
            case .tool(let error): error.hint
            case .cancelled: nil
            }
        }

        package var kind: FailureKind {
            switch self {
            case .fileUnreadable, .nobody, .unusable: .failed
            case .tool(let error): error.kind
            case .cancelled: .interrupted
            }
        }
    }

    /// - Throws: ``Problem``; never an empty list.
    package func find() async throws(Problem) -> Recipients {
        var named: [(place: String, text: String)] = []
        for text in listed where !text.isEmpty { named.append(("the recipient `\(shortened(text))`", text)) }
        if let file {
            // More than a list of keys needs, and no more than that.
            guard let data = FileManager.default.contents(atPath: file), data.count <= 1 << 20 else {
                throw .fileUnreadable(file)
            }
            for text in Age.recipients(in: String(decoding: data, as: UTF8.self)) {
                named.append(("\(file), the line `\(shortened(text))`", text))
            }
        }
        guard !named.isEmpty else { throw .nobody(file: file) }
        var keys: [String] = []
        for (place, text) in named {
            guard !Age.isSecret(text) else {
                throw .unusable(
                    place: file ?? "a recipient",
                    why:
                        "the secret half of a key stands where recipients do: take it away from there, and make a new key"
                )
            }
            keys.append(
                program == .age ? try age(text, place) : try await gpg(text, place))
        }
        return Recipients(program, keys)
    }

    private func shortened(_ text: String) -> String {
        text.utf8.count > 60 ? "\(text.prefix(24))…\(text.suffix(12))" : text
    }

    private func age(_ text: String, _ place: String) throws(Problem) -> String {
        guard let key = Age.recipient(text) else {
            throw .unusable(place: place, why: "is no recipient of age: `age1…`, `ssh-ed25519 …` or `ssh-rsa …`")
        }
        return key
    }

    private func gpg(_ text: String, _ place: String) async throws(Problem) -> String {
        let result: ToolResult
        do throws(ToolError) { result = try await runner.run(GnuPG.keys(named: text)) } catch { throw .tool(error) }
        if result.stopped == .cancelled { throw .cancelled }
        let keys = GnuPG.keys(in: result.output.text)
        guard let key = keys.first else {
            throw .unusable(place: place, why: "gpg has no such key in the ring of this user")
        }
        guard keys.count == 1 else {
            throw .unusable(
                place: place, why: "gpg has \(keys.count) such keys: write the fingerprint of the one that is meant")
        }
        if let obstacle = key.obstacle { throw .unusable(place: place, why: "\(obstacle) (\(key.fingerprint))") }
        return key.fingerprint
    }
}

extension Recipients {
    /// The filter that encrypts for them and for nobody else. In the middle of a pipe it must not die before what comes after
    /// it, or that would see an end.
    package var encryptor: ToolCommand {
        var command =
            switch program {
            case .age: Age.encrypt(to: keys)
            case .gpg: GnuPG.encrypt(onlyTo: keys)
            }
        command.whenOrphaned = .leave
        return command
    }
}
