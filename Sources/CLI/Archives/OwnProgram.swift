import BackupModel
import Foundation

/// Our own program, as a stage of a pipeline.
enum OwnProgram {
    static func stage(_ arguments: [String]) -> ToolCommand {
        ToolCommand(path, ["stream"] + arguments)
    }

    /// This very file, also when a newer one has taken its place. What follows the path is our child before it becomes the
    /// stage, and that runs what we run.
    private static var path: String {
        #if os(Linux)
            "/proc/self/exe"
        #else
            Bundle.main.executablePath ?? CommandLine.arguments[0]
        #endif
    }
}
