import BackupModel
import Programs
import Testing

@Suite("The names of archive files, and the programs that open them")
struct ArchiveFormTests {
    @Test
    func `a name says how its file was made`() throws {
        let old = try #require(ArchiveForm(fileName: "hermes-backup-20260415-030000.tar.gz.enc"))
        #expect(old.compression == .gzip && old.encryption == .openssl && !old.noticesDamage)
        #expect(old.stem == "hermes-backup-20260415-030000")
        let ours = try #require(ArchiveForm(fileName: "a.b.tar.zst.age"))
        #expect(ours.compression == .zstd && ours.encryption == .age && ours.stem == "a.b" && ours.noticesDamage)
        let plain = try #require(ArchiveForm(fileName: "a.tar"))
        #expect(plain.compression == .none && plain.encryption == .none && plain.decompressor == nil)
        for name in [".tar.gz", "a.zip", "a.tar.gz.enc.part", "a.gz", "", "tar"] {
            #expect(ArchiveForm(fileName: name) == nil, "\(name)")
        }
    }

    @Test
    func `no secret is among the arguments`() {
        let secret = Secret("correct horse")
        for command in [
            ArchiveDecryption.openssl(secret), ArchiveDecryption.age(secret), ArchiveDecryption.gpg(secret),
        ] {
            #expect(command.secrets.map(\.secret) == [secret])
            #expect(!command.displayed.contains("horse") && command.environment.isEmpty)
        }
        #expect(ArchiveDecryption.gpg(nil).secrets.isEmpty)
    }
}
