package import BackupModel

/// How an archive file was made, as its name says: `.tar`, then `.gz` or `.zst`, then `.enc`, `.age` or `.gpg`.
package struct ArchiveForm: Sendable, Equatable {
    package enum Compression: Sendable, Equatable { case none, gzip, zstd }
    package enum Encryption: Sendable, Equatable { case none, openssl, age, gpg }

    package var compression: Compression
    package var encryption: Encryption
    /// The file's name before the endings: what its manifest bears too.
    package var stem: String

    /// - Parameter name: of the file, without its folder.
    /// - Returns: `nil` when it is not the name of a tar archive.
    package init?(fileName name: String) {
        var rest = name[...]
        func take(_ ending: String) -> Bool {
            guard rest.hasSuffix(ending) else { return false }
            rest = rest.dropLast(ending.count)
            return true
        }
        encryption = take(".enc") ? .openssl : take(".age") ? .age : take(".gpg") ? .gpg : .none
        compression = take(".gz") ? .gzip : take(".zst") ? .zstd : .none
        guard take(".tar"), !rest.isEmpty else { return nil }
        stem = String(rest)
    }

    /// Says itself when it was changed. openssl's does not: what was flipped in it comes out as something else.
    package var noticesDamage: Bool { encryption == .age || encryption == .gpg }

    /// The program that undoes the compression.
    package var decompressor: ToolCommand? {
        switch compression {
        case .none: nil
        case .gzip: ToolCommand("gzip", ["--decompress", "--stdout"])
        case .zstd: ToolCommand("zstd", ["--decompress", "--stdout", "--quiet"])
        }
    }

    /// True when bytes can be the beginning of what was encrypted.
    package func canBegin(with bytes: some Collection<UInt8>) -> Bool {
        switch compression {
        case .gzip: bytes.starts(with: [0x1f, 0x8b, 8])
        case .zstd: bytes.starts(with: [0x28, 0xb5, 0x2f, 0xfd])
        case .none: bytes.dropFirst(257).starts(with: "ustar".utf8)
        }
    }
}

/// Programs that decrypt standard input to standard output.
package enum ArchiveDecryption {
    /// What `openssl enc -aes-256-cbc -salt -pbkdf2` made: SHA-256, 10,000 rounds. It finds nothing but a wrong last block.
    /// - Source: openssl-enc(1), OpenSSL 3.0.
    package static func openssl(_ passphrase: Secret, padded: Bool = true) -> ToolCommand {
        var command = ToolCommand("openssl", ["enc", "-d", "-aes-256-cbc", "-pbkdf2", "-md", "sha256"])
        if !padded { command.arguments.append("-nopad") }
        command.arguments.append("-pass")
        command.secrets = [.memoryFileArgument("file:", passphrase)]
        return command
    }

    /// - Source: age(1), age 1.1.1.
    package static func age(_ identity: Secret) -> ToolCommand {
        var command = ToolCommand("age", ["--decrypt", "--identity"])
        command.secrets = [.memoryFileArgument("", identity)]
        return command
    }

    /// - Parameter passphrase: `nil` for the user's own keys, of which gpg and its agent know.
    /// - Source: gpg(1), GnuPG 2.2.
    package static func gpg(_ passphrase: Secret?) -> ToolCommand {
        var command = ToolCommand("gpg", ["--batch", "--no-tty", "--quiet", "--decrypt"])
        command.inheritedVariables = ["GNUPGHOME", "XDG_RUNTIME_DIR"]
        if let passphrase {
            command.arguments += ["--pinentry-mode", "loopback", "--passphrase-file"]
            command.secrets = [.memoryFileArgument("", passphrase)]
        }
        return command
    }

    /// What openssl writes before everything else, and behind it eight random bytes.
    package static let opensslMark = Array("Salted__".utf8)

    /// True when a program's own words say that the key is not the right one.
    package static func saysWrongKey(_ words: String) -> Bool {
        [
            "bad decrypt", "Bad session key", "no identity matched", "incorrect passphrase", "No secret key",
            "decryption failed: Bad",
        ].contains {
            words.contains($0)
        }
    }

    /// Unpacks into a folder where nothing is. Digests inside served while it was tested, and are no part of the tree.
    /// - Source: tar(1), GNU tar 1.34.
    package static func unpacking(into folder: String) -> ToolCommand {
        ToolCommand(
            "tar",
            [
                "--extract", "--file=-", "--same-permissions", "--delay-directory-restore", "--xattrs",
                "--xattrs-include=*", "--acls", "--anchored", "--no-wildcards", "--exclude=\(TarSums.memberName)",
                "--exclude=./\(TarSums.memberName)",
                "--directory=\(folder)",
            ])
    }
}
