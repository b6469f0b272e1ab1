import Foundation

/// The system's words for an error number.
func reason(_ code: Int32) -> String {
    // SAFETY: since glibc 2.32 the text is constant or the calling thread's own.
    String(cString: strerror(code))
}
