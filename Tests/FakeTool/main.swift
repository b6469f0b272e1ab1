// Plays any program from a script, for faults that real tools do not produce on demand.
//
// The script is the file named by FAKE_TOOL_SCRIPT, else `<path of this program as called>.script`; link this program
// under a tool's name to stand in for it. One step per line, done in order:
//
//     stdout TEXT          writes TEXT and a newline; \n, \t and \e in TEXT are a newline, a tab and an escape
//     stderr TEXT          the same on standard error
//     bytes N              writes N bytes (lines of x) to standard output
//     sleep S              sleeps S seconds
//     ignore SIG …         ignores signals: INT TERM HUP PIPE
//     default SIG …        has them end it again
//     on SIG N TEXT        when the signal comes, writes TEXT to standard error and exits with N
//     read-stdin           reads standard input to its end
//     read-stdin FILE      the same, into FILE
//     echo-stdin           answers each line of standard input with `got LINE`
//     close-stdout         closes standard output
//     spawn-sleeper S      leaves behind a child that sleeps S seconds and holds our outputs open
//     log-args FILE        appends the arguments to FILE, one line for each
//     log-pid FILE         appends the process number to FILE
//     require NAME VALUE   exits with 99 unless the environment variable has this value
//     kill N               sends itself signal N
//     exit N               exits with N
//
// Empty lines and lines that begin with # are skipped. An unknown step exits with 98, no script with 97.

import Foundation

let called = CommandLine.arguments[0]
let scriptPath = ProcessInfo.processInfo.environment["FAKE_TOOL_SCRIPT"] ?? "\(called).script"

func fail(_ text: String, _ code: Int32) -> Never {
    say("\(called): \(text)\n", to: 2)
    exit(code)
}

func say(_ text: String, to descriptor: Int32) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
        let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        // As most tools do, give up when the reader is gone.
        if count < 0 { exit(96) }
        rest = rest.dropFirst(count)
    }
}

func unescaped(_ text: String) -> String {
    text.replacingOccurrences(of: "\\n", with: "\n").replacingOccurrences(of: "\\t", with: "\t")
        .replacingOccurrences(of: "\\e", with: "\u{1b}")
}

func append(_ text: String, to path: String) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    if descriptor < 0 { fail("cannot write \(path)", 95) }
    say(text, to: descriptor)
    close(descriptor)
}

let signals = ["INT": SIGINT, "TERM": SIGTERM, "HUP": SIGHUP, "PIPE": SIGPIPE]
func signalNumber(_ name: String) -> Int32 { signals[name] ?? { fail("no signal \(name)", 98) }() }

/// What to say and how to end when a signal comes; read by the handler.
nonisolated(unsafe) var farewells: [Int32: (text: String, code: Int32)] = [:]

func copyInput(to path: String?) {
    let out = path.map { open($0, O_WRONLY | O_CREAT | O_TRUNC, 0o600) }
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
        let count = read(0, &buffer, buffer.count)
        if count < 0, errno == EINTR { continue }
        if count <= 0 { break }
        if let out { _ = write(out, buffer, count) }
    }
    if let out { close(out) }
}

func play(_ step: String, _ words: [String], _ rest: String) {
    let first = words.first ?? ""
    switch step {
    case "stdout": say(unescaped(rest) + "\n", to: 1)
    case "stderr": say(unescaped(rest) + "\n", to: 2)
    case "bytes":
        let line = String(repeating: "x", count: 63) + "\n"
        let block = String(repeating: line, count: 1024)
        var left = Int(first) ?? 0
        while left > 0 {
            say(String(block.prefix(left)), to: 1)
            left -= min(left, block.utf8.count)
        }
    case "sleep":
        let end = Date() + (Double(first) ?? 0)
        while Date() < end { usleep(10_000) }
    case "ignore": for word in words { signal(signalNumber(word), SIG_IGN) }
    case "default": for word in words { signal(signalNumber(word), SIG_DFL) }
    case "on":
        let number = signalNumber(first)
        farewells[number] = (words.dropFirst(2).joined(separator: " "), Int32(words[1]) ?? 1)
        signal(number) { number in
            guard let farewell = farewells[number] else { _exit(1) }
            say(farewell.text + "\n", to: 2)
            _exit(farewell.code)
        }
    case "read-stdin": copyInput(to: words.first)
    case "echo-stdin": while let line = readLine() { say("got \(line)\n", to: 1) }
    case "close-stdout": close(1)
    case "spawn-sleeper":
        let sleeper = Process()
        sleeper.executableURL = URL(fileURLWithPath: "/bin/sleep")
        sleeper.arguments = [first]
        do { try sleeper.run() } catch { fail("cannot spawn a sleeper: \(error)", 94) }
    case "log-args": append(CommandLine.arguments.dropFirst().map { $0 + "\n" }.joined(), to: first)
    case "log-pid": append("\(getpid())\n", to: first)
    case "require":
        if ProcessInfo.processInfo.environment[first] != words.dropFirst().joined(separator: " ") {
            fail("\(first) is not as required", 99)
        }
    case "kill": kill(getpid(), Int32(first) ?? SIGKILL)
    case "exit": exit(Int32(first) ?? 0)
    default: fail("unknown step \(step)", 98)
    }
}

guard let script = try? String(contentsOfFile: scriptPath, encoding: .utf8) else {
    fail("no script at \(scriptPath)", 97)
}
for line in script.split(separator: "\n") where !line.hasPrefix("#") {
    let parts = line.split(separator: " ", maxSplits: 1).map(String.init)
    guard let step = parts.first else { continue }
    let rest = parts.count > 1 ? parts[1] : ""
    play(step, rest.split(separator: " ").map(String.init), rest)
}
exit(0)
