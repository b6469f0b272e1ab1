import ArgumentParser
import BackupModel
import Foundation
import Tools

/// `holdfast stream age-passphrase`: age, which takes a passphrase on a terminal only, with one that a file holds.
struct PassphraseStream: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "age-passphrase", abstract: "Encrypt or decrypt with age and a passphrase.", shouldDisplay: false)

    @Flag(help: "Decrypt.")
    var decrypt = false

    @Option(help: "The file that the passphrase is in.")
    var secret: String

    func run() async throws {
        guard let data = FileManager.default.contents(atPath: secret) else {
            throw Failure("the passphrase cannot be read")
        }
        // age must not inherit it.
        for descriptor in [3, 4, 5] as [Int32] + [Int32((secret as NSString).lastPathComponent) ?? 3] {
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        }
        let answer = Array(data)
        let code: Int32
        do throws(TerminalProgram.Trouble) {
            // Asked for twice where something is encrypted.
            code = try TerminalProgram.run(
                "age", decrypt ? ["--decrypt"] : ["--encrypt", "--passphrase"],
                answers: Array(repeating: answer, count: decrypt ? 1 : 2))
        } catch {
            throw Failure(error.description)
        }
        if code != 0 { throw ExitCode(code) }
    }
}
