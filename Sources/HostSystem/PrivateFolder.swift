import Foundation

struct PrivateFolderError: Error {
    var path: String
    var reason: String
}

/// Folders that belong to us alone.
enum PrivateFolder {
    /// Makes `path` and its missing parents, each 0700; existing ones are left as they are.
    static func make(_ path: String) throws(PrivateFolderError) {
        var missing: [String] = []
        var place = path
        var facts = stat()
        while stat(place, &facts) != 0 {
            guard errno == ENOENT, place != "/", !place.isEmpty else {
                throw PrivateFolderError(path: place, reason: reason(errno))
            }
            missing.append(place)
            place = (place as NSString).deletingLastPathComponent
        }
        guard facts.st_mode & S_IFMT == S_IFDIR else { throw PrivateFolderError(path: place, reason: "not a folder") }
        for folder in missing.reversed() {
            // Another process may have been quicker.
            guard mkdir(folder, 0o700) == 0 || errno == EEXIST else {
                throw PrivateFolderError(path: folder, reason: reason(errno))
            }
        }
    }
}
