import Foundation
import TestSupport

/// The program as somebody who is not root. Where the tests run as root, they become `nobody`; otherwise they are somebody
/// already.
enum OrdinaryUser {
    private static let number: UInt32 = 65_534

    static func world(
        _ label: String, restic: RealTools.Restic? = RealTools.restics.last, isNew: Bool = false
    ) throws -> World {
        let world = try World(label, restic: restic, isNew: isNew)
        guard geteuid() == 0 else { return world }
        var program = world.program
        program.prefix = ["setpriv", "--reuid=\(number)", "--regid=\(number)", "--clear-groups", "--"]
        program.environment["USER"] = "nobody"
        return World(program: program, isNew: isNew)
    }

    /// Gives the world's folder to that user, who may pass through all folders above it; `closed` stays one nobody can read.
    static func give(_ world: World, closed: String? = nil) throws {
        if let closed { try world.folder.write("closed\n", to: closed, mode: 0) }
        guard geteuid() == 0 else { return }
        guard let all = FileManager.default.enumerator(atPath: world.folder.path) else {
            throw CocoaError(.fileReadUnknown)
        }
        for path in [""] + all.compactMap({ $0 as? String }) {
            let isClosed = path == closed
            guard lchown(world.folder.path + "/" + path, isClosed ? 0 : number, isClosed ? 0 : number) == 0 else {
                throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EPERM)
            }
        }
    }
}
