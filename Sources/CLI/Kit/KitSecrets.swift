import BackupEngine
import BackupModel
import Foundation
import Programs

/// The key material of a kit, as far as this host has it.
struct KitSecrets: Sendable {
    private var values: [String: [UInt8]] = [:]
    /// What is asked for and is not here.
    private(set) var missing: [String] = []

    /// - Throws: ``Failure`` where nothing at all can be had.
    init(_ kit: Kit, _ store: any SecretStore, environment: [String: String]) async throws {
        for section in kit.sections {
            for key in section.keys {
                // A credential that may only write opens nothing there.
                if !section.wasRead, key.form == .text { continue }
                guard let reference = key.kept else {
                    missing.append("\(section.name): \(key.variable): the profile does not say where it is kept")
                    continue
                }
                do throws(SecretError) {
                    let secret = try await store.resolve(reference, environment: environment)
                    values[KitSecrets.name(key.variable, section.name)] = secret.reveal(for: .childProcess)
                } catch {
                    missing.append("\(section.name): \(key.variable): \(error.description)")
                }
            }
        }
        guard !values.isEmpty else {
            throw Failure(
                "none of the keys is on this host, so there is nothing secret to put into a sheet",
                hint: "make it without --with-secrets; \(missing.first ?? "it asks for none")")
        }
    }

    private static func name(_ variable: String, _ section: RepositoryName) -> String { "\(section).\(variable)" }

    func value(of key: ManualRestore.Key, in section: RepositoryName) -> String? {
        values[KitSecrets.name(key.variable, section)].map { String(decoding: $0, as: UTF8.self) }
    }

    /// Each secret once, with what it is.
    func codes(_ runner: any ToolRunner) async throws -> [KitCode] {
        var seen: Set<[UInt8]> = []
        var codes: [KitCode] = []
        for (name, bytes) in values.sorted(by: { $0.key < $1.key }) where seen.insert(bytes).inserted {
            codes.append(try await KitCode(name, bytes, runner))
        }
        return codes
    }
}

/// A QR code, in blocks for text and as a picture for a page.
struct KitCode: Sendable {
    var title: String
    var blocks: [String]
    var svg: String

    /// By `qrencode`, which reads what it is to show from its standard input.
    /// - Source: qrencode(1) 4.1.1
    init(_ title: String, _ bytes: [UInt8], _ runner: any ToolRunner) async throws {
        self.title = title
        func drawn(_ type: String) async throws -> String {
            var command = ToolCommand("qrencode", ["-8", "-l", "M", "-t", type, "-o", "-"])
            command.input = .secret(Secret(bytes))
            // As text without line breaks it can be anybody's; blotted out of messages, not out of the picture.
            command.limits = ToolCommand.Limits(total: .seconds(30))
            command.keptOutput = .mebibytes(2)
            command.teardown = TeardownStep.terminateFirst
            let result = try await runner.run(command)
            guard result.didItsWork, result.output.isComplete else {
                throw Failure(
                    "qrencode could not draw \(title) (\(result.termination.description)): \(result.errors.text.prefix(200))",
                    hint: "a QR code holds 2.3 kB at most; leave out --qr for longer keys")
            }
            return result.output.text
        }
        // Dark on light, as on paper.
        blocks = try await drawn("UTF8i").split(separator: "\n").map(String.init)
        let picture = try await drawn("SVG")
        svg = picture.range(of: "<svg").map { String(picture[$0.lowerBound...]) } ?? ""
    }
}
