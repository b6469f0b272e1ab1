import Foundation

/// The S3 server of the tests, `Tests/Servers/s3-server`, with one credential for each preset of rights and one bucket.
/// What it checks, what each preset may do and what each fault does is told at the top of that file.
package final class S3Server: Sendable {
    /// What a credential may do.
    package enum Preset: String, CaseIterable, Sendable {
        case full
        case appendOnly = "append-only"
        case immutable
        case writeOnly = "write-only"
        case putNoOverwrite = "put-no-overwrite"
        case putIfAbsent = "put-if-absent"
        case readOnly = "read-only"
        case none
    }

    package struct Credential: Sendable, Equatable {
        package let id: String
        package let secret: String

        /// As restic, aws, rclone (`env_auth`) and curl's wrappers read it.
        package var environment: [String: String] {
            ["AWS_ACCESS_KEY_ID": id, "AWS_SECRET_ACCESS_KEY": secret, "AWS_DEFAULT_REGION": "us-east-1"]
        }
    }

    package static let isAvailable = ["/usr/bin/python3", "/usr/local/bin/python3"]
        .contains(where: FileManager.default.isExecutableFile(atPath:))

    package let bucket = "bucket"
    /// `http://127.0.0.1:PORT`, without a slash at its end.
    package let endpoint: String
    private let folder: ScratchFolder
    private let process: Process
    /// It ends as soon as this closes.
    private let input: Pipe
    private let mark = String(UUID().uuidString.prefix(8))

    package init() throws {
        folder = try ScratchFolder("s3")
        let credentials = Dictionary(
            uniqueKeysWithValues: Preset.allCases.map { [mark] preset in
                let credential = S3Server.credential(preset, mark: mark)
                return (credential.id, ["secret": credential.secret, "policy": preset.rawValue])
            })
        let config: [String: Any] = ["buckets": [bucket], "credentials": credentials]
        try JSONSerialization.data(withJSONObject: config).write(to: URL(fileURLWithPath: folder["config.json"]))
        try folder.write("[]", to: "faults.json")
        try folder.write("", to: "log")

        input = Pipe()
        process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "python3", RealTools.packageRoot + "/Tests/Servers/s3-server", "--storage", folder["storage"],
            "--config", folder["config.json"], "--faults", folder["faults.json"], "--log", folder["log"],
            "--port-file", folder["port"],
        ]
        process.standardInput = input
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle(forWritingAtPath: try folder.write("", to: "errors"))
        try process.run()
        var port: String?
        for _ in 0..<600 where process.isRunning {
            port = try? String(contentsOfFile: folder["port"], encoding: .utf8)
            if port != nil { break }
            usleep(50_000)
        }
        endpoint = "http://127.0.0.1:\(port?.trimmingCharacters(in: .newlines) ?? "")"
        if port == nil {
            process.terminate()
            let said = try String(contentsOfFile: folder["errors"], encoding: .utf8)
            throw StartFailure("the S3 server did not come up: \(said)")
        }
    }

    // No signal: a child of a thread that runs Swift tasks has most of them blocked.
    deinit { input.fileHandleForWriting.closeFile() }

    package func credential(_ preset: Preset) -> Credential { S3Server.credential(preset, mark: mark) }

    private static func credential(_ preset: Preset, mark: String) -> Credential {
        Credential(id: "test-\(preset.rawValue)", secret: "s3-secret-\(preset.rawValue)-\(mark)")
    }

    /// The way restic names a repository below the bucket.
    package func repository(_ path: String) -> String { "s3:\(endpoint)/\(bucket)/\(path)" }

    /// The file of an object, to look at it, damage it or remove it. For keys of plain characters.
    package func file(_ key: String) -> String { folder["storage/\(bucket)/\(key)"] }

    /// The keys of plain characters that are there, in order.
    package func keys() throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: folder["storage/\(bucket)"]).filter { path in
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(atPath: file(path), isDirectory: &isFolder) && !isFolder.boolValue
        }.sorted()
    }

    /// What the server itself had to complain of; empty when all is well.
    package func complaints() throws -> String { try String(contentsOfFile: folder["errors"], encoding: .utf8) }

    /// Replaces all faults, from the next request on. Their counts begin anew.
    package func set(faults: [Fault]) throws {
        let data = try JSONSerialization.data(withJSONObject: faults.map(\.rule))
        try data.write(to: URL(fileURLWithPath: folder["faults.json"]), options: .atomic)
    }

    /// Every request that was answered, or cut off, since the start.
    package func requests() throws -> [Request] {
        let decoder = JSONDecoder()
        return try Data(contentsOf: URL(fileURLWithPath: folder["log"])).split(separator: UInt8(ascii: "\n")).map {
            try decoder.decode(Request.self, from: $0)
        }
    }
}

extension S3Server {
    /// One line of the server's log.
    package struct Request: Decodable, Sendable {
        package var credential: String
        package var method: String
        /// As the policies name it: `put`, `get`, `list`, `delete`, …
        package var action: String
        package var bucket: String
        package var key: String
        package var query: String
        /// 0: the connection was cut without a reply.
        package var status: Int
        /// S3's error code.
        package var code: String?
        package var bytesIn: Int
        package var bytesOut: Int
        package var agent: String
        /// The name of the fault that struck, or its kind.
        package var fault: String?

        enum CodingKeys: String, CodingKey {
            case credential, method, action, bucket, key, query, status, code, agent, fault
            case bytesIn = "in"
            case bytesOut = "out"
        }
    }

    /// A fault for the requests that match; `*` in a pattern matches `/` too.
    package struct Fault: Sendable {
        package enum Effect: Sendable {
            /// `status`: S3's own for the code when nil.
            case reply(code: String, status: Int? = nil)
            case delay(Duration)
            /// The connection is cut after it.
            case hang(Duration)
            /// The counts of bytes: half of the body when nil.
            case cutRequest(bytes: Int? = nil)
            case cutBefore
            case cutAfter
            case cutBody(bytes: Int? = nil)
            case truncate(bytes: Int? = nil)
            /// The place: the middle when nil.
            case flip(at: Int? = nil)
            case slow(bytesPerSecond: Int)
            case lose
            case damage(at: Int? = nil)
        }

        package var effect: Effect
        package var method: String
        package var key: String
        package var action: String
        package var credential: String
        package var after: Int
        package var times: Int?

        /// - Parameters:
        ///   - after: so many that match pass first.
        ///   - times: so often it strikes; always when nil.
        package init(
            _ effect: Effect, method: String = "*", key: String = "*", action: String = "*", credential: String = "*",
            after: Int = 0, times: Int? = nil
        ) {
            self.effect = effect
            self.method = method
            self.key = key
            self.action = action
            self.credential = credential
            self.after = after
            self.times = times
        }

        fileprivate var rule: [String: Any] {
            var rule: [String: Any] = [
                "method": method, "key": key, "action": action, "credential": credential, "after": after,
            ]
            rule["times"] = times
            let (kind, name, value): (String, String, Any?) =
                switch effect {
                case .reply(let code, _): ("reply", "code", code)
                case .delay(let time): ("delay", "seconds", time / .seconds(1))
                case .hang(let time): ("hang", "seconds", time / .seconds(1))
                case .cutRequest(let bytes): ("cut-request", "bytes", bytes)
                case .cutBefore: ("cut-before", "", nil)
                case .cutAfter: ("cut-after", "", nil)
                case .cutBody(let bytes): ("cut-body", "bytes", bytes)
                case .truncate(let bytes): ("truncate", "bytes", bytes)
                case .flip(let place): ("flip", "at", place)
                case .slow(let rate): ("slow", "rate", rate)
                case .lose: ("lose", "", nil)
                case .damage(let place): ("damage", "at", place)
                }
            rule["fault"] = kind
            if let value { rule[name] = value }
            if case .reply(_, let status?) = effect { rule["status"] = status }
            return rule
        }
    }
}
