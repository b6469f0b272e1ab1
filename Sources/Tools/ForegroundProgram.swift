package import BackupModel
import Foundation
import ProcessSpawn

/// Runs a program as a shell would run it in our place: in our process group, with our terminal, our standard streams and our
/// environment. Ctrl-C, Ctrl-Z and job control work as if we were not there; what others send us is sent on to it.
package enum ForegroundProgram {
    /// Why it cannot be run, with the exit code that shells have for that.
    package enum Refusal: OperatorError, Equatable {
        case notFound(String)
        case notExecutable(String, reason: String)

        package var exitCode: Int32 {
            switch self {
            case .notFound: 127
            case .notExecutable: 126
            }
        }

        package var description: String {
            switch self {
            case .notFound(let name): "there is no program \(name)"
            case .notExecutable(let name, let reason): "\(name) cannot be run: \(reason)"
            }
        }

        package var hint: String? {
            switch self {
            case .notFound(let name) where name.contains("/"): "check the path"
            case .notFound: "give its path, or look whether its folder is in PATH"
            case .notExecutable(let name, _): "chmod +x \(name), or name its interpreter before it, as in `sh \(name)`"
            }
        }

        package var kind: FailureKind { .toolMissing }
    }

    package struct End: Sendable, Equatable {
        /// Its own, or 128 and the number of the signal that ended it, as shells say it.
        package var exitCode: Int32
        package var signal: Int32?
        /// Somebody sent us a signal meanwhile by which to end (the terminal's are not counted): it was sent on.
        package var wasAskedToEnd: Bool

        package init(exitCode: Int32, signal: Int32? = nil, wasAskedToEnd: Bool = false) {
            self.exitCode = exitCode
            self.signal = signal
            self.wasAskedToEnd = wasAskedToEnd
        }
    }

    /// - Parameter path: in the form of PATH; empty entries are the working folder, as for execvp(3).
    package static func locate(
        _ program: String, path: String? = ProcessInfo.processInfo.environment["PATH"]
    ) throws(Refusal) -> String {
        if program.contains("/") {
            guard let trouble = trouble(program) else { return program }
            throw trouble == ENOENT || trouble == ENOTDIR
                ? .notFound(program) : .notExecutable(program, reason: reason(trouble))
        }
        var refused: Int32?
        for folder in (path ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":", omittingEmptySubsequences: false) {
            let file = (folder.isEmpty ? "." : String(folder)) + "/" + program
            guard let trouble = trouble(file) else { return file }
            if trouble != ENOENT, trouble != ENOTDIR { refused = trouble }
        }
        guard !program.isEmpty, let refused else { throw .notFound(program) }
        throw .notExecutable(program, reason: reason(refused))
    }

    /// Runs it to its end; cancelling changes nothing, for its signals are its own. One at a time.
    /// - Parameters:
    ///   - path: as ``locate(_:path:)`` has it.
    ///   - arguments: with its own name as the first.
    ///   - variables: beside our own environment.
    package static func run(
        _ path: String, _ arguments: [String], variables: [String: String] = [:]
    ) async throws(Refusal) -> End {
        let environment = ProcessInfo.processInfo.environment.merging(variables) { _, new in new }
            .map { "\($0.key)=\($0.value)" }
        // The wait may last for hours, and threads of tasks are few.
        let result: Result<End, Refusal> = await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: wait(path, arguments, environment)) }
        }
        return try result.get()
    }

    private static func wait(_ path: String, _ arguments: [String], _ environment: [String]) -> Result<End, Refusal> {
        var (status, asked): (Int32, Int32) = (0, 0)
        var code = call(path, arguments, environment, &status, &asked)
        if code == ENOEXEC {
            // A script without an interpreter of its own: shells and execvp(3) run it all the same.
            code = call("/bin/sh", ["sh", path] + arguments.dropFirst(), environment, &status, &asked)
        }
        guard code == 0 else {
            // ENOENT: it is there, and the interpreter that its first line names is not.
            let why = code == ENOENT ? "the interpreter in its first line is not there" : reason(code)
            return .failure(.notExecutable(arguments.first ?? path, reason: why))
        }
        let signal = status & 0x7f
        return .success(
            End(
                exitCode: signal == 0 ? (status >> 8) & 0xff : 128 + signal, signal: signal == 0 ? nil : signal,
                wasAskedToEnd: asked != 0))
    }

    private static func call(
        _ path: String, _ arguments: [String], _ environment: [String], _ status: inout Int32, _ asked: inout Int32
    ) -> Int32 {
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) } + [nil]
        defer { for text in words + variables { free(text) } }
        return hf_run_foreground(path, &words, &variables, &status, &asked)
    }

    /// Why a file is no program; `nil` when it is one.
    private static func trouble(_ path: String) -> Int32? {
        var facts = stat()
        guard stat(path, &facts) == 0 else { return errno }
        guard facts.st_mode & S_IFMT == S_IFREG else { return facts.st_mode & S_IFMT == S_IFDIR ? EISDIR : EACCES }
        return access(path, X_OK) == 0 ? nil : errno
    }

    private static func reason(_ code: Int32) -> String { String(cString: strerror(code)) }
}
