import BackupEngine
import BackupModel
import Digests
import Foundation
import HostSystem

/// Compares a sheet that was made earlier with how things are now.
struct KitCheck {
    private let live: Live
    private let kit: Kit

    /// - Parameter kit: as it would be made now.
    init(_ live: Live, _ kit: Kit) {
        self.live = live
        self.kit = kit
    }

    /// No sheet is larger.
    private static let limit = 64 << 20

    func check(_ file: String, _ console: Console) throws -> ExitStatus {
        let path = IdentityOption.path(file)
        let problems = try problems(of: try KitCheck.read(path), path)
        let newer = kit.sections.map { "\($0.name): \($0.point.run) of \(Format.time($0.point.time))" }
        if console.isJSON {
            console.print(
                .object([
                    ("file", .string(path)), ("fits", JSONValue(problems.isEmpty)), ("problems", JSONValue(problems)),
                    ("unknown", JSONValue(kit.absences.map(\.repository.name.rawValue))), ("newest", JSONValue(newer)),
                ]))
        } else if problems.isEmpty {
            console.print("\(Console.harmlessName(file)) still fits")
        } else {
            console.print("\(Console.harmlessName(file)) is stale:")
            for problem in problems { console.print("  " + Console.harmlessName(problem)) }
            console.print("make a new one: holdfast kit -p \(kit.profile)")
        }
        return problems.isEmpty ? .success : .overdue
    }

    static func read(_ path: String) throws -> [UInt8] {
        let data: Data
        do {
            let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            data = try handle.read(upToCount: limit + 1) ?? Data()
        } catch {
            throw Failure(
                "the sheet \(path) cannot be read: \(error.localizedDescription)", hint: "name the file of a sheet",
                kind: .usage)
        }
        guard data.count <= limit else { throw Failure("\(path) is far too large for a sheet", kind: .usage) }
        return Array(data)
    }

    /// The script of a sheet, of whichever form; `nil` where it cannot be read without a key.
    static func script(in bytes: [UInt8]) -> String? {
        let text = String(decoding: bytes, as: UTF8.self)
        let script = KitPage.script(in: text) ?? text
        return KitFacts(in: script) == nil ? nil : script
    }

    private func problems(of bytes: [UInt8], _ path: String) throws -> [String] {
        if let script = KitCheck.script(in: bytes), let facts = KitFacts(in: script) {
            let altered = try KitScript.isWhole(script) ? [] : ["it was changed after it was made, or cut short"]
            return altered + facts.differences(to: kit)
        }
        let known = note(try SHA256.digest(of: bytes).description)
        // Of a sheet that was not made here there is no such file.
        guard let lines = try? String(contentsOfFile: known, encoding: .utf8), let facts = KitFacts(in: lines) else {
            throw Failure(
                "\(path) is no sheet that can be read, and none that was made here",
                hint: "decrypt it first; or make a new one", kind: .unproven)
        }
        return facts.differences(to: kit)
    }

    func remember(_ digest: String) throws {
        let path = note(digest)
        try FileManager.default.createDirectory(
            atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700])
        let text = KitFacts(kit).lines.joined(separator: "\n") + "\n"
        try PrivateFile.write(Array(text.utf8), to: path, replacing: true)
    }

    private func note(_ digest: String) -> String { "\(live.stateFolder)/kits/\(digest).txt" }
}
