import Foundation
import TestSupport
import Testing

@testable import HostSystem

/// Programs that are run for the operator: nobody else may have put them there, or be able to change them.
@Suite("Files that are trusted to be run")
struct TrustedFileTests {
    private let folder: ScratchFolder

    init() throws {
        folder = try ScratchFolder("trust")
        try folder.write("#!/bin/sh\n", to: "hooks/good", mode: 0o755)
    }

    private func refusal(_ path: String) -> TrustedFile.Refusal? {
        do throws(TrustedFile.Refusal) {
            _ = try TrustedFile.open(path)
            return nil
        } catch { return error }
    }

    @Test func `one's own file in one's own folder is run, also by a link and by a detour`() throws {
        #expect(try TrustedFile.open(folder["hooks/good"]).path == folder["hooks/good"])
        try FileManager.default.createSymbolicLink(atPath: folder["link"], withDestinationPath: "hooks/../hooks/good")
        #expect(try TrustedFile.open(folder["link"]).path == folder["hooks/good"])
        // Of the system: a folder that is a link, a program that is one.
        #expect(try TrustedFile.open("/bin/sh").path.hasPrefix("/usr/bin/"))
    }

    @Test(arguments: [0o777, 0o757])
    func `a file that everybody may write to is refused`(mode: Int) throws {
        try folder.write("#!/bin/sh\n", to: "hooks/open", mode: mode)
        let refused = try #require(refusal(folder["hooks/open"]))
        #expect(refused.isUnsafe && refused.place == folder["hooks/open"] && refused.reason.contains("everybody"))
    }

    @Test(.enabled(if: geteuid() == 0, "giving to a group needs root"))
    func `a file that its group may write to is refused, unless that is root's`() throws {
        try folder.write("#!/bin/sh\n", to: "hooks/team", mode: 0o775)
        #expect(refusal(folder["hooks/team"]) == nil)
        #expect(chown(folder["hooks/team"], 0, 65_534) == 0 && chmod(folder["hooks/team"], 0o775) == 0)
        #expect(refusal(folder["hooks/team"])?.reason.contains("group") == true)
    }

    @Test func `a folder above it that everybody may write to is refused, unless it is root's and sticky`() throws {
        #expect(chmod(folder["hooks"], 0o777) == 0)
        let refused = try #require(refusal(folder["hooks/good"]))
        #expect(refused.isUnsafe && refused.place == folder["hooks"])
        #expect(chmod(folder["hooks"], 0o1777) == 0)
        #expect((refusal(folder["hooks/good"]) == nil) == (geteuid() == 0))
    }

    @Test(.enabled(if: geteuid() == 0, "giving away needs root"))
    func `a file, a folder or a link of somebody else's is refused`() throws {
        try folder.write("#!/bin/sh\n", to: "theirs", mode: 0o755)
        #expect(chown(folder["theirs"], 65_534, 0) == 0)
        #expect(refusal(folder["theirs"])?.reason.contains("belongs to") == true)
        try FileManager.default.createSymbolicLink(atPath: folder["link"], withDestinationPath: folder["hooks/good"])
        #expect(lchown(folder["link"], 65_534, 0) == 0)
        #expect(refusal(folder["link"])?.place == folder["link"])
        #expect(chown(folder["hooks"], 65_534, 0) == 0)
        #expect(refusal(folder["hooks/good"])?.place == folder["hooks"])
    }

    @Test func `an interpreter that others could exchange is refused`() throws {
        try folder.write("#!/bin/sh\n", to: "interpreter", mode: 0o777)
        try folder.write("#! \(folder["interpreter"]) -x\n", to: "script", mode: 0o755)
        let refused = try #require(refusal(folder["script"]))
        #expect(refused.isUnsafe && refused.place == folder["interpreter"])
        try folder.write("#!sh\n", to: "relative", mode: 0o755)
        #expect(refusal(folder["relative"])?.reason.contains("no absolute path") == true)
        try folder.write("#!/nowhere/sh\n", to: "lost", mode: 0o755)
        #expect(refusal(folder["lost"])?.reason.contains("is not there") == true)
    }

    @Test func `what is no program is told from what is not safe`() throws {
        #expect(refusal(folder["nothing"])?.isMissing == true)
        #expect(refusal(folder["hooks/good/below"])?.isMissing == true)
        #expect(refusal(folder["hooks"])?.isUnsafe == false)
        try folder.write("", to: "plain", mode: 0o644)
        #expect(refusal(folder["plain"])?.reason.contains("chmod +x") == true)
        #expect(mkfifo(folder["pipe"], 0o700) == 0)
        #expect(refusal(folder["pipe"])?.reason.contains("no regular file") == true)
        try FileManager.default.createSymbolicLink(atPath: folder["loop"], withDestinationPath: "loop")
        #expect(refusal(folder["loop"])?.reason.contains("too many links") == true)
    }

    @Test func `what was opened is what was looked at, whatever takes its name meanwhile`() throws {
        let file = try TrustedFile.open(folder["hooks/good"])
        var before = stat()
        #expect(fstat(file.descriptor, &before) == 0)
        try folder.write("#!/bin/sh\n# evil\n", to: "evil", mode: 0o755)
        #expect(rename(folder["evil"], folder["hooks/good"]) == 0)
        var after = stat()
        #expect(fstat(file.descriptor, &after) == 0 && after.st_ino == before.st_ino)
    }

    @Test func `plugins are looked for in the variable's folders, by the profile, beside it, and among the installed`()
    {
        let folders = HookFolders(
            environment: ["HOLDFAST_HOOKS_DIR": "/one:relative:/two"], program: "/opt/holdfast/bin/holdfast")
        #expect(
            folders.searched(from: "/etc/holdfast/profiles/app.yaml") == [
                "/one", "/two", "/etc/holdfast/profiles/hooks", "/etc/holdfast/hooks",
                "/opt/holdfast/share/holdfast/hooks",
                "/usr/local/share/holdfast/hooks", "/usr/share/holdfast/hooks",
            ])
    }
}
