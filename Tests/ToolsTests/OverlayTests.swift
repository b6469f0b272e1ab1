import BackupModel
import Foundation
import TestSupport
import Testing
import Tools

/// Files that stand in for others for one program alone.
struct OverlayTests {
    private let runner: SupervisedRunner
    private let folder: ScratchFolder

    init() throws {
        folder = try ScratchFolder("overlay")
        runner = try SupervisedRunner()
        try folder.write("original", to: "live")
        try folder.write("copy", to: "other place/co py")
    }

    private var command: ToolCommand {
        var command = ToolCommand("cat", [folder["live"]])
        command.overlays = [FileOverlay(place: folder["live"], content: folder["other place/co py"])]
        return command
    }

    @Test(.enabled(if: geteuid() == 0))
    func `a program sees the stand-in, and everybody else the original`() async throws {
        let result = try await runner.run(command)
        #expect(result.output.text == "copy")
        #expect(try String(contentsOfFile: folder["live"], encoding: .utf8) == "original")
        #expect(try await runner.run(ToolCommand("cat", [folder["live"]])).output.text == "original")
    }

    @Test(.enabled(if: geteuid() == 0))
    func `a stand-in that cannot be laid over keeps the program from starting`() async throws {
        var missing = self.command
        missing.overlays[0].content = folder["not there"]
        do {
            _ = try await runner.run(missing)
            Issue.record("it was started without its overlay")
        } catch {
            guard case .couldNotStart(_, FileOverlay.stage, let code, _) = error else {
                Issue.record("\(error)")
                return
            }
            #expect(code == ENOENT)
        }
    }

    @Test(.enabled(if: geteuid() != 0))
    func `an ordinary user is told that overlays are not to be had`() async throws {
        do {
            _ = try await runner.run(command)
            Issue.record("it was started without its overlay")
        } catch {
            guard case .couldNotStart(_, FileOverlay.stage, let code, _) = error else {
                Issue.record("\(error)")
                return
            }
            #expect(code == EPERM)
        }
    }
}
