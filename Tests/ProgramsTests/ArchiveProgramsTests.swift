import BackupModel
import Programs
import Testing

@Suite struct ArchiveProgramsTests {
    private static let secret = Secret("correct horse")

    @Test(arguments: [
        OpenSSL.encrypt(passphrase: secret), OpenSSL.decrypt(passphrase: secret),
        GnuPG.encrypt(passphrase: secret, home: "/home"), GnuPG.decrypt(passphrase: secret, home: "/home"),
        Age.decrypt(with: secret),
    ])
    func `no secret is among the arguments`(command: ToolCommand) {
        #expect(!command.displayed.contains("horse"))
        #expect(!command.environment.values.contains { $0.contains("horse") })
        #expect(command.secrets.map(\.secret) == [ArchiveProgramsTests.secret])
    }

    @Test func `openssl's files open with the options that people know`() {
        #expect(
            OpenSSL.encrypt(passphrase: ArchiveProgramsTests.secret).arguments == [
                "enc", "-aes-256-cbc", "-salt", "-pbkdf2", "-pass",
            ])
        #expect(
            OpenSSL.encrypt(passphrase: ArchiveProgramsTests.secret).secrets == [
                .memoryFileArgument("file:", ArchiveProgramsTests.secret)
            ])
    }

    @Test func `tar is given names by its input and goes into no folder itself`() {
        let names = ToolInput.bytes(Array("a\0b\nc\0".utf8))
        let command = Tar.create(names: names, in: "/srv", overlays: [FileOverlay(place: "/srv/a", content: "/x")])
        #expect(command.input == names)
        #expect(command.arguments.contains("--no-recursion"))
        #expect(command.arguments.suffix(2) == ["--null", "--files-from=-"])
        #expect(command.acceptedExitCodes == [0, 1])
        #expect(command.overlays == [FileOverlay(place: "/srv/a", content: "/x")])
    }

    @Test func `what tar says of files is told apart from what it says else`() {
        let said = """
            tar: t/gone: Warning: Cannot stat: No such file or directory
            /usr/bin/tar: t/a: b: file changed as we read it
            tar: t/locked: Warning: Cannot open: Permission denied
            tar: t/short: File shrank by 12 bytes; padding with zeros
            tar: Exiting with failure status due to previous errors
            something else
            """
        #expect(
            Tar.notices(in: said) == [
                UnreadableItem(path: "t/gone", reason: "Cannot stat: No such file or directory"),
                UnreadableItem(path: "t/a: b", reason: "file changed as we read it"),
                UnreadableItem(path: "t/locked", reason: "Cannot open: Permission denied"),
                UnreadableItem(path: "t/short", reason: "File shrank by 12 bytes; padding with zeros"),
            ])
    }

    @Test func `a file of recipients may have comments and blanks`() {
        #expect(
            Age.recipients(in: "# ours\n\n age1x \r\nssh-ed25519 AAAA me\n#\n") == ["age1x", "ssh-ed25519 AAAA me"])
    }

    @Test func `what our own streams counted is found among what they said`() throws {
        let kept = try #require(OwnStreams.kept("a word\n{\"bytes\":3,\"sha256\":\"ab\"}\n"))
        #expect((kept.sha256, kept.bytes) == ("ab", 3))
        #expect(OwnStreams.kept("") == nil)
        let tally = try #require(OwnStreams.tally("{\"entries\":3,\"files\":2,\"bytes\":9}\n"))
        #expect((tally.entries, tally.files, tally.bytes) == (3, 2, 9))
    }
}
