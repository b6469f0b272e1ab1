import BackupModel
import DumpSources
import Foundation
import HostSystem
import Notifiers
import ProfileLoader
import Repositories

/// Finds and loads profiles as the options and the environment say.
struct Profiles {
    let loader: ProfileLoader
    private let global: GlobalOptions
    private let environment = ProcessInfo.processInfo.environment

    init(_ global: GlobalOptions) {
        self.global = global
        loader = ProfileLoader(
            sources: DumpSourceRegistry.kinds.map(\.descriptor),
            repositories: RepositoryRegistry.kinds.map(\.descriptor),
            notifiers: NotifierRegistry.kinds.map(\.descriptor), hostName: LocalHost().hostName)
    }

    var searchPath: [String] {
        ProfileCatalog.searchPath(
            explicit: global.configFolder, environment: environment, home: HomeFolder.path(environment))
    }

    func catalog() -> ProfileCatalog { ProfileCatalog(searching: searchPath, with: loader) }

    /// The path of the profile that is meant.
    func chosenPath() throws(ProfileError) -> String {
        let wanted = global.profile ?? environment["HOLDFAST_PROFILE"] ?? ""
        // A path needs no look at the other profiles.
        if wanted.contains("/") { return wanted }
        return try catalog().select(
            ProfileCatalog.Request(
                explicit: global.profile, fromEnvironment: environment["HOLDFAST_PROFILE"],
                programName: CommandLine.arguments.first ?? "", hostName: LocalHost().hostName))
    }

    func loaded() throws(ProfileError) -> LoadedProfile { try loader.load(try chosenPath()) }

    /// - Parameter identity: the file of a secret key that opens archives of which the profile names none.
    func chosen(openedWith identity: String? = nil) throws(ProfileError) -> Profile {
        var profile = try loaded().profile
        guard let identity else { return profile }
        for index in profile.repositories.indices where profile.repositories[index].kind == "archive" {
            let entry = profile.repositories[index].entry
            // The key that is given may be that of sources alone.
            guard entry["identity"] == nil else { continue }
            profile.repositories[index].entry = entry.setting("identity", to: "file:" + identity)
        }
        return profile
    }
}
