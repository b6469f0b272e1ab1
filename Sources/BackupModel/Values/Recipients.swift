/// For whom something is encrypted: public keys, which are no secret.
package struct Recipients: Codable, Sendable, Equatable {
    package enum Program: String, Codable, Sendable, CaseIterable {
        case age, gpg
        /// What the name of a file that it made ends in.
        package var ending: String { rawValue }
    }

    package var program: Program
    /// Sorted, each once. Of age `age1…`, or `ssh-ed25519 …` and `ssh-rsa …` without their comment; of gpg the full
    /// fingerprints of primary keys.
    package var keys: [String]

    package init(_ program: Program, _ keys: [String]) {
        self.program = program
        self.keys = Array(Set(keys)).sorted()
    }

    /// One key as people tell it from others: the last digits of an ssh key stand for it.
    package static func shown(_ key: String) -> String {
        guard key.utf8.count > 72 else { return key }
        let words = key.split(separator: " ", maxSplits: 1)
        return words.count == 2 ? "\(words[0]) …\(words[1].suffix(24))" : "\(key.prefix(16))…\(key.suffix(24))"
    }

    /// `age1abc…, age1def… (age)`
    package var words: String { "\(keys.map(Recipients.shown).joined(separator: ", ")) (\(program.rawValue))" }

    /// What is different in `found`, in words; empty where nothing is.
    package func differences(to found: Recipients) -> [String] {
        (program == found.program ? [] : ["encrypted with \(found.program.rawValue) instead of \(program.rawValue)"])
            + found.keys.filter { !keys.contains($0) }.map { "new: \(Recipients.shown($0))" }
            + keys.filter { !found.keys.contains($0) }.map { "gone: \(Recipients.shown($0))" }
    }
}

/// How a part was encrypted before it was stored, and what is inside.
package struct PartEncryption: Codable, Sendable, Equatable {
    package var recipients: Recipients
    /// The part as its source knows it.
    package var part: PartPath
    /// Of what is inside, in the clear.
    package var bytes: ByteCount
    package var files: Int64?
    /// Of a tar stream, the folder that its names are relative to; `nil` for what is one file inside.
    package var base: String?

    package init(recipients: Recipients, part: PartPath, bytes: ByteCount, files: Int64?, base: String?) {
        self.recipients = recipients
        self.part = part
        self.bytes = bytes
        self.files = files
        self.base = base
    }
}

/// What a repository says of the inside of a part that it encrypted on its way.
package struct SealedContent: Sendable, Equatable {
    package var bytes: ByteCount
    package var files: Int64?
    package var base: String?
    /// Which of the part's ``CapturedPart/demands`` a tree meets.
    package var found: Set<String>

    package init(bytes: ByteCount, files: Int64? = nil, base: String? = nil, found: Set<String> = []) {
        self.bytes = bytes
        self.files = files
        self.base = base
        self.found = found
    }
}

/// What has recipients of its own.
package enum RecipientSubject: Sendable, Hashable, CustomStringConvertible {
    case source(SourceName)
    case repository(RepositoryName)

    package var name: String {
        switch self {
        case .source(let name): name.rawValue
        case .repository(let name): name.rawValue
        }
    }

    package var description: String {
        switch self {
        case .source(let name): "source \(name)"
        case .repository(let name): "repository \(name)"
        }
    }
}

/// Recipients that are not those that are pinned, or to be had no more.
package struct RecipientsChanged: OperatorError, Equatable {
    package var subject: RecipientSubject
    package var expected: Recipients
    /// `nil` where nothing is encrypted any more.
    package var found: Recipients?
    /// The run whose manifest names the expected ones; `nil` where they are pinned.
    package var run: RunID?

    package init(_ subject: RecipientSubject, expected: Recipients, found: Recipients?, run: RunID? = nil) {
        self.subject = subject
        self.expected = expected
        self.found = found
        self.run = run
    }

    package var description: String {
        guard let found else {
            return "\(subject) was encrypted for \(expected.words), and the profile does not encrypt it any more; "
                + "nothing of it was stored"
        }
        return "the recipients of \(subject) are not those that \(run.map { "run \($0) had" } ?? "are pinned"): "
            + expected.differences(to: found).joined(separator: ", ") + "; nothing of it was stored"
    }

    package var hint: String? {
        "if that is meant: `holdfast key rotate \(subject.name)`; otherwise treat it as tampering, for whoever changed them "
            + "could read all backups to come"
    }
    package var kind: FailureKind { .damaged }
}
