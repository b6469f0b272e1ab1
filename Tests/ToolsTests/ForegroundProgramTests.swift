import Foundation
import TestSupport
import Testing
import Tools

/// Finding what is to run in our place. Running it changes how this whole process takes signals, so that is tested end to end.
@Suite("Programs in the foreground")
struct ForegroundProgramTests {
    private let folder: ScratchFolder

    init() throws { folder = try ScratchFolder("foreground") }

    private func refusal(_ program: String, path: String? = nil) -> ForegroundProgram.Refusal? {
        do throws(ForegroundProgram.Refusal) {
            _ = try ForegroundProgram.locate(program, path: path)
            return nil
        } catch {
            return error
        }
    }

    @Test func `what cannot be run is refused with the code of shells, before anything else is done`() throws {
        #expect(refusal("/nowhere/deploy")?.exitCode == 127)
        #expect(refusal("no-such-program-here")?.exitCode == 127)
        #expect(refusal("")?.exitCode == 127)
        let plain = try folder.write("#!/bin/sh\n", to: "plain", mode: 0o644)
        #expect(refusal(plain)?.exitCode == 126)
        #expect(refusal("plain", path: folder.path)?.exitCode == 126)
        #expect(refusal(folder.path)?.exitCode == 126)
        #expect(refusal("plain", path: "\(folder.path):/bin")?.exitCode == 126)
        #expect(refusal("sh", path: "\(folder.path)::/bin") == nil)
    }
}
