import ArgumentParser
import BackupModel
import Foundation

/// A secret key that is given at the moment of need and stands in no profile.
struct IdentityOption: ParsableArguments {
    @Option(help: ArgumentHelp("The secret key for what age encrypted: archives, or sources.", valueName: "file"))
    var identity: String?

    var path: String? { identity.map { IdentityOption.path($0) } }

    static func path(_ text: String) -> String {
        let path = (text as NSString).expandingTildeInPath
        return path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
    }
}
