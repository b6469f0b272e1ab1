import BackupModel
import Foundation
import ProfileLoader
import TestSupport
import Testing

struct HostSurveyTests {
    private func database(_ size: Int = 4096) -> Data { Data("SQLite format 3\0".utf8) + Data(count: size - 16) }

    private func survey(_ scratch: ScratchFolder, _ roots: [String]) -> HostSurvey {
        var survey = HostSurvey(roots: roots.map { scratch[$0] })
        survey.clusterRoots = [scratch["clusters"]]
        survey.socketFolders = [scratch["run"]]
        survey.mysqlSockets = [scratch["run/mysqld.sock"], scratch["run/nothing.sock"]]
        return survey
    }

    private func furnished() throws -> ScratchFolder {
        let scratch = try ScratchFolder("survey")
        try scratch.write("services: {}", to: "opt/app/docker-compose.yml")
        try scratch.write(database(), to: "opt/app/data/app.db")
        try scratch.write(database(), to: "srv/odd name: #1/app.db")
        try scratch.write(Data("SQLite format 3\0".utf8) + Data(count: 100), to: "opt/app/data/cut.db")
        try scratch.write(Data(count: 4096), to: "opt/app/data/zero.db")
        try scratch.write(database(), to: "opt/app/node_modules/x/skipped.db")
        try scratch.write("15\n", to: "clusters/15/main/PG_VERSION")
        try scratch.write("", to: "run/.s.PGSQL.5433")
        try scratch.write("", to: "run/.s.PGSQL.5433.lock")
        try FileManager.default.createDirectory(atPath: scratch["empty"], withIntermediateDirectories: true)
        return scratch
    }

    @Test func `it finds compose files, databases by their magic, and clusters`() throws {
        let scratch = try furnished()
        let findings = survey(scratch, ["opt", "srv", "empty", "missing"]).run()
        #expect(findings.composeFiles == [scratch["opt/app/docker-compose.yml"]])
        #expect(findings.sqliteDatabases == [scratch["opt/app/data/app.db"], scratch["srv/odd name: #1/app.db"]])
        #expect(findings.folders == [scratch["opt"], scratch["srv"]])
        #expect(findings.isComplete)
        #expect(findings.postgresClusters.count == 1)
        #expect(findings.postgresClusters.first?.version == "15")
        #expect(findings.postgresClusters.first?.port == 5433)
    }

    @Test func `it finds a server of MySQL or MariaDB by its socket, and no file of that name`() throws {
        let scratch = try furnished()
        #expect(survey(scratch, ["opt"]).run().mysqlSockets == [])
        try scratch.write("", to: "run/nothing.sock")
        let path = scratch["run/mysqld.sock"]
        let socket = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8) + [0]) }
        let made = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(made == 0)
        var findings = survey(scratch, ["srv"]).run()
        #expect(findings.mysqlSockets == [path])
        findings.folders = []
        let draft = ProfileDraft(name: "db", findings: findings, repository: "/r", passwordFile: "/p")
        let profile = try RealProfilesTests.loader().load(scratch.write(draft.text, to: "draft.yaml")).profile
        let source = try #require(profile.sources.first { $0.kind == "mysql" })
        #expect(source.settings["socket"]?.text == path)
        #expect(source.settings["all"]?.boolean == true)
    }

    @Test func `it stays within its bounds and says so`() throws {
        let scratch = try ScratchFolder("survey")
        for index in 0..<50 { try scratch.write("x", to: "opt/\(index)") }
        var survey = survey(scratch, ["opt"])
        survey.maximumEntries = 10
        #expect(!survey.run().isComplete)
        survey.maximumEntries = 1000
        survey.timeLimit = .zero
        #expect(!survey.run().isComplete)
        // A link to the root is not followed.
        try FileManager.default.createSymbolicLink(atPath: scratch["opt/loop"], withDestinationPath: "/")
        survey.timeLimit = .seconds(10)
        #expect(survey.run().isComplete)
        try scratch.write(database(), to: "opt/a/b/c/d/e/deep.db")
        survey.maximumDepth = 3
        #expect(survey.run().sqliteDatabases.isEmpty)
        survey.maximumDepth = 5
        #expect(survey.run().sqliteDatabases.count == 1)
    }

    @Test func `what is drafted from it passes the check`() throws {
        let scratch = try furnished()
        let whole = survey(scratch, ["opt", "srv"]).run()
        var alone = whole
        alone.folders = []
        alone.composeFiles = []
        var cut = whole
        cut.isComplete = false
        cut.postgresClusters.append(HostSurvey.PostgreSQLCluster(version: "13", dataFolder: "/d\nata"))
        for (index, findings) in [whole, alone, cut, HostSurvey.Findings()].enumerated() {
            let draft = ProfileDraft(
                name: "web-1", findings: findings, repository: "/mnt/backup disk",
                passwordFile: "/etc/holdfast/web-1.password")
            let path = try scratch.write(draft.text, to: "draft\(index).yaml")
            #expect(RealProfilesTests.loader().problems(in: path) == [], "\(draft.text)")
        }
        let draft = ProfileDraft(name: "true", findings: alone, repository: "/r", passwordFile: "/p")
        let profile = try RealProfilesTests.loader().load(scratch.write(draft.text, to: "draft.yaml")).profile
        // Two databases of one name cannot be in one source.
        #expect(profile.sources.map(\.name.rawValue) == ["postgres", "sqlite", "sqlite-2"])
        #expect(profile.sources[2].settings["path"]?.strings == [scratch["srv/odd name: #1/app.db"]])
        #expect(profile.name.rawValue == "true")
    }

    @Test func `a repository inside what is backed up is left out of the backup`() throws {
        let scratch = try furnished()
        let findings = survey(scratch, ["opt"]).run()
        let state = scratch["opt/[state]"]
        var draft = ProfileDraft(
            name: "a", findings: findings, repository: state + "/repositories/a", passwordFile: state + "/p",
            stateFolder: state)
        func excludes() throws -> [String]? {
            let profile = try RealProfilesTests.loader().load(scratch.write(draft.text, to: "draft.yaml")).profile
            return profile.sources.first { $0.name.rawValue == "files" }?.settings["exclude"]?.strings
        }
        #expect(try excludes() == [scratch["opt/\\[state]"]])
        draft.repository = scratch["opt/backup"]
        #expect(try excludes() == [scratch["opt/\\[state]"], scratch["opt/backup"]])
        draft.stateFolder = "/var/lib/holdfast"
        draft.repository = scratch["opt-backup"]
        #expect(try excludes() == nil)
    }
}
