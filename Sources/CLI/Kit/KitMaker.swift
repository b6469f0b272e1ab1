import BackupEngine
import BackupModel
import Digests
import Foundation
import HostSystem
import ProfileLoader

/// Makes a sheet of a kit and brings it where it is wanted.
struct KitMaker {
    struct Wish {
        var isHTML = false
        var hasProfile = true
        var hasSecrets = false
        var recipients: [String] = []
        var shares: (count: Int, threshold: Int)?
        var hasCodes = false
    }

    private let live: Live
    private let kit: Kit
    private let global: GlobalOptions
    private let console: Console

    init(_ live: Live, _ kit: Kit, _ global: GlobalOptions, _ console: Console) {
        self.live = live
        self.kit = kit
        self.global = global
        self.console = console
    }

    /// The script of a sheet without secrets.
    func script() throws -> String {
        try KitScript.text(KitSheet(kit, profile: try profile()))
    }

    private func profile() throws -> String {
        // Folders stay as they are written; of addresses a variable may have told the server.
        var places: [String: String] = [:]
        for follower in try live.engine().followers where !follower.location.hasPrefix("/") {
            places[follower.spec.name.rawValue] = follower.location
        }
        if let primary = live.profile.primary {
            let location = try live.repository(primary).location
            if !location.hasPrefix("/") { places[primary.name.rawValue] = location }
        }
        return try Profiles(global).loaded().effective.portable(host: kit.host, places: places)
    }

    /// - Returns: the files that were written; none where it was printed.
    func write(_ wish: Wish, to path: String?, replacing: Bool) async throws -> [String] {
        var secrets: KitSecrets?
        if wish.hasSecrets {
            let found = try await KitSecrets(kit, live.secrets, environment: live.profile.settings.environment)
            for missing in found.missing { console.warn("not in the sheet: \(missing)") }
            secrets = found
        }
        let codes =
            if let secrets, wish.hasCodes { try await secrets.codes(live.runner) } else { [KitCode]() }
        let sheet = KitSheet(kit, secrets: secrets, profile: wish.hasProfile ? try profile() : nil, qr: codes)
        let script = try KitScript.text(sheet)
        let text = wish.isHTML ? KitPage.html(sheet, script: script) : script
        let sealing = KitSealing(runner: live.runner)
        if let shares = wish.shares, let path {
            let made = try await sealing.shares(
                of: Array(text.utf8), shares.count, threshold: shares.threshold, title: sheet.title,
                format: wish.isHTML ? "html" : "text", qr: wish.hasCodes)
            let files = made.map { (path: "\(path).\($0.name)", text: $0.text) }
            // All of them or none, as far as can be seen before.
            if !replacing, let there = files.first(where: { FileManager.default.fileExists(atPath: $0.path) }) {
                throw Failure(
                    "\(there.path) is there already", hint: "give another file with --output, or --force", kind: .usage)
            }
            // Known before they are there: shares that cannot be told from another's would be worth less than none.
            for file in files { try remember(Array(file.text.utf8)) }
            try PrivateFile.write(files.map { ($0.path, Array($0.text.utf8)) }, replacing: replacing)
            return files.map(\.path)
        }
        var bytes = Array(text.utf8)
        if !wish.recipients.isEmpty {
            bytes = try await sealing.encrypted(bytes, to: wish.recipients)
            try remember(bytes)
        }
        guard let path else {
            // Not by the console, which blots secrets out.
            Console.write(bytes, to: STDOUT_FILENO)
            return []
        }
        try PrivateFile.write(bytes, to: path, replacing: replacing)
        return [path]
    }

    /// A sheet that cannot be read here is known by its digest.
    private func remember(_ bytes: [UInt8]) throws {
        try KitCheck(live, kit).remember(try SHA256.digest(of: bytes).description)
    }
}
