import BackupModel
import Foundation
import ProcessSpawn

/// Turns a command into a running child.
struct Launcher: Sendable {
    let search: ProgramSearch
    let environment: ChildEnvironment

    /// The standard descriptors of one child. All of them stay ours and may be closed after the start.
    struct Streams {
        var input: Descriptor
        var output: Descriptor
        var errors: Descriptor
    }

    /// - Important: on the supervisor's thread only; the orphan signal is tied to it.
    func start(_ command: ToolCommand, _ streams: Streams, orphanSignal: Int32) throws(ToolError) -> hf_spawned {
        var table = [streams.input, streams.output, streams.errors]
        let path = try place(of: command, &table)
        var arguments = [command.program] + command.arguments
        var variables = environment.entries(for: command)
        for delivery in command.secrets {
            let place = "/dev/fd/\(table.count)"
            switch delivery {
            case .environment: continue
            case .memoryFile(let variable, let secret):
                table.append(try .memoryFile(secret.reveal(for: .childProcess), for: command.user))
                let entry = Array("\(variable)=".utf8)
                variables.removeAll { $0.starts(with: entry) }
                variables.append(entry + Array(place.utf8))
            case .memoryFileArgument(let argument, let secret):
                table.append(try .memoryFile(secret.reveal(for: .childProcess), for: command.user))
                arguments.append(argument + place)
            case .memoryFileFirstArgument(let argument, let secret):
                table.append(try .memoryFile(secret.reveal(for: .childProcess), for: command.user))
                arguments.insert(argument + place, at: 1)
            }
        }
        return try Launcher.spawn(
            command, path: path, arguments: arguments.map { Array($0.utf8) }, variables: variables, table: table,
            orphanSignal: orphanSignal)
    }

    /// The path to execute. That of an opened file is a descriptor of the child's own, which an interpreter opens once more.
    private func place(of command: ToolCommand, _ table: inout [Descriptor]) throws(ToolError) -> String {
        if let number = command.programDescriptor {
            table.append(try Descriptor.made("copying a descriptor") { hf_duplicate(number, &$0) })
            return "/dev/fd/\(table.count - 1)"
        }
        guard let path = search.locate(command.program) else {
            throw .notFound(program: command.program, searched: search.folders)
        }
        return path
    }

    /// What the child reads, by its command.
    func input(of command: ToolCommand) throws(ToolError) -> Descriptor {
        let first = try Launcher.firstLines(of: command)
        switch command.input {
        case .none, .held: return first.isEmpty ? try .null() : try .memoryFile(first, for: command.user)
        case .bytes(let bytes): return try .memoryFile(first + bytes, for: command.user)
        case .secret(let secret): return try .memoryFile(first + secret.reveal(for: .childProcess), for: command.user)
        case .file(let path):
            guard first.isEmpty else { throw Launcher.refused(command, "no lines can come before a file") }
            var number: Int32 = -1
            let code = hf_open_input(path, &number)
            switch code {
            case 0: return Descriptor(owning: number)
            case ELOOP: throw .inputUnreadable(path: path, reason: "it is a symbolic link")
            case ENOTSUP: throw .inputUnreadable(path: path, reason: "it is not a regular file")
            default:
                throw Launcher.isExhaustion(code)
                    ? .exhausted(what: "opening \(path) failed", code: code, reason: describe(errno: code))
                    : .inputUnreadable(path: path, reason: describe(errno: code))
            }
        }
    }

    /// A pipe whose write end we keep, with the command's first lines in it.
    func heldInput(of command: ToolCommand) throws(ToolError) -> Pipe {
        let pipe = try Pipe()
        try Launcher.writeFirstLines(of: command, into: pipe.writeEnd)
        return pipe
    }

    /// Into an empty pipe, before anybody else writes to it.
    static func writeFirstLines(of command: ToolCommand, into pipe: Descriptor) throws(ToolError) {
        let lines = try firstLines(of: command)
        guard !lines.isEmpty else { return }
        // An empty pipe takes this much at once.
        guard lines.count <= 4096 else { throw refused(command, "its first lines are too long") }
        let written = lines.withUnsafeBytes { write(pipe.number, $0.baseAddress, $0.count) }
        guard written == lines.count else { throw refused(command, "its first lines could not be written") }
    }

    private static func firstLines(of command: ToolCommand) throws(ToolError) -> [UInt8] {
        var bytes: [UInt8] = []
        for secret in command.firstLines {
            let line = secret.reveal(for: .childProcess)
            if line.contains(10) || line.contains(0) {
                throw refused(command, "a secret that is handed over as a line has a line break in it")
            }
            bytes += line + [10]
        }
        return bytes
    }

    private static func refused(_ command: ToolCommand, _ reason: String) -> ToolError {
        .couldNotStart(program: command.program, stage: "request", code: EINVAL, reason: reason)
    }

    private static func spawn(
        _ command: ToolCommand, path: String, arguments: [[UInt8]], variables: [[UInt8]], table: [Descriptor],
        orphanSignal: Int32
    ) throws(ToolError) -> hf_spawned {
        let overlaid = command.overlays.flatMap { [Array($0.content.utf8), Array($0.place.utf8)] }
        for word in arguments + variables + overlaid where word.contains(0) {
            throw .couldNotStart(
                program: command.program, stage: "request", code: EINVAL, reason: "an argument or variable holds a NUL")
        }
        var spawned = hf_spawned(pid: 0, handle: -1, transfers: -1, stage: 0)
        let groups = command.user?.groups ?? []
        let numbers = table.map(\.number)
        let code = withCStrings(arguments) { argumentList in
            withCStrings(variables) { variableList in
                path.withCString { path in
                    withOptionalCString(command.workingDirectory) { folder in
                        groups.withUnsafeBufferPointer { groups in
                            numbers.withUnsafeBufferPointer { numbers in
                                var request = hf_spawn_request()
                                request.path = path
                                request.arguments = argumentList
                                request.environment = variableList
                                request.folder = folder
                                request.descriptors = numbers.baseAddress
                                request.descriptor_count = Int32(numbers.count)
                                if let user = command.user {
                                    request.switches_user = 1
                                    request.user = user.uid
                                    request.group = user.gid
                                    request.groups = groups.baseAddress
                                    request.group_count = Int32(groups.count)
                                }
                                request.orphan_signal = orphanSignal
                                request.niceness = command.niceness
                                request.overlay_count = Int32(command.overlays.count)
                                return withCStrings(overlaid) { pairs in
                                    pairs?.withMemoryRebound(to: UnsafePointer<CChar>?.self, capacity: overlaid.count) {
                                        request.overlays = $0
                                    }
                                    return hf_spawn(&request, &spawned)
                                }
                            }
                        }
                    }
                }
            }
        }
        withExtendedLifetime(table) {}
        guard code != 0 else { return spawned }
        if isExhaustion(code) {
            throw .exhausted(what: "starting \(command.program) failed", code: code, reason: describe(errno: code))
        }
        throw .couldNotStart(
            program: command.program, stage: String(cString: hf_stage_name(spawned.stage)), code: code,
            reason: describe(errno: code))
    }

    private static func isExhaustion(_ code: Int32) -> Bool { [EMFILE, ENFILE, ENOMEM, EAGAIN].contains(code) }
}

/// A NULL-ended list of C strings for the time of `body`, wiped afterwards: secrets may be among them.
private func withCStrings<Value>(
    _ words: [[UInt8]], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>?) -> Value
) -> Value {
    let offsets = words.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.count + 1) }
    let storage = UnsafeMutablePointer<CChar>.allocate(capacity: offsets[words.count] + 1)
    storage.initialize(repeating: 0, count: offsets[words.count] + 1)
    defer {
        hf_wipe(storage, offsets[words.count])
        storage.deallocate()
    }
    for (word, offset) in zip(words, offsets) {
        for (index, byte) in word.enumerated() { storage[offset + index] = CChar(bitPattern: byte) }
    }
    let list: [UnsafeMutablePointer<CChar>?] = words.indices.map { storage + offsets[$0] } + [nil]
    return list.withUnsafeBufferPointer { body($0.baseAddress) }
}

private func withOptionalCString<Value>(_ text: String?, _ body: (UnsafePointer<CChar>?) -> Value) -> Value {
    guard let text else { return body(nil) }
    return text.withCString { body($0) }
}
