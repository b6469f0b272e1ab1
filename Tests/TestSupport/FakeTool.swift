import Foundation

/// A program that plays a script, linked under any name into a folder; see `Tests/FakeTool/main.swift` for the steps.
package struct FakeTool: Sendable {
    package let path: String

    /// The folder that the build leaves its programs in.
    package static let buildProducts: String = {
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        var candidates = CommandLine.arguments.prefix(1) + [own]
        // Under `swift test` the tests may run inside a helper of the toolchain; it is told where they are.
        candidates += CommandLine.arguments.filter { $0.contains(".xctest") }
        // Links and children in other folders need the whole path.
        let here = FileManager.default.currentDirectoryPath
        let whole = candidates.map { $0.hasPrefix("/") ? $0 : here + "/" + $0 }
        let folders =
            whole.map { ($0 as NSString).deletingLastPathComponent } + [RealTools.packageRoot + "/.build/debug"]
        return folders.first { FileManager.default.isExecutableFile(atPath: "\($0)/FakeTool") } ?? folders[0]
    }()

    /// - Parameters:
    ///   - name: what it is called, so that it stands in for that tool where `folder` comes first in PATH.
    ///   - steps: the script.
    package init(_ name: String, in folder: ScratchFolder, _ steps: String...) throws {
        path = folder[name]
        try FileManager.default.createSymbolicLink(
            atPath: path, withDestinationPath: FakeTool.buildProducts + "/FakeTool")
        try folder.write(steps.joined(separator: "\n") + "\n", to: "\(name).script")
    }
}
