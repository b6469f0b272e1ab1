import BackupModel
import Foundation
import RunHistory
import TestSupport
import Testing

@Suite struct `State that decides safety` {
    let folder: ScratchFolder
    let state: String
    private let local = RepositoryName(unchecked: "local")
    init() throws {
        folder = try ScratchFolder("state")
        state = folder["state"]
    }

    @Test(arguments: ["", "{", "{}", "null", "\u{0}\u{0}\u{0}"]) func `a garbled pin is an error and never no pin`(
        _ text: String
    )
        throws
    {
        let pins = FilePins(folder: state)
        try pins.save(Samples.pin("one"), profile: Samples.profile, repository: local)
        try folder.write(text, to: "state/pins/timetiles/local.json")
        let error = try #require(throws: StoreError.self) {
            try pins.pin(profile: Samples.profile, repository: local)
        }
        #expect(error.description.contains("pins/timetiles/local.json"))
    }

    @Test(arguments: ["", "{", "{}", "null"]) func `a garbled pin of recipients is an error and never no pin`(
        _ text: String
    )
        throws
    {
        let pins = FilePins(folder: state)
        let subject = RecipientSubject.source(SourceName(unchecked: "secrets"))
        let pin = RecipientPin(recipients: Recipients(.age, ["age1a"]), pinnedAt: Date(timeIntervalSince1970: 1000))
        try pins.save(pin, profile: Samples.profile, of: subject)
        #expect(try pins.recipients(profile: Samples.profile, of: subject) == pin)
        #expect(
            try pins.recipients(profile: Samples.profile, of: .repository(RepositoryName(unchecked: "secrets"))) == nil)
        try folder.write(text, to: "state/pins/timetiles/recipients/source-secrets.json")
        let error = try #require(throws: StoreError.self) {
            try pins.recipients(profile: Samples.profile, of: subject)
        }
        #expect(error.description.contains("recipients/source-secrets.json"))
        try pins.save(nil, profile: Samples.profile, of: subject)
        #expect(try pins.recipients(profile: Samples.profile, of: subject) == nil)
    }

    @Test func `a garbled journal entry is an error that names the file`() throws {
        let journal = FileJournal(folder: state)
        try journal.add(Samples.entry("a", order: 1))
        try folder.write("{", to: "state/journal/timetiles/b.json")
        let error = try #require(throws: StoreError.self) { try journal.entries(profile: Samples.profile) }
        #expect(error.description.contains("journal/timetiles/b.json"))
    }

    @Test func `a pin that was deleted leaves a profile that was used before`() throws {
        let pins = FilePins(folder: state)
        try pins.save(Samples.pin("one"), profile: Samples.profile, repository: local)
        try FileManager.default.removeItem(atPath: folder["state/pins/timetiles/local.json"])
        #expect(try pins.pin(profile: Samples.profile, repository: local) == nil)
        #expect(try pins.hasState(profile: Samples.profile))
    }

    @Test func `a crash before the first pin leaves a profile that was never used`() throws {
        try FileManager.default.createDirectory(
            atPath: folder["state/pins/timetiles"], withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700])
        chmod(state, 0o700)
        try folder.write("{", to: "state/pins/timetiles/.local.json.1.new")
        #expect(try !FilePins(folder: state).hasState(profile: Samples.profile))
    }

    @Test func `everything made is closed to others, whatever the umask`() throws {
        let before = umask(0)
        defer { umask(before) }
        try FilePins(folder: state).save(Samples.pin("one"), profile: Samples.profile, repository: local)
        try FileJournal(folder: state).add(Samples.entry("a", order: 1))
        let store = try SQLiteRunStore(folder: state)
        try store.begin(Samples.run(1))
        let all = try #require(FileManager.default.enumerator(atPath: state)).compactMap { $0 as? String }
        #expect(all.contains("history.sqlite-wal") && all.contains("pins/timetiles/local.json"))
        for name in all + [""] {
            var facts = stat()
            #expect(lstat("\(state)/\(name)", &facts) == 0)
            #expect(facts.st_mode & 0o077 == 0, "\(name)")
        }
    }

    @Test(arguments: [mode_t(0o777), 0o770, 0o1777]) func `a folder that others may write to is refused`(_ mode: mode_t)
        throws
    {
        try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: true)
        #expect(chmod(state, mode) == 0)
        try expectUnsafe { _ = try SQLiteRunStore(folder: state) }
        try expectUnsafe {
            try FilePins(folder: state).save(Samples.pin("one"), profile: Samples.profile, repository: local)
        }
        try expectUnsafe { _ = try FilePins(folder: state).hasState(profile: Samples.profile) }
        try expectUnsafe { try FileJournal(folder: state).add(Samples.entry("a", order: 1)) }
        try expectUnsafe { _ = try FileJournal(folder: state).entries(profile: Samples.profile) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: state) == [])
    }

    @Test(.enabled(if: geteuid() == 0, "giving a folder away needs root"))
    func `a folder of another user's is refused`()
        throws
    {
        try FileManager.default.createDirectory(
            atPath: state, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        #expect(chown(state, 65_534, 65_534) == 0)
        try expectUnsafe { _ = try SQLiteRunStore(folder: state) }
        try expectUnsafe { try FileJournal(folder: state).add(Samples.entry("a", order: 1)) }
    }

    @Test func `a name that leads out of the folder is refused`() throws {
        let profile = ProfileName(unchecked: "../../etc")
        #expect(throws: StoreError.self) {
            try FilePins(folder: state).save(Samples.pin("one"), profile: profile, repository: local)
        }
        #expect(throws: StoreError.self) { try FileJournal(folder: state).add(Samples.entry("../x", order: 1)) }
        #expect(throws: StoreError.self) { try FileJournal(folder: state).remove("../x") }
    }

    private func expectUnsafe(_ body: () throws -> Void) throws {
        let error = try #require(throws: StoreError.self, performing: body)
        guard case .unsafe = error else { throw Failure("\(error)") }
    }
}
