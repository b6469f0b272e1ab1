import Foundation

/// The built program, run as an operator runs it, with its state, cache, profiles and temporary files in a folder of the
/// test's own and the tools of the test's choice first on PATH.
package struct HoldfastProgram: Sendable {
    package let folder: ScratchFolder
    /// What the program's environment holds; nothing of the test's own gets in.
    package var environment: [String: String]
    /// Put before the program, as in `["setpriv", "--reuid=nobody", …]`.
    package var prefix: [String] = []
    package var path = FakeTool.buildProducts + "/holdfast"

    /// - Parameter restic: comes first on PATH after ``toolFolder``; `nil` leaves the system's, when there is one.
    package init(_ label: String = "e2e", restic: RealTools.Restic? = RealTools.restics.last) throws {
        folder = try ScratchFolder(label)
        var search = [folder["bin"]]
        if let restic { search.append((restic.path as NSString).deletingLastPathComponent) }
        search += ["/usr/local/bin", "/usr/bin", "/bin"]
        environment = [
            "PATH": search.joined(separator: ":"), "HOME": folder["home"], "TMPDIR": folder["tmp"], "LANG": "C.UTF-8",
            "TZ": "UTC", "USER": "tester", "HOLDFAST_STATE_DIR": folder["state"], "HOLDFAST_CACHE_DIR": folder["cache"],
            "HOLDFAST_CONFIG_DIR": folder["config"], "RESTIC_PASSWORD": "correct horse",
        ]
        for name in ["bin", "home", "tmp", "config"] {
            try FileManager.default.createDirectory(
                atPath: folder[name], withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        }
    }

    package var state: String { folder["state"] }
    package var cache: String { folder["cache"] }
    package var repository: String { folder["repository"] }
    /// The first folder on PATH, for stand-ins.
    package var toolFolder: String { folder["bin"] }

    /// Writes a profile into the profile folder, after a line that names it.
    @discardableResult
    package func writeProfile(_ yaml: String, named name: String = "test") throws -> String {
        try folder.write("profile: \(name)\n" + yaml + "\n", to: "config/\(name).yaml")
    }

    /// Writes an executable shell script that comes first on PATH.
    @discardableResult
    package func writeTool(_ name: String, _ script: String) throws -> String {
        try folder.write("#!/bin/sh\n" + script + "\n", to: "bin/\(name)", mode: 0o755)
    }

    /// Runs it to its end. When the test is cancelled, so is the program.
    @discardableResult
    package func run(
        _ arguments: String..., input: String? = nil, environment extra: [String: String] = [:]
    ) async throws -> Result {
        try await run(arguments, input: input, environment: extra)
    }

    @discardableResult
    package func run(
        _ arguments: [String], input: String? = nil, environment extra: [String: String] = [:]
    ) async throws -> Result {
        let running = try start(arguments, input: input, environment: extra)
        return await withTaskCancellationHandler {
            await running.result()
        } onCancel: {
            running.signal(SIGTERM)
        }
    }

    /// Runs another program in the same environment, so that `restic` is the one under test.
    @discardableResult
    package func runTool(_ command: String..., environment extra: [String: String] = [:]) async throws -> Result {
        try await Running(self, command, nil, environment.merging(extra) { _, new in new }).result()
    }

    /// As ``runTool(_:environment:)``, in the background.
    package func startTool(_ command: [String], environment extra: [String: String] = [:]) throws -> Running {
        try Running(self, command, nil, environment.merging(extra) { _, new in new })
    }

    /// Starts it in the background. The value must be kept: when it goes, the program is killed.
    package func start(
        _ arguments: [String], input: String? = nil, environment extra: [String: String] = [:]
    ) throws -> Running {
        try Running(self, prefix + [path] + arguments, input, environment.merging(extra) { _, new in new })
    }
}

extension HoldfastProgram {
    /// What a run of the program left.
    package struct Result: Sendable, CustomStringConvertible {
        package var arguments: [String]
        /// The exit code; minus the signal's number when one ended it.
        package var code: Int32
        package var output: String
        package var errors: String

        /// Standard output as one JSON document.
        package func document() throws -> [String: Any] { try JSONText.object(output) }

        /// Standard output as JSON lines.
        package func lines() throws -> [[String: Any]] { try JSONText.lines(output) }

        /// For messages of tests: all there is.
        package var description: String {
            "\(arguments.joined(separator: " ")) → \(code)\n--- stdout\n\(output.suffix(6000))\n--- stderr\n\(errors.suffix(6000))"
        }
    }

    /// One started program. Killed with its process group when the value goes.
    package final class Running: Sendable {
        private let child: WatchedChild
        private let arguments: [String]
        private let outputPath: String
        private let errorPath: String
        /// Keeps the folder of the outputs.
        private let folder: ScratchFolder

        init(_ program: HoldfastProgram, _ command: [String], _ input: String?, _ environment: [String: String]) throws
        {
            folder = program.folder
            arguments = command
            let name = UUID().uuidString.prefix(8)
            outputPath = try folder.write("", to: "io/\(name).out", mode: 0o666)
            errorPath = try folder.write("", to: "io/\(name).err", mode: 0o666)
            let inputPath = try input.map { try program.folder.write($0, to: "io/\(name).in", mode: 0o644) }
            child = try WatchedChild(
                ["/usr/bin/env", "--chdir=\(folder.path)"] + command, environment: environment, input: inputPath,
                output: outputPath, errors: errorPath)
        }

        deinit { child.signal(SIGKILL, wholeGroup: true) }

        /// Its process number. `env` hands it to the program (or to the prefix) that it becomes.
        package var pid: Int32 { child.pid }

        package var isRunning: Bool { child.isRunning }

        /// What it has printed so far.
        package var output: String { text(outputPath) }
        package var errors: String { text(errorPath) }

        /// Sends the program a signal, unless it has ended.
        package func signal(_ number: Int32) { child.signal(number) }

        /// Waits for its end.
        package func result() async -> Result {
            let code = await child.code
            return Result(arguments: arguments, code: code, output: output, errors: errors)
        }

        /// Waits until something is so, at most `limit`; `false` when it never was.
        package func wait(_ limit: Duration = .seconds(20), until isSo: @Sendable () throws -> Bool) async throws
            -> Bool
        {
            let end = ContinuousClock.now + limit
            while ContinuousClock.now < end {
                if try isSo() { return true }
                try await Task.sleep(for: .milliseconds(10))
            }
            return try isSo()
        }

        private func text(_ path: String) -> String {
            String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
        }
    }
}

/// JSON as a program prints it, for tests that look into it.
package enum JSONText {
    package struct Unexpected: Error, CustomStringConvertible {
        package var description: String
        package init(_ description: String) { self.description = description }
    }

    package static func object(_ text: String) throws -> [String: Any] {
        guard let object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any] else {
            throw Unexpected("not a JSON object: \(text.prefix(300))")
        }
        return object
    }

    package static func lines(_ text: String) throws -> [[String: Any]] {
        try text.split(separator: "\n").map { try object(String($0)) }
    }
}
