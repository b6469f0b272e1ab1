package import BackupModel
import Foundation
import Synchronization

/// rsync, copying a tree of named files from one folder of this machine to another.
package enum Rsync {
    /// Copies exactly the entries named: rsync itself goes into no folder. Hard links, ACLs, attributes, owners by their
    /// numbers and holes go along. A file is written beside its place and renamed into it, so one that has several names
    /// elsewhere is never changed there.
    ///
    /// `--delete` has nothing to delete in a new folder; should there be something, it is not part of the tree.
    /// - Parameters:
    ///   - names: relative to `folder`, each ended by a NUL. Never `.`, which rsync takes for all that is in the folder.
    ///   - folder: absolute.
    ///   - target: absolute; an existing folder.
    ///   - previous: absolute; a file that is there and looks the same becomes a hard link to it.
    ///   - comparesFractions: takes times for different that differ in the fraction of a second alone; not for a disk that
    ///     keeps none, where no file would be the same any more.
    ///   - comparesContents: reads both files to see whether they are the same, instead of their sizes and times.
    ///   - overlays: files that stand in for others.
    /// - Source: rsync(1), https://download.samba.org/pub/rsync/rsync.1, 3.5.0: with `--files-from`, `-a` is not recursive; a
    ///   `--modify-window` of 0, the default, compares whole seconds only, a negative one all of a time. Checked with 3.2.7 and
    ///   3.5.0.
    package static func copy(
        names: ToolInput, in folder: String, to target: String, linkingTo previous: String? = nil,
        comparesFractions: Bool = true, comparesContents: Bool = false, overlays: [FileOverlay] = []
    ) -> ToolCommand {
        var arguments = ["-aHAX", "--numeric-ids", "--sparse", "--delete"]
        if comparesFractions { arguments.append("--modify-window=-1") }
        if comparesContents { arguments.append("--checksum") }
        if let previous { arguments.append("--link-dest=" + previous) }
        arguments += ["--from0", "--files-from=-", "--out-format=%l", "--", slashed(folder), slashed(target)]
        var command = ToolCommand("rsync", arguments)
        command.input = names
        command.overlays = overlays
        command.acceptedExitCodes = [0, partialExitCode, vanishedExitCode]
        command.teardown = TeardownStep.terminateFirst
        // The one that we started; those that it started see its end.
        command.whenOrphaned = .signal(.terminate)
        // Room for some ten thousand complaints about unreadable files.
        command.keptOutput = .mebibytes(1)
        return command
    }

    /// A slash at the end: what is in the folder is meant, and not the folder.
    private static func slashed(_ path: String) -> String { path.hasSuffix("/") ? path : path + "/" }

    // MARK: - How it ended

    /// Some files, or attributes of files, were not transferred.
    package static let partialExitCode: Int32 = 23
    /// Some files were gone when it came to them.
    package static let vanishedExitCode: Int32 = 24

    package enum Ending: Sendable, Equatable {
        case complete
        /// What is not there is named in what it wrote to standard error, or is not there to be seen.
        case partial
        case full
        case readOnly
        case failed
    }

    /// - Source: rsync(1), "EXIT VALUES", 3.5.0; the words are strerror(3)'s with the number behind.
    package static func ending(_ termination: Termination, errors: String) -> Ending {
        guard case .exited(let code) = termination else { return .failed }
        // A name is in quotes, so it cannot end a line with these words.
        func tells(_ reasons: String...) -> Bool {
            errors.split(separator: "\n").contains { line in reasons.contains { line.hasSuffix(": " + $0) } }
        }
        if code != 0 {
            if tells("No space left on device (28)", "Disk quota exceeded (122)", "Disc quota exceeded (69)") {
                return .full
            }
            if tells("Read-only file system (30)") { return .readOnly }
        }
        return switch code {
        case 0: .complete
        case partialExitCode, vanishedExitCode: .partial
        default: .failed
        }
    }

    /// In words, for what is no partial transfer.
    /// - Source: rsync(1), "EXIT VALUES", 3.5.0
    package static func meaning(_ termination: Termination) -> String {
        guard case .exited(let code) = termination else { return termination.description }
        let words: [Int32: String] = [
            1: "syntax or usage error", 2: "protocol incompatibility", 3: "errors selecting files or folders",
            4: "the action is not supported", 5: "error starting the protocol", 6: "cannot append to the log",
            10: "error in socket I/O", 11: "error in file I/O", 12: "error in the protocol's data stream",
            13: "errors with diagnostics", 14: "error in communication between its processes",
            20: "stopped by a signal", 21: "waitpid failed", 22: "out of memory",
            25: "the limit of deletions was reached",
            30: "timeout", 35: "timeout waiting for a connection",
        ]
        return termination.description + (words[code].map { ", \($0)" } ?? "")
    }

    // MARK: - What it says

    /// Items that it could not transfer as they should be, from what it wrote to standard error.
    package static func notices(in errors: String) -> [UnreadableItem] {
        errors.split(separator: "\n").compactMap { line in
            if let name = quoted(line, after: "file has vanished: ") {
                return UnreadableItem(path: name.text, reason: "it vanished before it was read")
            }
            guard line.hasPrefix("rsync: "), let name = quoted(line, after: "") else {
                // ERROR: documents/one failed verification -- update discarded.
                let mark = " failed verification -- update discarded."
                guard line.hasPrefix("ERROR: "), line.hasSuffix(mark) else { return nil }
                return UnreadableItem(
                    path: unescaped(line.dropFirst(7).dropLast(mark.count)), reason: "it was changed while it was read")
            }
            let end = line[name.end...]
            guard let colon = end.range(of: ": ") else { return nil }
            return UnreadableItem(path: name.text, reason: withoutNumber(end[colon.upperBound...]))
        }
    }

    /// The name in quotes; the last quote counts, for a name may have some.
    private static func quoted(_ line: Substring, after mark: String) -> (text: String, end: Substring.Index)? {
        guard mark.isEmpty || line.hasPrefix(mark), let first = line.firstIndex(of: "\""),
            let last = line.lastIndex(of: "\""), first < last
        else { return nil }
        return (unescaped(line[line.index(after: first)..<last]), line.index(after: last))
    }

    private static func withoutNumber(_ reason: Substring) -> String {
        guard reason.hasSuffix(")"), let open = reason.lastIndex(of: "("), open > reason.startIndex else {
            return String(reason)
        }
        return reason[..<open].trimmingCharacters(in: .whitespaces)
    }

    /// It writes bytes that cannot be shown as `\#` and three octal digits.
    private static func unescaped(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == 92, rest.first == 35, rest.count >= 4,
                let value = UInt8(String(decoding: rest.dropFirst().prefix(3), as: UTF8.self), radix: 8)
            {
                bytes.append(value)
                rest = rest.dropFirst(4)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    // MARK: - Version

    /// Times to the nanosecond are compared since this one.
    /// - Source: NEWS for rsync 3.1.3
    package static let oldest = "3.1.3"

    /// The number in the first line of `rsync --version`; `nil` for a program that calls itself something else.
    package static func version(_ output: String) -> String? {
        let words = (output.split(separator: "\n").first ?? "").split(separator: " ")
        guard words.count >= 3, words[0] == "rsync", words[1] == "version" else { return nil }
        return String(words[2])
    }

    package static func isTooOld(_ version: String) -> Bool {
        func numbers(_ text: String) -> [Int] {
            text.split(separator: ".").prefix(3).map { Int($0.prefix { $0.isNumber }) ?? 0 }
        }
        return numbers(version).lexicographicallyPrecedes(numbers(oldest))
    }
}

/// Adds up the sizes that ``Rsync/copy(names:in:to:linkingTo:comparesFractions:comparesContents:overlays:)`` prints as it goes.
package final class RsyncSizes: LineReader {
    private let sum = Atomic<Int64>(0)
    private let progress: @Sendable (TransferProgress) -> Void

    package init(progress: @escaping @Sendable (TransferProgress) -> Void) { self.progress = progress }

    package func read(line bytes: UnsafeRawBufferPointer) {
        guard let size = Int64(String(decoding: bytes, as: UTF8.self)), size > 0 else { return }
        let total = sum.add(size, ordering: .relaxed).newValue
        progress(TransferProgress(bytes: ByteCount(total)))
    }
}
