import BackupModel
import Programs
import TestSupport
import Testing

@Suite struct RecipientTests {
    @Test func `an ssh key is known without its comment, and age's as it is`() {
        #expect(Age.recipient(" ssh-ed25519  AAAAC3 me@host ") == "ssh-ed25519 AAAAC3")
        #expect(Age.recipient("age1abc") == "age1abc")
        #expect(
            Age.recipient("ssh-rsa") == nil && Age.recipient("me@host") == nil && Age.recipient("age1a age1b") == nil)
    }

    @Test func `what is listed twice is one recipient, and the order does not matter`() {
        #expect(Recipients(.age, ["age1b", "age1a", "age1b"]) == Recipients(.age, ["age1a", "age1b"]))
    }

    @Test func `gpg's listing tells fingerprints of primary keys, and which cannot be used`() {
        let listing = """
            tru::1:1795276800:0:3:1:5
            pub:u:255:22:AAAA:1795276800:::u:::scESC:::::ed25519:::0:
            fpr:::::::::1111111111111111111111111111111111111111:
            uid:u::::1795276800::X::a <a@example.org>::::::::::0:
            sub:u:255:18:BBBB:1795276800::::::e:::::cv25519::
            fpr:::::::::2222222222222222222222222222222222222222:
            pub:r:255:22:CCCC:1795276800:::u:::sc:::::ed25519:::0:
            fpr:::::::::3333333333333333333333333333333333333333:
            pub:e:255:22:CCCC:1795276800:::u:::sc:::::ed25519:::0:
            fpr:::::::::4444444444444444444444444444444444444444:
            pub:-:255:22:CCCC:1795276800:::u:::scSC:::::ed25519:::0:
            fpr:::::::::5555555555555555555555555555555555555555:
            """
        let keys = GnuPG.keys(in: listing)
        #expect(keys.map { String($0.fingerprint.prefix(1)) } == ["1", "3", "4", "5"])
        #expect(
            keys.map(\.obstacle) == [
                nil, "it is revoked", "it has expired", "nothing can be encrypted to it",
            ])
    }

    @Test func `gpg encrypts for those named and nobody else`() {
        let arguments = GnuPG.encrypt(onlyTo: ["F1", "F2"]).arguments
        #expect(arguments.contains("--no-encrypt-to") && arguments.contains("--no-groups"))
        #expect(arguments.suffix(4) == ["--recipient", "F1", "--recipient", "F2"])
    }

    @Test func `an encryptor in the middle of a pipe does not die before what comes after it`() {
        for program in Recipients.Program.allCases {
            #expect(Recipients(program, ["age1a"]).encryptor.whenOrphaned == .leave)
        }
    }

    @Test(arguments: [
        ["# none\n", "no recipient is named"], ["me@example.org\n", "is no recipient of age"],
        ["AGE-SECRET-KEY-1QQQ\n", "the secret half of a key"],
    ])
    func `a file that names nobody, or what is none, is refused without repeating a secret`(_ given: [String])
        async throws
    {
        let folder = try ScratchFolder("recipients")
        let path = try folder.write(given[0], to: "r")
        let lookup = RecipientLookup(.age, listed: [""], file: path, runner: RecordingRunner())
        let problem = try await #require(throws: RecipientLookup.Problem.self) { try await lookup.find() }
        #expect(problem.description.contains(given[1]) && !problem.description.contains("1QQQ"), "\(problem)")
    }
}
