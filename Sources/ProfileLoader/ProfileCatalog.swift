package import BackupModel
import Foundation

/// The profiles of the search path.
package struct ProfileCatalog: Sendable {
    package struct Entry: Sendable {
        package var name: ProfileName?
        package var path: String
        package var isAbstract: Bool
        package var problems: [ConfigProblem]
        /// A profile of the same name in a folder that is searched earlier.
        package var shadowedBy: String?

        /// What to call it in a list.
        package var title: String { name?.rawValue ?? PathText.stem(of: path) }
        package var canRun: Bool { !isAbstract && shadowedBy == nil }
    }

    package static let endings = ["yaml", "yml", "json"]

    /// The folders that are searched, the first one first.
    /// - Parameter explicit: `--config-dir`; the only one then.
    package static func searchPath(explicit: String?, environment: [String: String], home: String) -> [String] {
        if let explicit { return [explicit] }
        if let folder = environment["HOLDFAST_CONFIG_DIR"], !folder.isEmpty { return [folder] }
        let configuration = environment["XDG_CONFIG_HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil } ?? home + "/.config"
        return [configuration + "/holdfast/profiles", "/etc/holdfast/profiles"]
    }

    package let searched: [String]
    /// By name, those that are shadowed behind those that shadow them.
    package let entries: [Entry]
    /// Folders that exist and could not be read.
    package let unreadable: [ConfigProblem]

    package init(searching folders: [String], with loader: ProfileLoader) {
        searched = folders
        var entries: [Entry] = []
        var unreadable: [ConfigProblem] = []
        for folder in folders {
            let names: [String]
            do {
                names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
            } catch CocoaError.fileReadNoSuchFile {
                continue
            } catch {
                unreadable.append(
                    ConfigProblem(
                        at: SourceLocation(file: folder, line: 1, column: 1), keyPath: "",
                        message: "the folder cannot be read: \(error.localizedDescription)"))
                continue
            }
            for name in names
            where !name.hasPrefix(".") && ProfileCatalog.endings.contains(where: { name.hasSuffix("." + $0) }) {
                entries.append(ProfileCatalog.entry(folder + "/" + name, with: loader, among: entries))
            }
        }
        self.entries = entries.sorted {
            ($0.title, $0.shadowedBy == nil ? 0 : 1) < ($1.title, $1.shadowedBy == nil ? 0 : 1)
        }
        self.unreadable = unreadable
    }

    private static func entry(_ path: String, with loader: ProfileLoader, among earlier: [Entry]) -> Entry {
        let draft = loader.examine(path)
        var entry = Entry(name: draft.name, path: path, isAbstract: draft.isAbstract, problems: draft.problems)
        guard let name = draft.name, let first = earlier.first(where: { $0.name == name && $0.shadowedBy == nil })
        else { return entry }
        entry.shadowedBy = first.path
        if PathText.folder(of: first.path) == PathText.folder(of: path) {
            entry.problems.append(
                ConfigProblem(
                    at: SourceLocation(file: path, line: 1, column: 1), keyPath: "profile",
                    message: "`\(name)` is the name of \(first.path) too; give one of them another"))
        }
        return entry
    }

    // MARK: Finding one

    /// How the operator said which profile is meant.
    package struct Request: Sendable {
        /// `-p`
        package var explicit: String?
        /// `HOLDFAST_PROFILE`
        package var fromEnvironment: String?
        /// The name that the program was started by.
        package var programName: String
        package var hostName: String

        package init(explicit: String?, fromEnvironment: String?, programName: String, hostName: String) {
            self.explicit = explicit
            self.fromEnvironment = fromEnvironment
            self.programName = programName
            self.hostName = hostName
        }
    }

    /// The file of the profile that is meant: the named one (a name, or a path, which has a `/` or a profile's ending), the
    /// one that the program's own name names, the only one that can run, the one that bears the host's name.
    package func select(_ request: Request) throws(ProfileError) -> String {
        for wanted in [request.explicit, request.fromEnvironment] {
            if let wanted, !wanted.isEmpty { return try find(wanted) }
        }
        let candidates = entries.filter(\.canRun)
        let program = request.programName.split(separator: "/").last.map(String.init) ?? ""
        if let entry = candidates.first(where: { $0.title == program }) { return entry.path }
        if candidates.count == 1 { return candidates[0].path }
        let host = request.hostName
        let shortHost = host.split(separator: ".").first.map(String.init) ?? host
        for name in [host, shortHost] {
            if let entry = candidates.first(where: { $0.title == name }) { return entry.path }
        }
        guard !candidates.isEmpty else { throw .none(searched: searched) }
        throw .ambiguous(available: candidates.map(\.title))
    }

    private func find(_ wanted: String) throws(ProfileError) -> String {
        if wanted.contains("/") || ProfileCatalog.endings.contains(where: { wanted.hasSuffix("." + $0) }) {
            return wanted
        }
        if let entry = entries.first(where: { $0.title == wanted && $0.shadowedBy == nil }) { return entry.path }
        let available = entries.filter(\.canRun).map(\.title)
        throw .notFound(wanted, searched: searched, nearest: Nearest.match(wanted, in: available), available: available)
    }
}
