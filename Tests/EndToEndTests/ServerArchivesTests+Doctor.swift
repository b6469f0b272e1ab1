import Foundation
import TestSupport
import Testing

/// What may be done where archives are kept.
extension ServerArchivesTests {
    @Test(arguments: [Kind.sftp, .rclone].filter(available), [true, false])
    func `doctor asks by putting, reading, replacing and deleting a file of its own`(
        kind: Kind, isThere: Bool
    ) async throws {
        let scene = try Scene(kind)
        if isThere { try await scene.backUp() }
        let before = scene.runs
        let probe = try await scene.run("doctor", "--probe")
        #expect(probe.output.contains("access far: full, as the profile says"), "\(probe)")
        #expect(scene.runs == before && probe.code == 0, "\(probe)")
    }

    @Test func `doctor says of a folder what may be done there`() async throws {
        let world = try World("archives-probe")
        try world.program.writeProfile(
            """
            sources: { documents: { files: "\(world.documents)" } }
            repositories:
              local: { archive: "\(world.program.repository)", encrypt: openssl, password: env:RESTIC_PASSWORD }
              nas: { archive: "\(world.folder["nas"])", password: env:RESTIC_PASSWORD, follows: local, access: full }
            """)
        try await world.backUp("--strict")
        let probe = try await world.program.run("doctor", "--probe")
        #expect(probe.code == 0 && probe.output.contains("access nas: full, as the profile says"), "\(probe)")
        #expect(probe.output.contains("access local: auto, which is full in effect"), "\(probe)")
        #expect(!FileManager.default.fileExists(atPath: world.folder["nas/holdfast-probe"]))
    }
}
