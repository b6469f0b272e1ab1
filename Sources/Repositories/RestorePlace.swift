import BackupModel
import Foundation

/// What is the matter with the place that is restored to: nothing is wrong with the repository then.
enum RestorePlace {
    static func error(_ failure: SystemFailure) -> RepositoryError {
        switch failure.code {
        case SystemFailure.noSpace, EDQUOT:
            .noRoom(place: failure.path, detail: failure.reason, free: nil)
        case SystemFailure.readOnly: .readOnly(location: failure.path, detail: failure.reason)
        case SystemFailure.noAccess, SystemFailure.notPermitted:
            .denied(location: failure.path, detail: failure.reason)
        default: .unsupported("\(failure.path) cannot be restored into: \(failure.reason)")
        }
    }

    static func full(_ place: String, _ detail: String, _ host: any HostFacts) -> RepositoryError {
        let room = host.room(at: (place as NSString).deletingLastPathComponent)
        return .noRoom(place: place, detail: detail + withoutInodes(room), free: room?.free)
    }

    /// A disk may have room and yet take no further file.
    static func withoutInodes(_ room: Room?) -> String {
        guard let room, room.free > .mebibytes(1), let inodes = room.freeInodes, inodes < 16 else { return "" }
        return "; there is room, but for \(inodes) more files only (inodes)"
    }

    /// - Parameter errors: of a program that wrote there.
    static func isFull(_ errors: String) -> Bool {
        errors.lowercased().contains("no space left on device") || errors.contains("Disk quota exceeded")
            || errors.contains("Disc quota exceeded")
    }
}
