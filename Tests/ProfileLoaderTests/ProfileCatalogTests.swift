import BackupModel
import Foundation
import ProfileLoader
import TestSupport
import Testing

struct ProfileCatalogTests {
    let fixture: LoaderFixture

    init() throws { fixture = try LoaderFixture() }

    private func write(_ names: String..., to folder: String = "etc") throws {
        for name in names {
            try fixture.folder.write(
                plainProfile.replacingOccurrences(of: "profile: app", with: "profile: \(name)"),
                to: "\(folder)/\(name).yaml")
        }
    }

    private var catalog: ProfileCatalog {
        ProfileCatalog(searching: [fixture.folder["home"], fixture.folder["etc"]], with: fixture.loader)
    }

    private func select(
        _ explicit: String? = nil, environment: String? = nil, program: String = "/usr/bin/holdfast",
        host: String = "web1.example.org"
    ) throws -> String {
        try catalog.select(
            .init(explicit: explicit, fromEnvironment: environment, programName: program, hostName: host)
        )
        .replacingOccurrences(of: fixture.folder.path + "/", with: "")
    }

    @Test func `home is what HOME says, where that is a path`() {
        #expect(HomeFolder.path(["HOME": "/somewhere/else"]) == "/somewhere/else")
        #expect(HomeFolder.path(["HOME": "relative"]) == HomeFolder.path([:]))
        #expect(HomeFolder.path([:]).hasPrefix("/"))
    }

    @Test func `the search path is an option, a variable, or home and etc`() {
        #expect(
            ProfileCatalog.searchPath(explicit: "/x", environment: ["HOLDFAST_CONFIG_DIR": "/y"], home: "/h") == ["/x"])
        #expect(
            ProfileCatalog.searchPath(explicit: nil, environment: ["HOLDFAST_CONFIG_DIR": "/y"], home: "/h") == ["/y"])
        #expect(
            ProfileCatalog.searchPath(explicit: nil, environment: [:], home: "/h") == [
                "/h/.config/holdfast/profiles", "/etc/holdfast/profiles",
            ])
    }

    @Test func `all are listed, with what is wrong with them`() throws {
        try write("good")
        try fixture.folder.write("nise: 1\n", to: "etc/bad.yml")
        try fixture.folder.write("profile: base\nabstract: true\n", to: "etc/base.yaml")
        try fixture.folder.write("not a profile", to: "etc/readme.txt")
        try fixture.folder.write("not a profile", to: "etc/.hidden.yaml")
        #expect(catalog.entries.map(\.title) == ["bad", "base", "good"])
        #expect(catalog.entries.map(\.problems.isEmpty) == [false, true, true])
        #expect(catalog.entries.map(\.isAbstract) == [false, true, false])
    }

    @Test func `a name or a path says which`() throws {
        try write("one", "two")
        #expect(try select("two") == "etc/two.yaml")
        #expect(try select(environment: "two") == "etc/two.yaml")
        #expect(try select("one", environment: "two") == "etc/one.yaml")
        #expect(try select("./x/y") == "./x/y")
        #expect(try select("here.yaml") == "here.yaml")
    }

    @Test func `without a name the program's, the only one, or the host's is meant`() throws {
        try write("timetiles")
        try fixture.folder.write("profile: base\nabstract: true\n", to: "etc/base.yaml")
        #expect(try select() == "etc/timetiles.yaml")
        try write("web1")
        #expect(try select() == "etc/web1.yaml")
        #expect(try select(program: "/usr/local/bin/timetiles") == "etc/timetiles.yaml")
        #expect(throws: ProfileError.self) { try select(host: "db1") }
    }

    @Test func `several are listed, none says where was looked, a typo names the nearest`() throws {
        #expect {
            try select()
        } throws: { error in
            guard let error = error as? ProfileError else { return false }
            return error.description.contains("there is no profile yet; looked in \(fixture.folder["home"]) and")
                && error.hint?.contains("holdfast profile new") == true && error.kind == .badProfile
        }
        try write("alpha", "beta")
        #expect {
            try select()
        } throws: { error in
            String(describing: error) == "there are several profiles: alpha and beta"
                && (error as? ProfileError)?.kind == .usage
        }
        #expect {
            try select("alhpa")
        } throws: { error in
            String(describing: error).contains("there is no profile `alhpa` (did you mean `alpha`?); looked in")
        }
    }

    @Test func `an earlier folder shadows a later one, and one folder has a name once`() throws {
        try write("app", to: "home")
        try write("app")
        #expect(try select("app") == "home/app.yaml")
        #expect(catalog.entries.map { $0.shadowedBy != nil } == [false, true])
        #expect(catalog.entries[1].problems.isEmpty)
        try fixture.folder.write(plainProfile, to: "home/again.yaml")
        #expect(catalog.entries.contains { $0.problems.contains { $0.message.contains("is the name of") } })
    }
}
