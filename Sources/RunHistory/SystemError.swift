import BackupModel
import Foundation

/// An error of the state folder from an error number.
func stateError(_ path: String, _ code: Int32, doing action: String = "") -> StoreError {
    // SAFETY: since glibc 2.32 the text is constant or the calling thread's own.
    let reason = (action.isEmpty ? "" : "\(action): ") + String(cString: strerror(code))
    return switch code {
    case ENOSPC, EDQUOT, EFBIG: .full(path: path, reason: reason)
    case ELOOP: .unsafe(path: path, reason: "a symbolic link stands in its place")
    default: .unusable(path: path, reason: reason)
    }
}
