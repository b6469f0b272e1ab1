import BackupModel
import Digests
import Foundation
import Programs

/// Encrypts a sheet, so that it is never on a disk in the clear.
struct KitSealing: Sendable {
    let runner: any ToolRunner

    /// For recipients: public keys of age or ssh, files of them, or keys of the user's gpg ring.
    func encrypted(_ sheet: [UInt8], to names: [String]) async throws -> [UInt8] {
        let recipients = try await recipients(names)
        var command = recipients.encryptor
        command.arguments.insert("--armor", at: 0)
        command.whenOrphaned = .signal(.terminate)
        return try await filter(sheet, command)
    }

    private func recipients(_ names: [String]) async throws -> Recipients {
        var age: [String] = []
        var gpg: [String] = []
        for name in names {
            if name.hasPrefix("age1") || name.hasPrefix("ssh-") {
                age.append(name)
            } else if name.contains("/") || FileManager.default.fileExists(atPath: name) {
                let path = IdentityOption.path(name)
                age += try await RecipientLookup(.age, listed: [], file: path, runner: runner).find().keys
            } else {
                gpg.append(name)
            }
        }
        guard age.isEmpty || gpg.isEmpty else {
            throw Failure(
                "one sheet cannot be encrypted by age and by gpg at once",
                hint: "make two: with --encrypt-to age1…, and with --encrypt-to of gpg's keys", kind: .usage)
        }
        return try await RecipientLookup(gpg.isEmpty ? .age : .gpg, listed: age + gpg, file: nil, runner: runner).find()
    }

    private func filter(_ input: [UInt8], _ command: ToolCommand) async throws -> [UInt8] {
        var command = command
        command.input = .secret(Secret(input))
        // Nobody searches messages for a whole sheet.
        command.secretsInInput = []
        command.keptOutput = ByteCount(Int64(input.count) * 2 + (1 << 20))
        command.limits = ToolCommand.Limits(total: .seconds(120))
        let result = try await runner.run(command)
        guard result.didItsWork, result.output.isComplete, result.output.totalBytes.bytes > Int64(input.count) else {
            throw Failure(
                "\(command.program) did not encrypt the sheet (\(result.termination.description)): \(result.errors.text.prefix(300))",
                hint: "correct --encrypt-to; nothing was written")
        }
        return result.output.head + result.output.tail
    }

    // MARK: - Shares

    struct Share: Sendable {
        var name: String
        var text: String
    }

    /// One text for each holder: a share of a random key, and the sheet, encrypted with it by openssl. Each of them puts it
    /// together with any others, by standard tools.
    func shares(
        of sheet: [UInt8], _ count: Int, threshold: Int, title: String, format: String, qr: Bool
    ) async throws -> [Share] {
        var generator = SystemRandomNumberGenerator()
        let key = (0..<KeyShares.keyBytes).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        let sealed = try await filter(
            sheet, OpenSSL.encrypt(passphrase: Secret(KeyShares.hexadecimal(key))))
        let shares = KeyShares.split(key, into: count, threshold: threshold, using: &generator)
        var result: [Share] = []
        for share in shares {
            let code = qr ? try await KitCode("Share \(share.number)", Array(share.text.utf8), runner) : nil
            result.append(
                Share(
                    name: "share-\(share.number)-of-\(count)",
                    text: try text(share, count, threshold, sealed, title, format, code)))
        }
        return result
    }

    private func text(
        _ share: KeyShares.Share, _ count: Int, _ threshold: Int, _ sealed: [UInt8], _ title: String, _ format: String,
        _ code: KitCode?
    ) throws -> String {
        let name = format == "html" ? "sheet.html" : "sheet.sh"
        var lines = [
            "#!/bin/sh", "# Share \(share.number) of \(count): \(Console.harmlessName(title)).",
            "# Any \(threshold) of the \(count) open the sheet that is in each of them, encrypted. Fewer tell nothing. Keep this one alone.",
            "#", "# With \(threshold - 1) other\(threshold == 2 ? "" : "s"), and python3 or ssss-combine, and openssl:",
            "#   sh THIS-SHARE OTHER-SHARE… > \(name)", "#",
            "# By hand: ssss-combine (Debian's package ssss) asks for the shares and prints the key,",
            "#   ssss-combine -t \(threshold) -x -D",
            "# and openssl, which asks for the key, opens the sheet:",
            "#   sed -n 's/^#: //p' THIS-SHARE | base64 -d > sheet.enc",
            "#   openssl enc -d -aes-256-cbc -pbkdf2 -in sheet.enc -out \(name)", "#", "#share \(share.text)", "#",
        ]
        if let code { lines += code.blocks.map { "# " + $0 } + ["#"] }
        lines += KitSealing.combination(threshold: threshold)
        lines.append("# The sheet; sha256sum of what base64 -d makes of it: \(try SHA256.digest(of: sealed))")
        let encoded = Data(sealed).base64EncodedString()
        var rest = encoded[...]
        while !rest.isEmpty {
            lines.append("#: " + rest.prefix(96))
            rest = rest.dropFirst(96)
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// What puts the shares together, for any POSIX shell.
    private static func combination(threshold: Int) -> [String] {
        """
        set -eu
        umask 077
        shares=$(sed -n 's/^#share //p' "$0" "$@" | sort -u | head -n \(threshold))
        [ "$(printf '%s\\n' "$shares" | wc -l)" -eq \(threshold) ] || { echo "\(threshold) different shares are needed: sh $0 OTHER-SHARE" >&2; exit 64; }
        if command -v python3 > /dev/null; then
        key=$(printf '%s\\n' "$shares" | python3 -c '
        import sys
        shares = [(int(n), int(v, 16)) for n, v in (line.split("-") for line in sys.stdin.read().split())]
        def times(a, b):
            result = 0
            while b:
                if b & 1: result ^= a
                a <<= 1
                if a >> 256: a ^= (1 << 256) | 0x425
                b >>= 1
            return result
        def power(a, n):
            result = 1
            while n:
                if n & 1: result = times(result, a)
                a = times(a, a)
                n >>= 1
            return result
        key = 0
        for x, y in shares:
            term = y ^ power(x, len(shares))
            for other, value in shares:
                if other != x: term = times(times(term, other), power(other ^ x, 2**256 - 2))
            key ^= term
        print("%064x" % key)
        ')
        else
        key=$(printf '%s\\n' "$shares" | ssss-combine -t \(threshold) -x -D -q 2>&1 | tail -n 1)
        fi
        sed -n 's/^#: //p' "$0" | base64 -d | openssl enc -d -aes-256-cbc -pbkdf2 -pass fd:3 3<<KEY
        $key
        KEY
        exit 0
        """.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }
}
