import BackupModel

/// A stage that hands everything on and counts it: what loads a dump may end well on one that was cut short.
///
/// The kernel's account of a child is not to be had everywhere: with Linux 6.18 an ordinary user was not let read that of one that
/// had ended. So the stage says itself what went through it.
enum CountingStage {
    static var command: ToolCommand {
        var command = ToolCommand("dd", ["bs=1M"])
        // `123 bytes (123 B) copied, 0.1 s, …`
        command.environment["LC_ALL"] = "C"
        command.teardown = TeardownStep.terminateFirst
        command.whenOrphaned = .leave
        return command
    }

    /// What went through; `nil` where that is not known.
    static func bytes(_ result: ToolResult) -> ByteCount? {
        let lines = result.errors.text.split(separator: "\n")
        let said = lines.last { $0.contains(" byte") && $0.contains("copied") }?.prefix { $0.isNumber }
        return said.flatMap { Int64($0) }.map { ByteCount($0) } ?? result.producedBytes
    }

    /// - Throws: ``SourceError/mismatch(what:expected:found:)``
    static func require(_ bytes: ByteCount, of part: PartPath, in result: ToolResult) throws(SourceError) {
        let delivered = CountingStage.bytes(result)
        guard delivered == bytes else {
            throw .mismatch(
                what: "the dump \(part)", expected: "\(bytes.bytes) bytes",
                found: delivered.map { "\($0.bytes) bytes" } ?? "an unknown number of bytes")
        }
    }
}
